package bm13xx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"
)

// request asks the runner for another clock, or for a register.
type request struct {
	chip  int // or allChips
	clock physic.Frequency
	read  *reading
	done  chan error // has room
}

// errSuperseded ends a change of the clock that another has replaced.
var errSuperseded = errors.New("bm13xx: another change of the clock came in between")

// SetFrequency walks the clock of a chain that is in Run to another value, with
// the pace of the bring-up, while it mines on. It returns when the clock is there,
// or ctx ends; then the walk goes on. A later bring-up goes to this value too.
func (c *Chain) SetFrequency(ctx context.Context, f physic.Frequency) error {
	return c.setFrequency(ctx, allChips, f)
}

// SetChipFrequency does the same for one chip. The next SetFrequency, or bring-up,
// gives all chips the same clock again.
func (c *Chain) SetChipFrequency(ctx context.Context, chip int, f physic.Frequency) error {
	if chip < 0 || chip >= c.Chips() {
		return fmt.Errorf("bm13xx: no chip %d on a chain of %d", chip, c.Chips())
	}
	return c.setFrequency(ctx, chip, f)
}

func (c *Chain) setFrequency(ctx context.Context, chip int, f physic.Frequency) error {
	if _, err := c.model.PLL(f); err != nil {
		return err
	}
	req := request{chip: chip, clock: f, done: make(chan error, 1)}
	if err := c.request(ctx, req); err != nil {
		return err
	}
	select {
	case err := <-req.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *runner) accept(ctx context.Context, req request) error {
	if req.read != nil {
		return r.beginRead(ctx, req)
	}
	if r.walk.done != nil {
		r.walk.done <- errSuperseded
	}
	r.walk = req
	if req.chip == allChips {
		r.opts.Frequency = req.clock // for the next bring-up
	}
	r.ramp.Reset(time.Until(r.stepped.Add(rampPause)))
	return nil
}

// rampOn takes one step of a change of the clock. When all chips are to change,
// those that were set apart join the others with the first step.
func (r *runner) rampOn(ctx context.Context) error {
	from := slices.Min(r.clocks)
	if r.walk.chip != allChips {
		from = r.clocks[r.walk.chip]
	} else if r.walk.clock < from {
		from = slices.Max(r.clocks)
	}
	if r.near(from) {
		r.endWalk(nil)
		return nil
	}
	err := r.setClock(ctx, r.walk.chip, towards(from, r.walk.clock))
	if err == nil && r.spec.rolls && !r.idle {
		err = r.writeHashCount(ctx)
	}
	if err != nil {
		r.endWalk(err)
		return err
	}
	r.stepped = time.Now()
	r.ramp.Reset(rampPause)
	return nil
}

// near says whether a clock is as near to the wanted one as the PLL gets.
func (r *runner) near(f physic.Frequency) bool {
	best, err := r.model.PLL(r.walk.clock)
	return err == nil && best.Frequency() == f
}

func (r *runner) endWalk(err error) {
	r.declare(r.feed)
	r.walk.done <- err
	r.walk = request{}
}
