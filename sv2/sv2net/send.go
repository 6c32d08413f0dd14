package sv2net

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/noise"
)

// Send sends m in one write and does not keep it. A message that does not encode
// leaves the connection as it was; after any other error it is closed.
func (c *Conn) Send(m sv2.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	b, err := c.encode(c.out[:0], m)
	if err != nil {
		return err
	}
	return c.flush(b)
}

// SendAll sends several messages in one write, all or, if one does not encode,
// none.
func (c *Conn) SendAll(ms ...sv2.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	b := c.out[:0]
	for _, m := range ms {
		var err error
		if b, err = c.encode(b, m); err != nil {
			return err
		}
	}
	return c.flush(b)
}

// SendFrame sends a frame as it is, for those who relay.
func (c *Conn) SendFrame(f sv2.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.usable(); err != nil {
		return err
	}
	var room [noise.SealedHeader]byte
	b := append(c.out[:0], room[:c.payloadAt()]...)
	b, err := c.finish(append(b, f.Payload...), 0, f.Type)
	if err != nil {
		return err
	}
	return c.flush(b)
}

// usable says whether frames can be sent.
func (c *Conn) usable() error {
	if !c.ready.Load() {
		return ErrNotReady
	}
	return c.dead
}

// payloadAt is where a payload begins in its frame on the wire.
func (c *Conn) payloadAt() int {
	if c.session != nil {
		return noise.SealedHeader
	}
	return sv2.HeaderSize
}

// encode appends m's frame to b with room for what sealing adds.
func (c *Conn) encode(b []byte, m sv2.Message) ([]byte, error) {
	var room [noise.SealedHeader]byte
	start := len(b)
	b, err := c.codec.Append(append(b, room[:c.payloadAt()]...), m)
	if err != nil {
		return nil, err
	}
	return c.finish(b, start, m.Type())
}

// finish writes the header of the frame at b[start:], whose payload is in place,
// and makes room for tags behind it.
func (c *Conn) finish(b []byte, start int, t sv2.Type) ([]byte, error) {
	n := len(b) - start - c.payloadAt()
	if n > sv2.MaxPayload {
		return nil, fmt.Errorf("sv2net: payload of %d bytes, at most %d fit a frame", n, sv2.MaxPayload)
	}
	sv2.Header{Type: t, Length: n}.Append(b[start:start])
	if c.session != nil {
		for tags := noise.SealedSize(n) - n; tags > 0; tags -= noise.TagSize {
			var tag [noise.TagSize]byte
			b = append(b, tag[:]...)
		}
	}
	return b, nil
}

// flush seals the frames in b and writes them. The caller holds mu.
func (c *Conn) flush(b []byte) error {
	err := c.seal(b)
	if err == nil {
		err = c.write(b)
	}
	if err != nil {
		c.dead = err
		c.Close()
	}
	return err
}

// seal encrypts the frames in b, which follow each other.
func (c *Conn) seal(b []byte) error {
	if c.session == nil {
		return nil
	}
	for len(b) > 0 {
		h, err := sv2.ParseHeader(b)
		if err != nil {
			return err
		}
		size := noise.SealedHeader + noise.SealedSize(h.Length)
		if err := c.session.Send.SealFrame(b[:size], h.Length); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// write writes b at once, so that no frame is torn into packets without need.
func (c *Conn) write(b []byte) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout)); err != nil {
		return fmt.Errorf("sv2net: send: %w", err)
	}
	return c.push(b)
}

// push writes b before the deadline that is set.
func (c *Conn) push(b []byte) error {
	n, err := c.nc.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err == nil {
		return nil
	}
	if timedOut(err) {
		return fmt.Errorf("sv2net: send: %d of %d bytes taken: %w", n, len(b), ErrBlocked)
	}
	return fmt.Errorf("sv2net: send: %w", err)
}

func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
