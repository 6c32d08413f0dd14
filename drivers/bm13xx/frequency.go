package bm13xx

import (
	"context"
	"errors"

	"periph.io/x/conn/v3/physic"
)

// request asks the runner for another clock, or for a register.
type request struct {
	clock physic.Frequency
	read  *reading
	done  chan error // has room
}

// errSuperseded ends a change of the clock that another has replaced.
var errSuperseded = errors.New("bm13xx: another change of the clock came in between")

// SetFrequency walks the clock of a chain that is in Run to another value, with
// the pace of the bring-up, while it mines on. It returns when the clock is there,
// or ctx ends; then the walk goes on.
func (c *Chain) SetFrequency(ctx context.Context, f physic.Frequency) error {
	if _, err := c.model.PLL(f); err != nil {
		return err
	}
	req := request{clock: f, done: make(chan error, 1)}
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
	if r.ramped != nil {
		r.ramped <- errSuperseded
	}
	r.walkTo, r.ramped = req.clock, req.done
	r.opts.Frequency = req.clock // for the next bring-up
	r.ramp.Reset(0)
	return nil
}

// rampOn takes one step of a change of the clock.
func (r *runner) rampOn(ctx context.Context) error {
	next := towards(r.frequency, r.walkTo)
	err := r.setClock(ctx, next)
	if err == nil && r.spec.rolls && !r.idle {
		err = r.writeHashCount(ctx)
	}
	if err == nil && next != r.walkTo {
		r.ramp.Reset(rampPause)
		return nil
	}
	r.declare(r.feed)
	r.ramped <- err
	r.ramped = nil
	return err
}
