package a1

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Times and tries of the bring-up, cgminer's.
const (
	resetLow   = 200 * time.Millisecond
	resetHigh  = 100 * time.Millisecond
	lockPolls  = 25
	lockPause  = 40 * time.Millisecond
	readTries  = 3
	countTries = 2 // enumerations, each after a reset
)

// Clocks that a chip gets whose cores failed in part, cgminer's.
const (
	weakClock   = 600 * physic.MegaHertz
	brokenClock = 400 * physic.MegaHertz
)

// bringUp takes the chain from anything to ready. It ends within seconds.
func (c *Chain) bringUp(ctx context.Context) error {
	n, err := c.count(ctx)
	if err != nil {
		return err
	}
	if c.opts.Chips != 0 && n != c.opts.Chips {
		return fmt.Errorf("a1: %s: found %d chips, expected %d: chip %d does not pass commands on, or power or the cable fails there",
			c.opts.Name, n, c.opts.Chips, min(n, c.opts.Chips)+1)
	}
	c.setChips(n)
	if err := c.setAllClocks(ctx); err != nil {
		return err
	}
	for i := range c.chips {
		if err := c.start(ctx, &c.chips[i]); err != nil {
			return err
		}
	}
	if c.HashRate() == 0 {
		return c.noChip()
	}
	c.up = true
	c.log.Info("chain is up", "chips", n, "clock", c.clock)
	return nil
}

func (c *Chain) setChips(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.chips
	c.chips = make([]chip, n)
	for i := range c.chips {
		c.chips[i].number = i + 1
		c.chips[i].state = Good
		if i < len(old) { // a new Run of the same chips
			c.chips[i].tally = old[i].tally
			c.chips[i].fault = old[i].fault
		}
	}
}

// count resets and enumerates; once more if that made no sense and there is a
// reset line.
func (c *Chain) count(ctx context.Context) (n int, err error) {
	for range countTries {
		if err := c.reset(ctx); err != nil {
			return 0, err
		}
		if n, err = c.enumerate(); err == nil || c.opts.Reset == nil {
			break
		}
		c.log.Warn("cannot count the chips", "error", err)
	}
	return n, err
}

func (c *Chain) reset(ctx context.Context) error {
	if c.opts.Reset == nil {
		return nil
	}
	if err := c.opts.Reset.Out(gpio.Low); err != nil {
		return fmt.Errorf("a1: %s: reset line: %w", c.opts.Name, err)
	}
	if err := c.sleep(ctx, resetLow); err != nil {
		return err
	}
	if err := c.opts.Reset.Out(gpio.High); err != nil {
		return fmt.Errorf("a1: %s: reset line: %w", c.opts.Name, err)
	}
	return c.sleep(ctx, resetHigh)
}

func (c *Chain) sleep(ctx context.Context, d time.Duration) error {
	c.timer.Reset(d)
	defer c.timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.timer.C:
		return nil
	}
}

// enumerate gives the chips their numbers and returns how many there are. The
// answer is pushed out two bytes at a time, as its place tells the number too.
func (c *Chain) enumerate() (int, error) {
	msg := c.link.w[:headSize+enumeratePushed]
	clear(msg)
	msg[0] = byte(cmdEnumerate)
	if _, err := c.link.exchange(msg, 0); err != nil {
		return 0, err
	}
	n := len(msg)
	for limit := n + 4*MaxChips + 8; n+headSize <= limit; n += headSize {
		if err := c.link.conn.Tx(c.link.zeros[:headSize], c.link.r[n:n+headSize]); err != nil {
			return 0, fmt.Errorf("a1: %s: bus: %w", c.opts.Name, err)
		}
		if count, words, ok := parseCount(c.link.r[:n+headSize]); ok {
			return c.checkCount(count, words)
		}
	}
	return 0, c.where()
}

