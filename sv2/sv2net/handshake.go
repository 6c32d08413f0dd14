package sv2net

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/noise"
)

// Server is the server's end of nc, whose Handshake is still to do. A Listener
// makes its Conns with it.
func Server(nc net.Conn, cfg ListenConfig) *Conn {
	cfg.Config = cfg.Config.fill(PoolPayload)
	return serve(nc, &cfg)
}

func serve(nc net.Conn, cfg *ListenConfig) *Conn {
	c := newConn(nc, &cfg.Config)
	c.shake = func() error { return c.acceptNoise(cfg.Identity) }
	if cfg.Plain {
		c.shake = c.acceptPlain
	}
	return c
}

// Client is the client's end of nc, after the handshake with the pool that url
// names. If it fails nc is closed.
func Client(ctx context.Context, nc net.Conn, url noise.URL, cfg DialConfig) (*Conn, error) {
	cfg = cfg.fill()
	c := newConn(nc, &cfg.Config)
	c.clock = cfg.Clock
	c.shake = func() error { return c.offerNoise(url, &cfg) }
	if cfg.Plain {
		c.shake = func() error { return nil }
	}
	if err := c.Handshake(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c DialConfig) fill() DialConfig {
	c.Config = c.Config.fill(DevicePayload)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = DefaultConnect
	}
	return c
}

// Handshake does what comes before the first frame, within HandshakeTimeout. A
// server calls it once for each accepted Conn, in the goroutine that will Receive.
// On an error, and when ctx ends first, the connection is closed.
func (c *Conn) Handshake(ctx context.Context) error {
	if c.shake == nil {
		return nil
	}
	if err := c.nc.SetDeadline(time.Now().Add(c.cfg.HandshakeTimeout)); err != nil {
		c.Close()
		return fmt.Errorf("sv2net: handshake: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { c.nc.Close() })
	err := c.shake()
	c.shake = nil
	if !stop() {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = c.nc.SetDeadline(time.Time{})
	}
	if err != nil {
		c.failed = fmt.Errorf("sv2net: handshake: %w", err)
		c.Close()
		return c.failed
	}
	c.ready.Store(true)
	return nil
}

// acceptNoise is the server's handshake.
func (c *Conn) acceptNoise(id *noise.Identity) error {
	if id == nil {
		return errors.New("no identity configured")
	}
	act1, err := c.act(noise.Act1Size)
	if err != nil {
		return err
	}
	act2, session, err := id.Respond(act1)
	if err != nil {
		return err
	}
	c.session = session
	return c.push(act2)
}

// offerNoise is the client's handshake.
func (c *Conn) offerNoise(url noise.URL, cfg *DialConfig) error {
	if !url.HasKey && !cfg.Anyone {
		return ErrNoKey
	}
	trust := noise.Authority{Key: url.Key, Clock: cfg.Clock, Anyone: !url.HasKey}
	initiator, err := noise.NewInitiator(trust, cfg.Random)
	if err != nil {
		return err
	}
	if err := c.push(initiator.Act1()); err != nil {
		return err
	}
	act2, err := c.act(noise.Act2Size)
	if err != nil {
		return err
	}
	c.session, err = initiator.Finish(act2, cfg.Now())
	if err != nil {
		return err
	}
	if c.session.Pending {
		c.pending.Store(true)
		cfg.Log.Warn("clock is not set: certificate's span is checked when the pool tells the time",
			"from", c.session.Certificate.From(), "until", c.session.Certificate.Until())
	}
	return nil
}

// act reads an act of n bytes. What comes behind it stays for Receive.
func (c *Conn) act(n int) ([]byte, error) {
	for c.w < n {
		m, err := c.nc.Read(c.in[c.w:])
		c.w += m
		if foreign := sniff(c.in[:c.w]); foreign != nil {
			return nil, foreign
		}
		if err != nil && c.w < n {
			return nil, c.actError(err, n)
		}
	}
	c.r = n
	return c.in[:n], nil
}

// actError says what it can of a handshake that ended before its n bytes.
func (c *Conn) actError(err error, n int) error {
	switch {
	case timedOut(err):
		return fmt.Errorf("%d of %d bytes after %v: %w", c.w, n, c.cfg.HandshakeTimeout, ErrSlow)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%d of %d bytes came: %w", c.w, n, ErrHangup)
	}
	return fmt.Errorf("%d of %d bytes came: %w", c.w, n, err)
}

// acceptPlain waits for the first header on a plain server connection, so that
// peers who speak something else are told apart at once. The first message is
// SetupConnection, whose first byte is 0.
func (c *Conn) acceptPlain() error {
	enough := sv2.HeaderSize
	for c.w < enough {
		m, err := c.nc.Read(c.in[c.w:])
		c.w += m
		if c.w > 0 && c.in[0] != 0 {
			enough = textSize
		}
		if err != nil && c.w < enough {
			return c.actError(err, enough)
		}
	}
	if c.in[0] == 0 {
		return nil
	}
	if foreign := sniff(c.in[:c.w]); foreign != nil {
		return foreign
	}
	return ErrNoise
}
