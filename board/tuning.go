package board

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"periph.io/x/conn/v3/physic"
)

// MHz is a clock, for people and limits.
type MHz float64

func megahertz(f physic.Frequency) MHz { return MHz(float64(f) / float64(physic.MegaHertz)) }

// Frequency is the clock as a driver wants it.
func (f MHz) Frequency() physic.Frequency {
	return physic.Frequency(math.Round(float64(f) * float64(physic.MegaHertz)))
}

// Clamps bound what the chips of a board may be tuned to. Without volts, or where
// a rail's Output is not between them, the voltage stays what it is.
type Clamps struct {
	MinClock, MaxClock MHz
	MinVolts, MaxVolts Volts
}

func (c Clamps) check() error {
	switch {
	case c == (Clamps{}):
	case !(0 < c.MinClock && c.MinClock <= c.MaxClock):
		return fmt.Errorf("clocks are clamped to %g to %g MHz", c.MinClock, c.MaxClock)
	case !(0 <= c.MinVolts && c.MinVolts <= c.MaxVolts):
		return fmt.Errorf("voltages are clamped to %g to %g V", c.MinVolts, c.MaxVolts)
	}
	return nil
}

// ErrNotTunable is why a board cannot be tuned.
var ErrNotTunable = errors.New("board: it has no limits to tune its chips within")

// Tunable are the board's chains, all of which must be able to have clocks given.
func (b *Board) Tunable() (list []Tunable, err error) {
	if b.Clamps == (Clamps{}) {
		return nil, ErrNotTunable
	}
	for _, c := range b.Chains {
		t, ok := c.(Tunable)
		if !ok {
			return nil, fmt.Errorf("board: the clocks of %s cannot be set one by one: %w", c, ErrNotTunable)
		}
		list = append(list, t)
	}
	return list, nil
}

// SetClock gives all chips a clock to begin with, before the board is powered.
func (b *Board) SetClock(f MHz) error {
	chains, err := b.Tunable()
	switch c := b.Clamps; {
	case err != nil:
		return err
	case !(f >= c.MinClock && f <= c.MaxClock):
		return fmt.Errorf("board: %s may run at %g to %g MHz, not at %g MHz", b.Name, c.MinClock, c.MaxClock, f)
	}
	for _, c := range chains {
		err = errors.Join(err, c.Tune(slices.Repeat([]MHz{f}, len(c.Clocks()))))
	}
	return err
}

// SetVolts gives the chips a voltage to begin with, before the board is powered.
func (b *Board) SetVolts(v Volts) error {
	rails := b.TunableRails()
	if len(rails) == 0 {
		return fmt.Errorf("board: %s has no voltage that can be set", b.Name)
	}
	for _, r := range rails {
		if err := b.Aim(r, v); err != nil {
			return err
		}
	}
	return nil
}

// TunableRails are the rails whose voltage may be chosen.
func (b *Board) TunableRails() (list []*Rail) {
	for _, r := range b.Rails {
		if least, most := b.TuningRange(r); least < most && InVolts(r.Output) >= least && InVolts(r.Output) <= most {
			list = append(list, r)
		}
	}
	return list
}

// TuningRange is what a rail's voltage may be tuned within.
func (b *Board) TuningRange(r *Rail) (least, most Volts) {
	from, to := r.Range()
	return max(b.Clamps.MinVolts, InVolts(from)), min(b.Clamps.MaxVolts, InVolts(to))
}

// Aim changes the voltage that a rail is to give the chips. It moves nothing:
// Rail.Walk does.
func (b *Board) Aim(r *Rail, v Volts) error {
	const rounding = 1e-6
	if least, most := b.TuningRange(r); !(v >= least-rounding && v <= most+rounding) {
		return fmt.Errorf("board: %s: %s may have %g to %g V, not %g V", b.Name, r.Name, least, most, v)
	}
	r.state.aim.Store(int64(math.Round(float64(v)*1000)) * int64(physic.MilliVolt))
	return nil
}

// Aimed is what the rail is to give the chips: the goal, for people and limits.
func (r *Rail) Aimed() Volts { return InVolts(r.Goal()) }

// Arrived tells whether the rail is at its goal, or off and will start from it.
func (r *Rail) Arrived() bool { return !r.IsOn() || r.Setting() == r.Goal() }

// Follow walks to the goal.
func (r *Rail) Follow(ctx context.Context) error { return r.Walk(ctx, r.Goal()) }
