// Package board says what a mining board is made of: chains of chips, what powers
// and cools them, what measures them, and what they stand. A board is a value: a
// short list of instances that the folders here fill in, each for one kind of board.
//
//	Board = Rails (power, in the order of power-up)
//	      + Keepers (what must go on while there is power: heartbeats)
//	      + Resets, Chains (what hashes)
//	      + Fans, Thermometers (what keeps it alive)
//
// A part belongs to all chains, or to one, which is named by its number: the first
// of Chains is 1. A chain whose own parts fail can be turned off alone.
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
	Rails        []*Rail // in the order in which they are turned on; a chain's own come after all shared ones
	Keepers      []*Keeper
	Resets       []*Reset
	Chains       []Chain
	Fans         []*Fan
	Thermometers []*Thermometer
	// Clamps are what its chips may be tuned within; zero: they may not.
	Clamps Clamps
	// Poll is how often the board can be measured; 0 is 300 ms, with which
	// three bad readings in a row take well less than the guard's two seconds.
	Poll time.Duration
	// Rest is the least time without power before it may come back; 0 is 5 s.
	// More than that is waited for before the first power-up, too: nobody knows
	// when the board was turned off before us.
	Rest time.Duration
	// Renew, where there is one, does again what was done when the board was opened: it
	// looks for the board where it is now, and for its parts, turns all off and sets it
	// up. A board that had no power, or no cable, has forgotten that. It is for a board
	// that is to be off, and changes nothing in this list. News is for people, and
	// empty if there is none.
	Renew func(ctx context.Context) (news string, err error)
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
	if err := b.Clamps.check(); err != nil {
		return fmt.Errorf("board: %s: %w", b.Name, err)
	}
	for _, r := range b.Rails {
		if err := r.check(); err != nil {
			return fmt.Errorf("board: %s: %w", b.Name, err)
		}
	}
	return b.checkChains()
}

// checkChains looks at which chain the parts say that they belong to.
func (b *Board) checkChains() error {
	numbers := make(map[string]int)
	for _, t := range b.Thermometers {
		numbers["thermometer "+t.Name] = t.Chain
	}
	for _, r := range b.Rails {
		numbers["rail "+r.Name] = r.Chain
	}
	for i, r := range b.Resets {
		numbers[fmt.Sprint("reset ", i)] = r.Chain
	}
	for _, k := range b.Keepers {
		numbers["keeper "+k.Name] = k.Chain
	}
	for part, n := range numbers {
		if n < 0 || n > len(b.Chains) {
			return fmt.Errorf("board: %s: %s belongs to chain %d, there are 1 to %d, and 0 for all", b.Name, part, n, len(b.Chains))
		}
	}
	own := false
	for _, r := range b.Rails {
		if r.Chain == 0 && own {
			return fmt.Errorf("board: %s: rail %s feeds all chains, and comes after one of a single chain", b.Name, r.Name)
		}
		own = own || r.Chain > 0
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

// Up powers the whole board: what all chains share, then chain after chain. After
// an error everything is off. The keepers are not started: see Keep.
func (b *Board) Up(ctx context.Context) error {
	for n := range len(b.Chains) + 1 {
		if err := b.UpPart(ctx, n); err != nil {
			return errors.Join(err, b.Down())
		}
	}
	return nil
}

// UpPart powers one part: with 0 what all chains share, and with a chain's number
// what it has for itself, once 0 is up. Resets are held, fans at full speed, and
// rail after rail comes to its first voltage, each looked at before the next. It
// leaves the chips in reset, which their chains may end from now on. After an error
// the part is as it got: DownPart is next. Nothing is turned on any more once ctx
// has ended, so who ends it and calls DownPart then leaves the part off.
func (b *Board) UpPart(ctx context.Context, n int) error {
	if err := b.hold(n); err != nil {
		return err
	}
	if n == 0 {
		if err := b.SetFans(1); err != nil {
			return err
		}
	}
	for _, r := range b.Rails {
		if r.Chain != n {
			continue
		}
		if err := r.up(ctx); err != nil {
			return err
		}
	}
	for _, r := range b.Resets {
		if r.Chain == n && !r.allow(ctx) {
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// Down takes the power off, whatever state the board is in: resets held, rails off
// in reverse. It tries every part, and returns what it could not do. Fans are left
// alone: chips stay hot for a while.
func (b *Board) Down() error { return b.down(func(int) bool { return true }) }

// DownPart is Down for a part: a chain's own, or with 0 what all share.
func (b *Board) DownPart(n int) error { return b.down(func(chain int) bool { return chain == n }) }

// offPatience is how long a rail may keep the next one waiting while the board is
// turned off: a controller that is asked again and again must not keep the supply on.
const offPatience = 300 * time.Millisecond

func (b *Board) down(of func(chain int) bool) error {
	var calls []<-chan error
	call := func(f func() error) {
		done := make(chan error, 1)
		go func() { done <- f() }()
		calls = append(calls, soon(done))
	}
	for _, r := range b.Resets {
		if of(r.Chain) {
			call(r.hold)
		}
	}
	for _, r := range slices.Backward(b.Rails) {
		if of(r.Chain) {
			call(r.off)
		}
	}
	var errs []error
	for _, done := range calls {
		errs = append(errs, <-done)
	}
	return errors.Join(errs...)
}

// soon waits for a result for a while, and leaves it where it was.
func soon(done chan error) <-chan error {
	timer := time.NewTimer(offPatience)
	defer timer.Stop()
	select {
	case err := <-done:
		done <- err // has room
	case <-timer.C:
	}
	return done
}

func (b *Board) hold(n int) (err error) {
	for _, r := range b.Resets {
		if r.Chain == n || n == 0 {
			err = errors.Join(err, r.hold())
		}
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
