// Package board says what a mining board is made of: chains of chips, what powers
// and cools them, what measures them, and what they stand. A board is a value: a
// short list of instances that the folders here fill in, each for one kind of board.
//
//	Board = Rails (power, in the order of power-up)
//	      + Resets, Chains (what hashes)
//	      + Fans, Thermometers (what keeps it alive)
//
// Up and Down are the power-up order and its reverse. When to call them is not
// decided here: the device's guard does that.
package board

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Celsius, Volts and Amps are what a board is measured in: for people and limits.
type (
	Celsius float64
	Volts   float64
	Amps    float64
)

// Board is a list of parts. Nothing in it changes after it was made.
type Board struct {
	Name         string
	Rails        []*Rail // in the order in which they are turned on
	Resets       []*Reset
	Chains       []Chain
	Fans         []*Fan
	Thermometers []*Thermometer
	// Poll is how often the board can be measured; 0 is 300 ms, with which
	// three bad readings in a row take well less than the guard's two seconds.
	Poll time.Duration
	// Rest is the least time without power before it may come back; 0 is 5 s.
	Rest time.Duration
}

// usual values of Poll and Rest
const (
	usualPoll = 300 * time.Millisecond
	usualRest = 5 * time.Second
)

// Check refuses a board that nobody could guard, and fills in usual values.
func (b *Board) Check() error {
	if b.Poll == 0 {
		b.Poll = usualPoll
	}
	if b.Rest == 0 {
		b.Rest = usualRest
	}
	switch {
	case len(b.Chains) == 0:
		return fmt.Errorf("board: %s has no chain: nothing would be mined", b.Name)
	case len(b.Rails) == 0 && len(b.Resets) == 0:
		return fmt.Errorf("board: %s has neither a rail nor a reset line: its chips could not be stopped", b.Name)
	case len(b.Thermometers) == 0:
		return fmt.Errorf("board: %s has no thermometer: it could not be guarded", b.Name)
	}
	for _, t := range b.Thermometers {
		if h := t.Heat; !(h.Target < h.Throttle && h.Throttle < h.Max) {
			return fmt.Errorf("board: %s: limits of %s are %+v, want target < throttle < max", b.Name, t.Name, h)
		}
	}
	return nil
}

// HashRate is what all chains should do together, in hashes per second.
func (b *Board) HashRate() (rate float64) {
	for _, c := range b.Chains {
		rate += c.HashRate()
	}
	return rate
}

// String is the board's name.
func (b *Board) String() string { return b.Name }

// Up powers the chips: resets held, fans at full speed, rail after rail at its
// voltage, each looked at before the next. It leaves the chips in reset, which
// their chains may end from now on. After an error everything is off.
func (b *Board) Up(ctx context.Context) error {
	err := b.up(ctx)
	if err != nil {
		return errors.Join(err, b.Down())
	}
	for _, r := range b.Resets {
		r.allow()
	}
	return nil
}

func (b *Board) up(ctx context.Context) error {
	if err := b.hold(); err != nil {
		return err
	}
	if err := b.SetFans(1); err != nil {
		return err
	}
	for _, r := range b.Rails {
		if err := r.up(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Down takes the power off, whatever state the board is in: resets held, rails off
// in reverse. It tries every part, and returns what it could not do. Fans are left
// alone: chips stay hot for a while.
func (b *Board) Down() error {
	errs := []error{b.hold()}
	for _, r := range slices.Backward(b.Rails) {
		if err := r.Driver.Off(); err != nil {
			errs = append(errs, fmt.Errorf("board: %s cannot be turned off: %w", r.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (b *Board) hold() (err error) {
	for _, r := range b.Resets {
		err = errors.Join(err, r.hold())
	}
	return err
}

// SetFans gives all fans a share of their full duty, and each at least its least.
func (b *Board) SetFans(share float64) (err error) {
	for _, f := range b.Fans {
		err = errors.Join(err, f.set(share))
	}
	return err
}
