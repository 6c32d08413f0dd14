package pic16

import (
	"context"
	"fmt"
	"time"
)

// do sends 55 AA cmd and data, and reads the answer, one byte a transaction: the
// rest of a longer one would be garbage. A frame that was begun is ended whatever
// ctx says: after half of one the controller would take the next command's
// bytes for this one's data.
func (c *Controller) do(ctx context.Context, cmd byte, data, answer []byte) error {
	select {
	case c.lock <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.lock }()
	if err := c.flush(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c.rest = append(append(c.rest, 0x55, 0xaa, cmd), data...)
	if err := c.flush(); err != nil {
		return err
	}
	for i := range answer {
		if err := retry(func() error { return c.dev.Tx(nil, answer[i:i+1]) }); err != nil {
			return fmt.Errorf("command %#02x, answer: %w", cmd, err)
		}
	}
	return nil
}

// flush sends what is left of a frame, the one before included if it broke off.
func (c *Controller) flush() error {
	for len(c.rest) > 0 {
		if err := retry(func() error { return c.dev.Tx(c.rest[:1], nil) }); err != nil {
			return fmt.Errorf("%d bytes of a command left: %w", len(c.rest), err)
		}
		c.rest = c.rest[1:]
	}
	return nil
}

// retry goes on while the controller does not acknowledge, which it does not
// while it is busy, but not forever.
func retry(f func() error) (err error) {
	for try := range tries {
		if try > 0 {
			time.Sleep(retryPause)
		}
		if err = f(); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%d tries: %w", tries, err)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
