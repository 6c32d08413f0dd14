package board

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"periph.io/x/conn/v3/physic"
)

// tunedFake is a chain whose chips have clocks.
type tunedFake struct {
	chainFake
	clocks []MHz
}

func (c *tunedFake) Clocks() []MHz           { return c.clocks }
func (c *tunedFake) Tune(clocks []MHz) error { c.clocks = clocks; return nil }

// Clock and voltage can be set within the clamps, and only there.
func TestClamps(t *testing.T) {
	b := new(bench).board()
	if err := b.SetClock(500); !errors.Is(err, ErrNotTunable) {
		t.Errorf("a board without clamps: %v", err)
	}
	b.Clamps = Clamps{MinClock: 400, MaxClock: 600, MinVolts: 8, MaxVolts: 9.5}
	if err := b.SetClock(500); !errors.Is(err, ErrNotTunable) {
		t.Errorf("a chain without clocks: %v", err)
	}
	chain := &tunedFake{clocks: []MHz{450, 450}}
	b.Chains = []Chain{chain}
	if err := b.SetClock(500); err != nil || !slices.Equal(chain.clocks, []MHz{500, 500}) {
		t.Errorf("SetClock = %v, %v", err, chain.clocks)
	}
	for _, f := range []MHz{399, 601, 0} {
		if err := b.SetClock(f); err == nil || !strings.Contains(err.Error(), "400 to 600 MHz") {
			t.Errorf("SetClock(%v) = %v", f, err)
		}
	}
	if err := b.SetVolts(8.5); err == nil || len(b.TunableRails()) > 0 {
		t.Errorf("rails without a range: %v, %d may be tuned", err, len(b.TunableRails()))
	}
	r := b.Rails[1]
	r.Min, r.Max = 8500*physic.MilliVolt, 9200*physic.MilliVolt
	if least, most := b.TuningRange(r); least != 8.5 || most != 9.2 || !slices.Equal(b.TunableRails(), []*Rail{r}) {
		t.Errorf("range %v to %v of %v", least, most, b.TunableRails())
	}
	if err := b.SetVolts(8.7); err != nil || r.Goal() != 8700*physic.MilliVolt || r.Wanted() != 8.7 {
		t.Errorf("SetVolts = %v, %v", err, r.Goal())
	}
	for _, v := range []Volts{8.4, 9.3, -1} {
		if err := b.SetVolts(v); err == nil || r.Goal() != 8700*physic.MilliVolt {
			t.Errorf("SetVolts(%v) = %v, goal %v", v, err, r.Goal())
		}
	}
	for _, c := range []Clamps{{MinClock: 500, MaxClock: 400}, {MaxClock: 400}, {MinClock: 1, MaxClock: 2, MinVolts: 3, MaxVolts: 2}} {
		if b.Clamps = c; b.Check() == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
