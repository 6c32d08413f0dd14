package a1

import (
	"context"
	"errors"
	"fmt"

	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/gpio"
)

const (
	maxBusErrors = 3 // in a row, then Run fails
	maxDeaf      = 3 // reads of all results without an answer, then one by one
	maxUnechoed  = 3 // jobs in a row without their echo, then the chip failed
	maxInvalid   = 3 // invalid queue states in a row, then the chip failed
)

// Run mines until ctx ends, the bus fails, or no chip is left. It returns with
// the queues dropped and, if there is a reset line, the chips held in reset; it
// may be called again.
func (c *Chain) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	if !c.up {
		if err := c.bringUp(ctx); err != nil {
			return errors.Join(quiet(ctx, err), c.rest())
		}
	}
	c.declare(feed)
	err := c.mine(ctx, feed, found)
	return errors.Join(quiet(ctx, err), c.rest())
}

// quiet is err, or nil if the caller wanted the end.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (c *Chain) declare(feed *hashing.Feed) {
	feed.Declare(hashing.Traits{HashRate: c.HashRate(), Target: &c.ticket})
}

func (c *Chain) mine(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	c.changed = feed.Changed()
	c.deaf = 0
	for ctx.Err() == nil {
		busy, err := c.turn(ctx, feed, found)
		if err := c.bus(err); err != nil {
			return err
		}
		if !busy {
			c.pause(ctx)
		}
	}
	return ctx.Err()
}

// bus forgives errors of the bus that do not last.
func (c *Chain) bus(err error) error {
	if err == nil {
		c.busErrors = 0
		return nil
	}
	if errors.Is(err, errEnd) {
		return err
	}
	if c.busErrors++; c.busErrors >= maxBusErrors {
		return fmt.Errorf("a1: %s: %d times in a row: %w", c.opts.Name, c.busErrors, err)
	}
	c.log.Warn("bus error", "error", err)
	return nil
}

// pause waits for the next turn.
func (c *Chain) pause(ctx context.Context) {
	c.timer.Reset(c.opts.Poll)
	defer c.timer.Stop()
	select {
	case <-ctx.Done():
	case <-c.changed:
	case <-c.timer.C:
	}
}

// errEnd marks that Run cannot go on.
var errEnd = errors.New("a1: cannot go on")

// turn collects results, then visits every chip, the last one first. busy tells
// that there was something to do.
func (c *Chain) turn(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) (busy bool, err error) {
	if _, err := c.renew(feed); err != nil {
		return true, err
	}
	if err := c.reclock(ctx, feed); err != nil {
		return true, err
	}
	if busy, err = c.collect(found); err != nil {
		return busy, err
	}
	for i := len(c.chips) - 1; i >= 0; i-- {
		renewed, err := c.renew(feed)
		if err != nil || renewed || ctx.Err() != nil {
			return true, err // begin again with the last chip
		}
		gave, err := c.visit(ctx, &c.chips[i], feed)
		if err != nil {
			return busy, err
		}
		busy = busy || gave
	}
	if c.HashRate() == 0 && !c.anyResting() {
		return busy, errors.Join(errEnd, c.noChip())
	}
	return busy, nil
}

// rest leaves the chips without jobs, and in reset if there is a line for it.
func (c *Chain) rest() error {
	c.generation++
	c.up = c.up && c.opts.Reset == nil
	var err error
	if len(c.chips) > 0 {
		err = c.dropAll()
	}
	if c.opts.Reset == nil {
		return err
	}
	if err := c.opts.Reset.Out(gpio.Low); err != nil {
		return fmt.Errorf("a1: %s: reset line, the chips may go on hashing: %w", c.opts.Name, err)
	}
	return nil // held in reset they hash nothing, whatever they heard
}
