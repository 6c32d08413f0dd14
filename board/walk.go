package board

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/physic"
)

// railState is what a rail was told. Its lock is held for one call of the driver
// at a time; it is a channel, because such a call may wait.
type railState struct {
	once sync.Once
	lock chan struct{}
	on   atomic.Bool
	told atomic.Int64 // voltage; 0: none since it was turned off
	aim  atomic.Int64 // voltage that the chips should get; 0: Output
}

func (s *railState) take() func() {
	s.once.Do(func() { s.lock = make(chan struct{}, 1) })
	s.lock <- struct{}{}
	return func() { <-s.lock }
}

// IsOn tells whether the rail was turned on, looked at, and not turned off since.
func (r *Rail) IsOn() bool { return r.state.on.Load() }

// Setting is the voltage that the rail has, or will have when it is turned on.
func (r *Rail) Setting() physic.ElectricPotential {
	if v := r.state.told.Load(); v != 0 {
		return physic.ElectricPotential(v)
	}
	return r.first()
}

func (r *Rail) first() physic.ElectricPotential {
	if r.Start != 0 {
		return r.Start
	}
	return r.Goal()
}

// Goal is what the chips should get: Output, unless Board.Aim was called.
func (r *Rail) Goal() physic.ElectricPotential {
	if v := r.state.aim.Load(); v != 0 {
		return physic.ElectricPotential(v)
	}
	return r.Output
}

// drive calls the driver, unless ctx has ended.
func (r *Rail) drive(ctx context.Context, f func() error) error {
	defer r.state.take()()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return f()
}

func (r *Rail) set(ctx context.Context, v physic.ElectricPotential) error {
	if least, most := r.Range(); v < least || v > most {
		return fmt.Errorf("%v is outside of its limits, %v to %v", v, least, most)
	}
	return r.drive(ctx, func() error {
		err := r.Driver.SetVoltage(v)
		if err == nil {
			r.state.told.Store(int64(v))
		}
		return err
	})
}

// off takes the output off. What is under way at the driver is waited for.
func (r *Rail) off() error {
	defer r.state.take()()
	r.state.on.Store(false)
	r.state.told.Store(0)
	if err := r.Driver.Off(); err != nil {
		return fmt.Errorf("board: %s cannot be turned off: %w", r.Name, err)
	}
	return nil
}

// Range is what the rail may be told.
func (r *Rail) Range() (least, most physic.ElectricPotential) {
	if r.Min != 0 || r.Max != 0 {
		return r.Min, r.Max
	}
	start := r.Output
	if r.Start != 0 {
		start = r.Start
	}
	return min(start, r.Output), max(start, r.Output)
}

// Walk takes a rail that is on to a voltage, in its steps. It ends early with ctx,
// and with an error when the rail does not follow.
func (r *Rail) Walk(ctx context.Context, to physic.ElectricPotential) error {
	for r.IsOn() && r.Setting() != to {
		next := to
		if now := r.Setting(); r.Step > 0 {
			next = min(max(to, now-r.Step), now+r.Step)
		}
		err := r.set(ctx, next)
		if err == nil {
			err = wait(ctx, max(r.dwell(), r.Settle))
		}
		if err != nil {
			return fmt.Errorf("board: %s: %w", r.Name, err)
		}
	}
	return ctx.Err()
}

func (r *Rail) dwell() time.Duration {
	if r.Dwell == 0 {
		return time.Second
	}
	return r.Dwell
}

// check refuses voltages that contradict each other.
func (r *Rail) check() error {
	least, most := r.Range()
	switch {
	case r.Output < least || r.Output > most || r.first() < least || r.first() > most:
		return fmt.Errorf("rail %s starts at %v and goes to %v, its limits are %v to %v", r.Name, r.first(), r.Output, least, most)
	case r.Start != 0 && r.Start != r.Output && r.Step <= 0:
		return fmt.Errorf("rail %s starts at %v and goes to %v, and has no step", r.Name, r.Start, r.Output)
	}
	return nil
}
