package a1

import (
	"context"
	"fmt"
	"github.com/lodefw/lode/hashing"
	"time"
)

// visit asks a chip for its state and gives it a job if it has room.
func (c *Chain) visit(ctx context.Context, ch *chip, feed *hashing.Feed) (gave bool, err error) {
	if !c.ready(ctx, ch, feed) {
		return false, nil
	}
	reg, err := c.readRegister(ch.number)
	if isFault(err) {
		reg, err = c.readRegister(ch.number) // one bad word is not a bad chip
	}
	if isFault(err) {
		return false, c.chipFailed(ch, err)
	}
	if err != nil {
		return false, err
	}
	if reg.Queue() == QueueInvalid {
		if ch.invalid++; ch.invalid >= maxInvalid {
			return false, c.chipFailed(ch, faultInvalid)
		}
		return false, nil
	}
	ch.invalid = 0
	if reg.Queue() == QueueFull {
		return false, nil
	}
	return c.give(ch, feed)
}

// give hands the chip one work, if the feed has any.
func (c *Chain) give(ch *chip, feed *hashing.Feed) (bool, error) {
	var ok bool
	if c.work, ok = feed.Try(); !ok {
		ch.since = time.Now() // without work it owes nothing
		return false, nil
	}
	ch.empty = false
	err := c.writeJob(ch, &c.work)
	if !isFault(err) {
		ch.unechoed = 0
		return true, err
	}
	if ch.unechoed++; ch.unechoed >= maxUnechoed {
		return true, c.chipFailed(ch, err)
	}
	return true, nil
}

// ready says whether to visit a chip now. One whose rest is over is tried, one
// that is overdue fails.
func (c *Chain) ready(ctx context.Context, ch *chip, feed *hashing.Feed) bool {
	now := time.Now()
	if ch.state == Resting && !now.Before(ch.retry) {
		return c.revive(ctx, ch, feed)
	}
	if !ch.usable() {
		return false
	}
	if due := ch.rate() / c.opts.Scale * now.Sub(ch.since).Seconds() / c.ticket.Hashes(); due > overdue {
		c.fail(ch, faultOverdue)
		return false
	}
	return true
}

// revive tries a chip that has rested.
func (c *Chain) revive(ctx context.Context, ch *chip, feed *hashing.Feed) bool {
	pll, err := SolvePLL(c.opts.Reference, c.clock)
	if err == nil {
		err = c.writeRegister(ch.number, pll)
	}
	if err == nil {
		c.mu.Lock()
		ch.clock = pll.Clock(c.opts.Reference)
		c.mu.Unlock()
		err = c.start(ctx, ch)
	}
	if err != nil {
		c.fail(ch, err)
		return false
	}
	if !ch.usable() {
		return false
	}
	c.log.Info("chip is back", "chip", ch.number, "state", ch.state)
	c.declare(feed)
	return true
}

// reclock sets a clock that SetClock asked for.
func (c *Chain) reclock(ctx context.Context, feed *hashing.Feed) error {
	c.mu.Lock()
	same := c.wanted == c.clock
	c.mu.Unlock()
	if same {
		return nil
	}
	if err := c.setAllClocks(ctx); err != nil {
		return err
	}
	for i := range c.chips {
		ch := &c.chips[i]
		if ch.state == Resting || ch.state == Off {
			continue
		}
		if err := c.start(ctx, ch); err != nil {
			return err
		}
	}
	c.declare(feed)
	return nil
}

func (c *Chain) anyResting() bool {
	for i := range c.chips {
		if c.chips[i].state == Resting {
			return true
		}
	}
	return false
}

// chipFailed puts the chip aside and cleans the chain for the others.
func (c *Chain) chipFailed(ch *chip, why error) error {
	c.fail(ch, why)
	if err := c.settle(); err != nil {
		return fmt.Errorf("a1: bus: %w", err)
	}
	return nil
}

// fail names a chip that failed, and lets it rest.
func (c *Chain) fail(ch *chip, why error) {
	now := time.Now()
	c.mu.Lock()
	if now.Sub(ch.failed) > forgetAfter {
		ch.failures = 0
	}
	ch.failures++
	ch.failed, ch.retry = now, now.Add(restTime)
	ch.fault, ch.state = why.Error(), Resting
	if ch.failures > maxFailures {
		ch.state = Off
	}
	state, failures := ch.state, ch.failures
	c.mu.Unlock()
	c.log.Warn("chip failed", "chip", ch.number, "why", why, "state", state, "failures", failures)
}

func (c *Chain) setState(ch *chip, s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch.state = s
}
