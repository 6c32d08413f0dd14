package bm13xx

import (
	"context"

	"periph.io/x/conn/v3/physic"
)

// resetClock is where ESP-Miner's ramp starts from.
const resetClock = 50 * mhz

// ramp walks the clock from its reset value to the target.
func (c *Chain) ramp(ctx context.Context) error {
	f := resetClock
	for {
		f = towards(f, c.opts.Frequency)
		if err := c.setClock(ctx, f); err != nil {
			return err
		}
		if err := sleep(ctx, rampPause); err != nil || f == c.opts.Frequency {
			return err
		}
	}
}

// towards is one step from a clock to another.
func towards(from, to physic.Frequency) physic.Frequency {
	if from < to {
		return min(from+rampStep, to)
	}
	return max(from-rampStep, to)
}

// setClock sets the clock at once. It is for steps that a chip can follow.
func (c *Chain) setClock(ctx context.Context, f physic.Frequency) error {
	pll, err := c.model.PLL(f)
	if err != nil {
		return err
	}
	if err := c.setPLL(ctx, pll); err != nil {
		return err
	}
	c.frequency = pll.Frequency()
	return nil
}

// setPLL writes the hash clock's PLL to all chips. The BM1397 wants its dividers
// set before, and everything twice (ESP-Miner bm1397.c).
func (c *Chain) setPLL(ctx context.Context, pll PLL) error {
	set := Command{Op: OpWrite, All: true, Reg: c.spec.regs.pll, Value: pll.Register()}
	if c.spec.divider == 0 {
		return c.command(ctx, set, 0)
	}
	divide := Command{Op: OpWrite, All: true, Reg: RegPLL0Divider, Value: c.spec.divider}
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
// clock that the chips have now.
func (c *Chain) writeHashCount(ctx context.Context) error {
	c.hashCount = c.spec.hashCount(c.slice(), c.frequency)
	return c.command(ctx, Command{
		Op: OpWrite, All: true, Reg: c.spec.regs.count, Value: c.hashCount.Register(),
	}, 0)
}

// slice is how many nonces each core of each chip has to try.
func (c *Chain) slice() uint32 {
	if c.offsets {
		return uint32(65536/c.count) << 9
	}
	return c.spec.slice(c.count)
}
