package virtual

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board/bitaxe"
)

// Each kind comes up in the order of its power, with the voltage of its chips, and
// goes down to a state in which it may be left.
func TestBitaxePower(t *testing.T) {
	for _, v := range bitaxeVersions() {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := NewBitaxe(Config{Board: v.name, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				if err := b.Up(t.Context()); err != nil {
					t.Fatal(err)
				}
				want := float64(v.kind.Volts) / 1e6
				if got := b.State().Millivolts(); got < want-12 || got > want+12 {
					t.Errorf("chips have %.1f mV, want %.1f", got, want)
				}
				s := b.Measure(time.Now())
				for i, r := range s.Rails {
					if rail := b.Board.Rails[i]; r.Err != nil || rail.BadOutput(r.Power) != nil || rail.Limits.BadInput(r.Power) != nil {
						t.Errorf("%s: %+v", rail.Name, r)
					}
				}
				for i, f := range s.Fans {
					if f.Err != nil || f.RPM < 5000 {
						t.Errorf("%s: %+v", b.Board.Fans[i].Name, f)
					}
				}
				if err := b.Down(); err != nil || !b.State().Safe() || !v.bent && !b.State().Off() {
					t.Errorf("Down = %v, %+v", err, b.State())
				}
				for _, r := range b.Reports() {
					t.Error(r)
				}
			})
		})
	}
}

// A board that is not named is asked what it is, and is off afterwards.
func TestAsk(t *testing.T) {
	for _, v := range bitaxeVersions() {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := NewBitaxe(Config{Board: v.name, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				k, err := bitaxe.Ask(t.Context(), b.Parts(), bitaxe.Options{})
				if err != nil || k.Name != v.kind.Name {
					t.Errorf("Ask = %s, %v", k.Name, err)
				}
				if s := b.State(); !s.Safe() || !v.bent && !s.Off() {
					t.Errorf("asked, it is %+v", s)
				}
				for _, r := range b.Reports() {
					t.Error(r)
				}
			})
		})
	}
}
