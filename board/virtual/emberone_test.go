package virtual

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board/emberone"
	"periph.io/x/conn/v3/physic"
)

func TestEmberOnePower(t *testing.T) {
	for _, name := range []string{"emberone", "emberone-v4"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := NewEmberOne(Config{Board: name, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				if s := b.State(); !s.Off() || b.pins {
					t.Errorf("after New: %+v, pins %v", s, b.pins)
				}
				if err := b.Up(t.Context()); err != nil {
					t.Fatal(err)
				}
				if v := b.State().Millivolts(); v < 298 || v > 303 || !b.pins {
					t.Errorf("chips have %.1f mV, their pins %v", v, b.pins)
				}
				for i, r := range b.Measure(time.Now()).Rails {
					if r.Err != nil || b.Board.Rails[i].BadOutput(r.Power) != nil {
						t.Errorf("%+v", r)
					}
				}
				if err := b.Down(); err != nil || !b.State().Off() || b.pins || b.enabled {
					t.Errorf("Down = %v, %+v", err, b.State())
				}
			})
		})
	}
}

// Nobody may give the chips more than their pins' supply carries.
func TestEmberOnePinSupply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := NewEmberOne(Config{Board: "emberone"})
		if err != nil {
			t.Fatal(err)
		}
		five, err := emberone.New(b.Parts(), emberone.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r := five.Rails[0]; r.Output > 3100*physic.MilliVolt || r.Max > 3100*physic.MilliVolt || five.Clamps.MaxClock > 225 {
			t.Errorf("with 5 V at the pins it gets %v, %+v", r.Output, five.Clamps)
		}
		if _, err := emberone.New(b.Parts(), emberone.Options{Voltage: 300 * physic.MilliVolt}); err == nil || !strings.Contains(err.Error(), "may have 3 to 3.1 V, not 3.6 V") {
			t.Errorf("3.6 V: %v", err)
		}
		if _, err := emberone.New(b.Parts(), emberone.Options{Clock: 500 * physic.MegaHertz}); err == nil {
			t.Error("500 MHz were taken")
		}
	})
}

func TestEmberOneOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := NewBitaxe(Config{Board: "bitaxe-gamma"})
		if err != nil {
			t.Fatal(err)
		}
		nothing := func(bool) error { return nil }
		_, err = emberone.New(emberone.Parts{Line: b.Chip.Port(), I2C: b.Bus, Reset: b.Parts().Reset, Enable: nothing, PinsOn: nothing}, emberone.Options{})
		if err == nil || !strings.Contains(err.Error(), "no emberOne/00") {
			t.Errorf("a Bitaxe is an emberOne: %v", err)
		}
	})
}
