package sv2net

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/noise"
)

// Receive waits for the next frame. Its payload is valid until the next Receive.
// After an error other than ErrIdle every further call returns the same one.
func (c *Conn) Receive() (sv2.Frame, error) {
	if c.failed != nil {
		return sv2.Frame{}, c.failed
	}
	if !c.ready.Load() {
		return sv2.Frame{}, ErrNotReady
	}
	c.release()
	f, err := c.receive()
	if err != nil && !errors.Is(err, ErrIdle) {
		c.failed = err
		c.release()
	}
	return f, err
}

// release gives a large frame's buffer back.
func (c *Conn) release() {
	if c.big != nil {
		c.cfg.put(c.big)
		c.big = nil
	}
}

func (c *Conn) receive() (sv2.Frame, error) {
	c.begun, c.end = false, time.Time{}
	head := c.payloadAt()
	if err := c.fill(head); err != nil {
		return sv2.Frame{}, err
	}
	c.begun = true
	h, err := c.header(c.in[c.r : c.r+head])
	if err != nil {
		return sv2.Frame{}, err
	}
	c.r += head
	payload, err := c.payload(h.Length)
	return sv2.Frame{Type: h.Type, Payload: payload}, err
}

// header reads the header in b and refuses a payload that would be too large.
func (c *Conn) header(b []byte) (h sv2.Header, err error) {
	if c.session != nil {
		if b, err = c.session.Receive.OpenHeader(b); err != nil {
			return h, fmt.Errorf("sv2net: receive header: %w", err)
		}
	}
	if h, err = sv2.ParseHeader(b); err != nil {
		return h, err
	}
	if h.Length > c.cfg.MaxPayload {
		return h, fmt.Errorf("sv2net: message %#x of %d bytes, at most %d allowed: %w",
			uint32(h.Type), h.Length, c.cfg.MaxPayload, ErrTooLarge)
	}
	return h, nil
}

// payload reads a payload of n bytes and opens it in place.
func (c *Conn) payload(n int) ([]byte, error) {
	size := n
	if c.session != nil {
		size = noise.SealedSize(n)
	}
	b, err := c.wire(size)
	if err != nil || c.session == nil {
		return b, err
	}
	if b, err = c.session.Receive.OpenPayload(b); err != nil {
		return nil, fmt.Errorf("sv2net: receive payload: %w", err)
	}
	return b, nil
}

// wire returns the next size bytes of a frame: in the connection's own buffer if
// they fit, else in one that is lent.
func (c *Conn) wire(size int) ([]byte, error) {
	if size <= len(c.in) {
		if err := c.fill(size); err != nil {
			return nil, err
		}
		b := c.in[c.r : c.r+size : c.r+size]
		c.r += size
		return b, nil
	}
	b, err := c.cfg.get(size)
	if err != nil {
		return nil, fmt.Errorf("sv2net: receive %d bytes: %w", size, err)
	}
	c.big = b
	n := copy(b, c.in[c.r:c.w])
	c.r += n
	for n < size {
		m, err := c.read(b[n:size])
		if err != nil {
			return nil, err
		}
		n += m
	}
	return b[:size:size], nil
}

// fill reads until n bytes are there, and more if they have come.
func (c *Conn) fill(n int) error {
	if c.r == c.w || c.r+n > len(c.in) {
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	}
	for c.w-c.r < n {
		c.begun = c.begun || c.w > c.r
		m, err := c.read(c.in[c.w:])
		if err != nil {
			return err
		}
		c.w += m
	}
	return nil
}

// read reads once. Before a frame has begun the receive timeout holds; when it has,
// one deadline holds for all of it, so that dripping bytes gains no time.
func (c *Conn) read(b []byte) (int, error) {
	if err := c.limit(); err != nil {
		return 0, fmt.Errorf("sv2net: receive: %w", err)
	}
	n, err := c.nc.Read(b)
	switch {
	case err == nil || n > 0: // an error comes back with the next read
		return n, nil
	case timedOut(err) && c.begun:
		return 0, fmt.Errorf("sv2net: receive: frame not complete after %v: %w", c.cfg.FrameTimeout, ErrSlow)
	case timedOut(err):
		return 0, fmt.Errorf("sv2net: receive: nothing for %v: %w", time.Duration(c.idle.Load()), ErrIdle)
	case errors.Is(err, io.EOF) && c.begun:
		return 0, fmt.Errorf("sv2net: receive: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		return 0, io.EOF
	}
	return 0, fmt.Errorf("sv2net: receive: %w", err)
}

// limit sets the read deadline if it must change.
func (c *Conn) limit() error {
	var at time.Time
	switch idle := time.Duration(c.idle.Load()); {
	case c.begun && !c.end.IsZero():
		return nil
	case c.begun:
		c.end = time.Now().Add(c.cfg.FrameTimeout)
		at = c.end
	case idle > 0:
		at = time.Now().Add(idle)
	case !c.limited:
		return nil
	}
	c.limited = !at.IsZero()
	return c.nc.SetReadDeadline(at)
}