// where finds out how far commands get when they do not come back: the chips
// before the break have their numbers and answer for themselves.
func (c *Chain) where() error {
	alive := 0
	for alive < MaxChips {
		_, err := c.readRegister(alive + 1)
		if err != nil && !isFault(err) {
			return err
		}
		if err != nil {
			break
		}
		alive++
	}
	if alive == 0 {
		return fmt.Errorf("a1: %s: no chip answers: check power, reset and the cable", c.opts.Name)
	}
	return fmt.Errorf("a1: %s: chips 1 to %d answer, but chip %d passes nothing on: check its power and joints",
		c.opts.Name, alive, alive+1)
}

func (c *Chain) checkCount(count, words int) (int, error) {
	switch {
	case count == 0:
		return 0, fmt.Errorf("a1: %s: the chips were counted before: they need a hardware reset", c.opts.Name)
	case count > MaxChips || 2*count != words:
		return 0, fmt.Errorf("a1: %s: the chain says it has %d chips, but its answer took %d words, 2 for each chip: bad connection",
			c.opts.Name, count, words)
	}
	return count, nil
}

// setAllClocks sets the wanted clock on all chips. The self-test's result is
// accepted before the clock is known to be locked, as in the captures.
func (c *Chain) setAllClocks(ctx context.Context) error {
	c.mu.Lock()
	wanted := c.wanted
	c.mu.Unlock()
	pll, err := SolvePLL(c.opts.Reference, wanted)
	if err != nil {
		return err
	}
	if err := c.writeRegister(everyChip, pll); err != nil {
		return err
	}
	if err := c.sleep(ctx, lockPause); err != nil {
		return err
	}
	msg := c.link.command(cmdAcceptTest, everyChip, 0)
	if err := c.broadcast(msg); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = wanted
	for i := range c.chips {
		c.chips[i].clock = pll.Clock(c.opts.Reference)
	}
	return nil
}

// start waits for a chip's clock and looks at its cores. A chip that does not
// come up fails alone; only a broken bus is an error.
func (c *Chain) start(ctx context.Context, ch *chip) error {
	reg, err := c.lock(ctx, ch)
	if isFault(err) {
		c.fail(ch, err)
		return nil
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	ch.cores = min(reg.Cores(), Cores)
	ch.since = time.Now()
	c.mu.Unlock()
	switch {
	case reg.Cores() < brokenBelow:
		return c.spare(ctx, ch, Broken, brokenClock)
	case reg.Cores() < weakBelow:
		return c.spare(ctx, ch, Weak, weakClock)
	}
	c.setState(ch, Good)
	return nil
}

// spare lowers a chip's clock; Broken keeps jobs from it too.
func (c *Chain) spare(ctx context.Context, ch *chip, s State, limit physic.Frequency) error {
	c.log.Warn("chip has failed cores", "chip", ch.number, "cores", ch.cores, "state", s)
	c.setState(ch, s)
	f := min(limit, c.clock)
	pll, err := SolvePLL(c.opts.Reference, f)
	if err != nil {
		return err
	}
	err = c.writeRegister(ch.number, pll)
	if err == nil {
		_, err = c.lock(ctx, ch)
	}
	if isFault(err) {
		c.fail(ch, err)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	ch.clock = pll.Clock(c.opts.Reference)
	return err
}

// lock waits until a chip's clock runs at its setting, a second at most.
func (c *Chain) lock(ctx context.Context, ch *chip) (Register, error) {
	lost := 0
	for range lockPolls {
		reg, err := c.readRegister(ch.number)
		switch {
		case err == nil && reg.Locked():
			return reg, nil
		case err != nil && !isFault(err):
			return reg, err
		case err != nil:
			if lost++; lost == readTries {
				return reg, err
			}
		}
		if err := c.sleep(ctx, lockPause); err != nil {
			return reg, err
		}
	}
	return Register{}, faultNoLock
}

// noChip is the error when no chip is left to give jobs to.
func (c *Chain) noChip() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := ""
	for i := range c.chips {
		if ch := &c.chips[i]; ch.fault != "" {
			text += fmt.Sprintf("; chip %d %s", ch.number, ch.fault)
		} else {
			text += fmt.Sprintf("; chip %d is %s with %d cores", ch.number, ch.state, ch.cores)
		}
	}
	return fmt.Errorf("a1: %s: no chip is usable%s", c.opts.Name, text)
}
