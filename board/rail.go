package board

import (
	"context"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// A RailDriver is a regulator, voltage controller or supply.
type RailDriver interface {
	SetVoltage(physic.ElectricPotential) error
	On() error
	// Off takes the output off, whatever state the chip is in.
	Off() error
}

// Rail is one supply of chips.
type Rail struct {
	Name string
	// Chain is the number of the chain that it feeds alone; 0: all of them.
	Chain  int
	Driver RailDriver
	// Output is what the chips get.
	Output physic.ElectricPotential
	// Start is what they get until they hash, where that is not the Output. From
	// there the rail is walked to it by Steps, each Dwell after the one before.
	Start physic.ElectricPotential
	Step  physic.ElectricPotential
	Dwell time.Duration // 0 is one second
	// Min and Max bound whatever the rail is told, beside the driver's own
	// limits. Zeros: nothing but Start, Output and what lies between.
	Min, Max physic.ElectricPotential
	// Settle is how long the output takes to be there.
	Settle time.Duration
	// Stays says that the chips keep a voltage when the rail is off, or that nobody
	// can measure that they do not: what stops them is their reset.
	Stays bool
	// Measure asks the rail how it is.
	Measure func() (Power, error)
	// Clear forgets faults that the rail has latched; nil if it latches none.
	Clear  func() error
	Limits PowerLimits

	state railState
}

// Power is a rail at one moment.
type Power struct {
	Output  Volts
	Input   Volts
	Current Amps // of the output
	Fault   string
}

// PowerLimits bound what a rail may be measured at. Zero bounds nothing.
type PowerLimits struct {
	MinInput, MaxInput Volts
	Current            Amps
	// Tolerance is how far the output may be from what was set, as a share.
	Tolerance float64
}

// Wanted is what the output should be: now, or when it will be turned on.
func (r *Rail) Wanted() Volts { return InVolts(r.Setting()) }

func (r *Rail) up(ctx context.Context) error {
	first := r.first()
	steps := []func() error{
		r.off,
		r.lookBefore,
		func() error { return r.set(ctx, first) },
		func() error { return r.drive(ctx, r.Driver.On) },
		func() error { return wait(ctx, r.Settle) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("board: %s: %w", r.Name, err)
		}
	}
	if err := r.look(); err != nil {
		return err
	}
	r.state.on.Store(true)
	return nil
}

// lookBefore is the check before the rail is turned on.
func (r *Rail) lookBefore() error {
	p, err := r.Measure()
	if err == nil {
		err = r.Limits.BadInput(p)
	}
	if err == nil && r.Clear != nil {
		err = r.Clear()
	}
	return err
}

// look is the check after the rail was turned on.
func (r *Rail) look() error {
	p, err := r.Measure()
	if err == nil {
		err = r.bad(p)
	}
	if err != nil {
		return fmt.Errorf("board: %s after it was turned on: %w", r.Name, err)
	}
	return nil
}

func (r *Rail) bad(p Power) error {
	if p.Fault != "" {
		return fmt.Errorf("it reports %s", p.Fault)
	}
	return errors.Join(r.Limits.BadInput(p), r.Limits.BadCurrent(p), r.BadOutput(p))
}

// BadOutput says what is wrong with the voltage of a rail that should be on, or nil.
func (r *Rail) BadOutput(p Power) error {
	want := r.Wanted()
	if off := p.Output - want; r.Limits.Tolerance > 0 && max(off, -off) > Volts(r.Limits.Tolerance)*want {
		return fmt.Errorf("its output is %.3f V, want %.3f V", p.Output, want)
	}
	return nil
}

// BadCurrent says whether the current is too much, or nil.
func (l PowerLimits) BadCurrent(p Power) error {
	if l.Current > 0 && p.Current > l.Current {
		return fmt.Errorf("it gives %.1f A, at most %.1f A is good", p.Current, l.Current)
	}
	return nil
}

// BadInput says what is wrong with the supply of a rail, or nil.
func (l PowerLimits) BadInput(p Power) error {
	if l.MinInput > 0 && p.Input < l.MinInput || l.MaxInput > 0 && p.Input > l.MaxInput {
		return fmt.Errorf("its input is %.2f V, want %.2f to %.2f V: check the power supply", p.Input, l.MinInput, l.MaxInput)
	}
	return nil
}

// wait returns early when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
