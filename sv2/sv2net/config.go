package sv2net

import (
	"context"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/buffer"
	"github.com/lodefw/lode/sv2/noise"
)

// Largest payloads to accept, in bytes, by who accepts them.
const (
	DevicePayload = 64 << 10       // a device from its pool: a job fits, with its merkle path
	PoolPayload   = 4 << 10        // a pool from its miners: the longest is SetupConnection
	FullPayload   = sv2.MaxPayload // job declaration and template distribution
)

// Limits of time for the zero fields of a Config.
const (
	DefaultHandshake = 10 * time.Second
	DefaultWrite     = 10 * time.Second
	DefaultFrame     = 30 * time.Second
	DefaultConnect   = 10 * time.Second
)

// Config is what both ends of a connection have. The zero Config works.
type Config struct {
	// MaxPayload is the largest payload to accept, in bytes; 0 is DevicePayload for
	// Dial and PoolPayload for Listen.
	MaxPayload int
	// HandshakeTimeout is for the whole handshake, however many bytes come.
	HandshakeTimeout time.Duration
	// WriteTimeout is for each Send.
	WriteTimeout time.Duration
	// FrameTimeout is for a frame from its first byte to its last.
	FrameTimeout time.Duration
	// Pool lends the buffers of received frames that do not fit the connection's own
	// of some hundred bytes; nil takes them from the heap, MaxPayload bytes for each
	// connection at most.
	Pool *buffer.Pool
	Log  *slog.Logger // nil: silence
}

// fill puts the usual values where c has none.
func (c Config) fill(payload int) Config {
	if c.MaxPayload == 0 {
		c.MaxPayload = payload
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = DefaultHandshake
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = DefaultWrite
	}
	if c.FrameTimeout == 0 {
		c.FrameTimeout = DefaultFrame
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// get lends n bytes, as few more as the pool has.
func (c *Config) get(n int) ([]byte, error) {
	if c.Pool == nil {
		return make([]byte, n), nil
	}
	return c.Pool.Get(n)
}

func (c *Config) put(b []byte) {
	if c.Pool != nil {
		c.Pool.Put(b)
	}
}

// DialConfig is a client's side.
type DialConfig struct {
	Config
	// Plain leaves Noise out. Nobody is authenticated then, and anyone on the way
	// can read and change what passes.
	Plain bool
	// Anyone allows a URL without a key: encrypted, to nobody in particular.
	Anyone bool
	Clock  noise.Clock      // how certificates are judged; the zero Clock trusts Now
	Now    func() time.Time // nil: time.Now
	Random io.Reader        // nil: crypto/rand
	// Net opens the connection; nil: TCP, with ConnectTimeout.
	Net            func(ctx context.Context, network, address string) (net.Conn, error)
	ConnectTimeout time.Duration
}

// ListenConfig is a server's side.
type ListenConfig struct {
	Config
	Plain    bool            // no Noise, for local networks
	Identity *noise.Identity // who the server is; not needed if Plain
}
