package bitfury

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/spi"
)

const maxBusErrors = 3 // in a row, then Run fails

// Run mines until ctx ends or the bus fails. It returns with the chips'
// oscillators off, and may be called again.
func (c *Chain) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	c.declare(feed)
	c.changed = feed.Changed()
	c.generation++
	c.revive()
	err := c.mine(ctx, feed, found)
	return errors.Join(err, c.off())
}

func (c *Chain) declare(feed *hashing.Feed) {
	feed.Declare(hashing.Traits{HashRate: c.HashRate(), Target: &c.opts.Ticket})
}

// revive gives every chip a new chance.
func (c *Chain) revive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.chips {
		c.chips[i].state, c.chips[i].failures = Good, 0
	}
}

func (c *Chain) mine(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	for ctx.Err() == nil {
		if err := c.bus(c.turn(ctx, feed, found)); err != nil {
			return err
		}
		c.pause(ctx)
	}
	return nil
}

// bus forgives errors of the bus that do not last.
func (c *Chain) bus(err error) error {
	if err == nil {
		c.busErrors = 0
		return nil
	}
	if c.busErrors++; c.busErrors >= maxBusErrors {
		return fmt.Errorf("%w (%d times in a row)", err, c.busErrors)
	}
	c.log.Warn("bus error", "error", err)
	return nil
}

func (c *Chain) pause(ctx context.Context) {
	c.timer.Reset(c.opts.Poll)
	defer c.timer.Stop()
	select {
	case <-ctx.Done():
	case <-c.changed:
	case <-c.timer.C:
	}
}

// turn visits every chip once.
func (c *Chain) turn(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	for i := 0; i < len(c.chips) && ctx.Err() == nil; i++ {
		if c.renew(feed) {
			i = 0 // all over again: every chip needs a new job
		}
		if err := c.visit(&c.chips[i], feed, found); err != nil {
			return err
		}
	}
	return c.reclock()
}

// renew makes the jobs that wait worthless when the feed says so. The chips
// finish the ones that run: they cannot be told to stop, short of a set-up.
func (c *Chain) renew(feed *hashing.Feed) bool {
	select {
	case <-c.changed:
	default:
		return false
	}
	c.changed = feed.Changed()
	c.generation++
	return true
}

// visit gives a chip its next job and takes what it has found.
func (c *Chain) visit(ch *chip, feed *hashing.Feed, found func(hashing.Solution)) error {
	now := time.Now()
	if ch.state == Resting && !ch.up && now.Before(ch.retry) {
		return nil
	}
	if !c.refill(ch, feed) {
		return c.idle(ch)
	}
	if !ch.up {
		return c.setUp(ch, now)
	}
	a, err := c.exchange(ch.number, &ch.next.words)
	if err != nil {
		return err
	}
	c.take(ch, &a, now, found)
	ch.waiting = ch.next
	c.judge(ch, now)
	return nil
}

// refill gets work for the job that waits, if it needs some. It is false when
// there is nothing to mine: no work, and what waits is worthless.
func (c *Chain) refill(ch *chip, feed *hashing.Feed) bool {
	if ch.next.set && ch.next.generation == c.generation {
		return true
	}
	w, ok := feed.Try()
	if !ok {
		return ch.next.generation == c.generation // give the last one again meanwhile
	}
	ch.next.set, ch.next.work, ch.next.generation = true, w, c.generation
	fillJob(&ch.next.words, &w.Header)
	return true
}

// setUp starts a chip, as if it had never run.
func (c *Chain) setUp(ch *chip, now time.Time) error {
	c.msg.setUp(ch.number, c.bits)
	if err := c.send(); err != nil {
		return err
	}
	ch.forget(now)
	ch.up = true
	return nil
}

// idle stops a chip for want of work.
func (c *Chain) idle(ch *chip) error {
	if !ch.up {
		return nil
	}
	ch.up = false
	return c.stop(ch.number)
}

func (c *Chain) stop(number int) error {
	c.msg.begin(number)
	c.msg.off(configSlowOscillator)
	return c.send()
}

// off stops all chips, whatever happens to one of them.
func (c *Chain) off() (err error) {
	for i := range c.chips {
		c.chips[i].up = false
		if e := c.stop(i); e != nil && err == nil {
			err = fmt.Errorf("chip %d may go on hashing: %w", i, e)
		}
	}
	return err
}

// Stop stops the first chips of a bus, whether they are there or not, and without
// knowing anything of them: for who turns a board off beside a chain that hangs.
func Stop(conn spi.Conn, reset func() error, chips int) error {
	c := Chain{opts: Options{Reset: reset}, conn: conn}
	if err := c.opts.fill(); err != nil {
		return err
	}
	var first error
	for i := range min(chips, MaxChips) {
		if err := c.stop(i); err != nil && first == nil {
			first = fmt.Errorf("chip %d may go on hashing: %w", i, err)
		}
	}
	return first
}

// reclock sets an oscillator that SetOscillator asked for.
func (c *Chain) reclock() error {
	c.mu.Lock()
	wanted, same := c.wanted, c.wanted == c.bits
	c.bits = wanted
	c.mu.Unlock()
	if same {
		return nil
	}
	for i := range c.chips {
		if !c.chips[i].up {
			continue
		}
		c.msg.begin(i)
		c.msg.clock(wanted)
		if err := c.send(); err != nil {
			return err
		}
		c.chips[i].counted = time.Time{}
	}
	return nil
}
