package sv2net

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/noise"
)

// Sizes of a Conn's own buffers, in bytes. Shares and standard jobs fit several
// times, so that one read takes many and no other buffer is needed.
const (
	inSize  = 1024
	outSize = 512
)

// A Conn carries frames. One goroutine at a time may Receive; any number may Send;
// Close may come from anywhere and ends both.
type Conn struct {
	nc  net.Conn
	cfg *Config

	// session is nil on a plain connection. That is the only difference.
	session *noise.Session
	clock   noise.Clock
	shake   func() error // the handshake, nil when done
	ready   atomic.Bool
	pending atomic.Bool // certificate's span not checked yet

	idle atomic.Int64 // receive timeout in nanoseconds, 0 none

	// The receiver's own.
	in      []byte // what was read: in[r:w] is not used up yet
	r, w    int
	big     []byte    // lent for a large frame, until the next Receive
	begun   bool      // the present frame has begun to come
	end     time.Time // until when it must be complete; zero: not set yet
	limited bool      // a read deadline is set
	failed  error     // of Receive, for good

	mu    sync.Mutex // sender's
	codec sv2.Codec
	out   []byte
	dead  error // of Send, for good
}

func newConn(nc net.Conn, cfg *Config) *Conn {
	return &Conn{nc: nc, cfg: cfg, in: make([]byte, inSize), out: make([]byte, 0, outSize)}
}

// Close ends the connection; a Send or Receive that waits returns with an error.
func (c *Conn) Close() error { return c.nc.Close() }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// LocalAddr is our address.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// Secure says whether the connection is encrypted.
func (c *Conn) Secure() bool { return c.session != nil }

// SetReceiveTimeout limits how long the next calls of Receive wait for a frame to
// begin; 0, as at first, is without limit. It can be called from anywhere, but a
// Receive that waits already is not affected.
func (c *Conn) SetReceiveTimeout(d time.Duration) { c.idle.Store(int64(d)) }

// Certificate is the server's. It is false on a plain connection.
func (c *Conn) Certificate() (cert noise.Certificate, ok bool) {
	if c.session == nil {
		return cert, false
	}
	return c.session.Certificate, true
}

// Pending says that the time was unknown at the handshake, and CheckTime must
// follow as soon as one is known.
func (c *Conn) Pending() bool { return c.pending.Load() }

// CheckTime checks the span of a pending certificate by a time that has become
// known, as the ntime of the pool's first job. If the certificate fails, the
// connection is closed and the error wraps noise.ErrExpired or
// noise.ErrNotYetValid. Without a pending certificate it does nothing.
func (c *Conn) CheckTime(known time.Time) error {
	if !c.pending.Load() {
		return nil
	}
	if err := c.clock.CheckLater(c.session.Certificate, known); err != nil {
		c.Close()
		return err
	}
	c.pending.Store(false)
	return nil
}

// Hangup ends the connection so that the peer can still read what was sent last,
// as an error that says why: a plain Close with unread bytes makes TCP throw that
// away. It stops sending, then reads and discards for at most d, then closes. Call it
// from the goroutine that receives.
func (c *Conn) Hangup(d time.Duration) error {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if ok && half.CloseWrite() == nil && c.nc.SetReadDeadline(time.Now().Add(d)) == nil {
		for left := hangupBytes; left > 0; {
			n, err := c.nc.Read(c.in)
			if err != nil {
				break
			}
			left -= n
		}
	}
	c.failed = net.ErrClosed
	return c.Close()
}

// hangupBytes is how much Hangup reads of a peer that goes on talking.
const hangupBytes = 64 << 10
