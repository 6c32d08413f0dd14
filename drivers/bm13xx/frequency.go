package bm13xx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"
)

// request asks the runner for other clocks, or for a register, or to write one.
type request struct {
	chip  int                // whose clock, or allChips
	clock physic.Frequency   // of that chip, or of all
	each  []physic.Frequency // of each chip, when it is not one for all
	read  *reading
	write *Command   // to be sent as it is
	done  chan error // has room
}

// errSuperseded ends a change of the clock that another has replaced.
var errSuperseded = errors.New("bm13xx: another change of the clock came in between")

// SetFrequency walks the clock of a chain that is in Run to another value while it
// mines on, from wherever a walk before has got to. It returns when the clock is there,
// or ctx ends; then the walk goes on. A later Run goes to this value too.
func (c *Chain) SetFrequency(ctx context.Context, f physic.Frequency) error {
	return c.setFrequency(ctx, request{chip: allChips, clock: f})
}

// SetChipFrequency does the same for one chip; the others go on to where they were
// going. The next SetFrequency, or Run, gives all chips the same clock again.
func (c *Chain) SetChipFrequency(ctx context.Context, chip int, f physic.Frequency) error {
	if chip < 0 || chip >= c.Chips() {
		return fmt.Errorf("bm13xx: no chip %d on a chain of %d", chip, c.Chips())
	}
	return c.setFrequency(ctx, request{chip: chip, clock: f})
}

// SetFrequencies walks each chip's clock to its own value, all of them at the same
// time. A later Run goes to the slowest one.
func (c *Chain) SetFrequencies(ctx context.Context, each []physic.Frequency) error {
	if len(each) != c.Chips() {
		return fmt.Errorf("bm13xx: clocks for %d chips on a chain of %d", len(each), c.Chips())
	}
	return c.setFrequency(ctx, request{chip: allChips, clock: slices.Min(each), each: slices.Clone(each)})
}

func (c *Chain) setFrequency(ctx context.Context, req request) error {
	for _, f := range append([]physic.Frequency{req.clock}, req.each...) {
		if _, err := c.model.PLL(f); err != nil {
			return err
		}
	}
	req.done = make(chan error, 1)
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
	if req.write != nil {
		err := r.command(ctx, *req.write, 0)
		req.done <- err
		return err
	}
	if r.walk.done != nil {
		r.walk.done <- errSuperseded
	}
	if req.chip == allChips {
		r.opts.Frequency = req.clock // for the next Run
	}
	if req.each == nil {
		if req.each = slices.Clone(r.walk.each); req.each == nil {
			req.each = slices.Clone(r.clocks)
		}
		for i := range req.each {
			if req.chip == allChips || req.chip == i {
				req.each[i] = req.clock
			}
		}
	}
	r.walk = req
	r.walkOn()
	return nil
}

// walkOn has the next step of a walk come in its time.
func (r *runner) walkOn() {
	if r.walk.done != nil {
		r.ramp.Reset(time.Until(r.stepped.Add(rampPause)))
	}
}

// rampOn takes one step of a change of clocks: of all chips at once where it is the
// same for all, else of some, in turns. Chips that were told to rest get no faster:
// start goes on.
func (r *runner) rampOn(ctx context.Context) error {
	away, up := r.away()
	switch {
	case !away:
		r.endWalk(nil)
		return nil
	case up && r.idle && !r.begun.IsZero():
		return nil
	}
	var err error
	if f, same := r.together(); same {
		err = r.stepAll(ctx, f)
	} else {
		err = r.stepSome(ctx)
	}
	if err != nil {
		r.endWalk(err)
		return err
	}
	r.stepped = time.Now()
	r.walkOn()
	r.declare(r.feed)
	return r.retime()
}

// away tells whether chips are not at their goal yet, and whether any goes up.
func (r *runner) away() (away, up bool) {
	for i, f := range r.clocks {
		if goal := r.walk.each[i]; !r.near(f, goal) {
			away, up = true, up || f < goal
		}
	}
	return away, up
}

// together is the next clock of all chips, if they share it.
func (r *runner) together() (f physic.Frequency, same bool) {
	f = towards(r.clocks[0], slices.Min(r.walk.each))
	return f, slices.Min(r.clocks) == slices.Max(r.clocks) && f == towards(r.clocks[0], slices.Max(r.walk.each))
}

func (r *runner) stepAll(ctx context.Context, f physic.Frequency) error {
	if err := r.setClock(ctx, allChips, f); err != nil || !r.spec.rolls || r.idle {
		return err
	}
	return r.writeHashCount(ctx)
}

// stepSome moves a few chips, so that jobs do not wait long for their turn on the
// line.
func (r *runner) stepSome(ctx context.Context) error {
	left := chipsPerStep
	if r.spec.divider != 0 {
		left = 1 // its PLL takes 50 ms to write
	}
	first := r.turn
	for i := 0; i < r.count && left > 0; i++ {
		chip := (first + i) % r.count
		goal := r.walk.each[chip]
		if r.near(r.clocks[chip], goal) {
			continue
		}
		if err := r.stepChip(ctx, chip, towards(r.clocks[chip], goal)); err != nil {
			return err
		}
		r.turn = chip + 1
		left--
	}
	return nil
}

// chipsPerStep bounds how many chips get another clock in one rampPause.
const chipsPerStep = 32

// stepChip sets a chip's clock and what follows from it.
func (r *runner) stepChip(ctx context.Context, chip int, f physic.Frequency) error {
	if err := r.setClock(ctx, chip, f); err != nil {
		return err
	}
	if !r.spec.rolls || r.idle {
		return nil
	}
	r.hashCount = r.spec.hashCount(r.slice(), slices.Max(r.clocks))
	count := r.spec.hashCount(r.slice(), r.clocks[chip])
	return r.command(ctx, r.to(chip, r.spec.regs.count, count.Register()), 0)
}

// near says whether a clock is as near to the wanted one as the PLL gets.
func (r *runner) near(f, goal physic.Frequency) bool {
	best, err := r.model.PLL(goal)
	return err == nil && best.Frequency() == f
}

func (r *runner) endWalk(err error) {
	r.walk.done <- err
	r.walk = request{}
}
