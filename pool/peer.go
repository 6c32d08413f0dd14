package pool

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/sv2net"
)

// A peer is one connection:
//
//	accepted --Noise--> silent --SetupConnection--> set up --Open--> with channels
//	    |                 |                            |  <--last Close--  |
//	    |  10 s           |  10 s, anything else       |  30 s             |  no share for
//	    v                 v                            v                   v  hours
//	  closed <---------------------------------------- closed ------------------
//
// Its reader (run) owns what the device says; mu is for what the pool's workers
// touch too, and is held while sending, so that messages leave in the order in
// which the state changed.
type peer struct {
	pool *Pool
	conn *sv2net.Conn
	log  *slog.Logger
	from netip.Addr // counted under

	turn turn         // of the workers
	due  atomic.Int64 // when a worker must look in again, in Unix nanoseconds
	slow atomic.Bool  // the last visit was held up: others go first

	mu       sync.Mutex
	channels []*standard // by ChannelID, rising
	lastID   uint32
	lonely   time.Time // since when there is no channel; zero before the setup and while there are channels
	why      error     // we closed it

	// The reader's.
	flags   uint32 // of SetupConnection
	codec   sv2.Codec
	submit  mining.SubmitSharesStandard
	refusal mining.SubmitSharesError
	header  bitcoin.Header
	bucket  bucket
	refused int // shares in a row, stale ones aside

	ack   mining.SubmitSharesSuccess // under mu
	index int                        // in the pool's list, under its mutex
}

// errProtocol says that the device broke the protocol; the connection ends.
var errProtocol = errors.New("protocol broken")

// run is the reader: it answers the device until the connection ends.
func (p *peer) run() error {
	if err := p.setUp(); err != nil {
		return err
	}
	for {
		f, err := p.conn.Receive()
		if err != nil {
			return err
		}
		if err := p.throttle(time.Now()); err != nil {
			return err
		}
		if err := p.handle(f); err != nil {
			return err
		}
	}
}

// throttle lets a device wait that sends too much; TCP passes that on to it.
func (p *peer) throttle(now time.Time) error {
	wait := p.bucket.take(p.pool.cfg.Limits.Messages, now)
	if wait == 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-p.pool.ctx.Done():
		return net.ErrClosed
	}
}

// setUp expects SetupConnection and answers it. Nothing is sent before (3.6.1).
func (p *peer) setUp() error {
	p.conn.SetReceiveTimeout(p.pool.cfg.Limits.Setup)
	f, err := p.conn.Receive()
	if err != nil {
		return err
	}
	p.conn.SetReceiveTimeout(0)
	if f.Type != sv2.TypeSetupConnection {
		return fmt.Errorf("%w: first message is %#x, not SetupConnection", errProtocol, uint32(f.Type))
	}
	var m sv2.SetupConnection
	if err := p.decode(f, &m); err != nil {
		return err
	}
	answer, ok := p.pool.setup.Answer(&m)
	if err := p.conn.Send(answer); err != nil {
		return err
	}
	if !ok {
		p.linger()
		return fmt.Errorf("setup refused: %s", answer.(*sv2.SetupConnectionError).ErrorCode)
	}
	p.flags = m.Flags
	p.log.Debug("device set up", "vendor", printable(m.Vendor), "hardware", printable(m.HardwareVersion),
		"firmware", printable(m.Firmware), "flags", m.Flags)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lonely = time.Now()
	p.lookIn(p.lonely.Add(p.pool.cfg.Limits.FirstChannel))
	return nil
}

// linger reads what is on its way, for a second at most, so that the kernel does
// not throw away our last message because theirs came unread.
func (p *peer) linger() {
	p.conn.SetReceiveTimeout(time.Second)
	for range 16 {
		if _, err := p.conn.Receive(); err != nil {
			return
		}
	}
}

// decode reads a message whose fields the device must have got right. What follows
// the last field is an extension's business, and we speak none.
func (p *peer) decode(f sv2.Frame, m sv2.Message) error {
	if _, err := p.codec.Decode(f.Payload, m); err != nil {
		return fmt.Errorf("%w: %w", errProtocol, err)
	}
	return nil
}

// lookIn asks for a worker's visit at t, if none comes sooner.
func (p *peer) lookIn(t time.Time) {
	at := t.UnixNano()
	for {
		due := p.due.Load()
		if due != 0 && due <= at {
			return
		}
		if p.due.CompareAndSwap(due, at) {
			return
		}
	}
}

// find is the channel with this number, nil if the device has none. mu is held.
func (p *peer) find(id uint32) *standard {
	i, ok := p.place(id)
	if !ok {
		return nil
	}
	return p.channels[i]
}

func (p *peer) place(id uint32) (int, bool) {
	return slices.BinarySearchFunc(p.channels, id, func(s *standard, id uint32) int {
		switch a := s.ChannelID(); {
		case a < id:
			return -1
		case a > id:
			return 1
		}
		return 0
	})
}

// close ends the connection from our side, for the reason given; the reader returns.
func (p *peer) close(why error) {
	if p.why == nil {
		p.why = why
	}
	p.conn.Close()
}

// leave gives back what the connection had. It is the reader's last act.
func (p *peer) leave(err error) {
	p.conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != nil {
		err = p.why
	}
	for _, s := range p.channels {
		p.pool.closed(s)
	}
	n := len(p.channels)
	p.channels = nil
	p.log.Log(p.pool.ctx, gravity(err, n), "device gone", "channels", n, "err", err)
}

// gravity is the level at which the end of a connection is worth telling.
func gravity(err error, channels int) slog.Level {
	switch {
	case errors.Is(err, errProtocol), errors.Is(err, errRefused), errors.Is(err, sv2net.ErrBlocked):
		return slog.LevelWarn
	case channels == 0 || errors.Is(err, net.ErrClosed):
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
