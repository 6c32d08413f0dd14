package bm13xx

import (
	"context"
	"slices"

	"periph.io/x/conn/v3/physic"
)

// resetClock is where ESP-Miner's ramp starts from.
const resetClock = 50 * mhz

// startClock is the first step from there, which Run's walk goes on from.
func (c *Chain) startClock() physic.Frequency { return towards(resetClock, c.opts.Frequency) }

// towards is one step from a clock to another.
func towards(from, to physic.Frequency) physic.Frequency {
	if from < to {
		return min(from+rampStep, to)
	}
	return max(from-rampStep, to)
}

// allChips stands for every chip where a number names one.
const allChips = -1

// setClock sets the clock of one chip or all at once. It is for steps that a chip
// can follow.
func (c *Chain) setClock(ctx context.Context, chip int, f physic.Frequency) error {
	pll, err := c.model.PLL(f)
	if err != nil {
		return err
	}
	if err := c.setPLL(ctx, chip, pll); err != nil {
		return err
	}
	for i := range c.clocks {
		if chip == allChips || chip == i {
			c.clocks[i] = pll.Frequency()
		}
	}
	return nil
}

// to is a write to one chip or all.
func (c *Chain) to(chip int, reg Reg, value uint32) Command {
	if chip == allChips {
		return Command{Op: OpWrite, All: true, Reg: reg, Value: value}
	}
	return Command{Op: OpWrite, Chip: c.address(chip) >> c.spec.addrShift, Reg: reg, Value: value}
}

// setPLL writes the hash clock's PLL. The BM1397 wants its dividers set before,
// and everything twice (ESP-Miner bm1397.c).
func (c *Chain) setPLL(ctx context.Context, chip int, pll PLL) error {
	set := c.to(chip, c.spec.regs.pll, pll.Register())
	if c.spec.divider == 0 {
		return c.command(ctx, set, 0)
	}
	divide := c.to(chip, RegPLL0Divider, c.spec.divider)
	for _, cmd := range [...]Command{divide, divide, set, set} {
		if err := sleep(ctx, dividerPause); err != nil {
			return err
		}
		if err := c.command(ctx, cmd, 0); err != nil {
			return err
		}
	}
	return sleep(ctx, dividerPause)
}

// writeHashCount sets how long a core stays with a group of versions, for the
// clocks that the chips have now: to all if they have the same, else one by one.
func (c *Chain) writeHashCount(ctx context.Context) error {
	fastest := slices.Max(c.clocks)
	c.hashCount = c.spec.hashCount(c.slice(), fastest)
	if fastest == slices.Min(c.clocks) {
		return c.command(ctx, c.to(allChips, c.spec.regs.count, c.hashCount.Register()), 0)
	}
	for chip, f := range c.clocks {
		count := c.spec.hashCount(c.slice(), f)
		if err := c.command(ctx, c.to(chip, c.spec.regs.count, count.Register()), 0); err != nil {
			return err
		}
	}
	return nil
}

// slice is how many nonces each core of each chip has to try.
func (c *Chain) slice() uint32 {
	if c.offsets {
		return uint32(65536/c.count) << 9
	}
	return c.spec.slice(c.count)
}
