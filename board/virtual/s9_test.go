package virtual

import (
	"testing"
	"testing/synctest"
	"time"
)

// The machine comes up and goes down as its package says; without heartbeats the
// controllers turn the chips off by themselves.
func TestS9Power(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := NewS9(Config{Chips: 3})
		if err != nil {
			t.Fatal(err)
		}
		if !b.State().Off() || b.Fans.RPS(1) < 100 {
			t.Errorf("before: %+v", b.State())
		}
		if err := b.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i, c := range b.State().Chains {
			if c.Millivolts < 446 || c.Millivolts > 449 {
				t.Errorf("chain %d starts with %.1f mV, want 9.4 V / 21", i, c.Millivolts)
			}
		}
		if err := b.DownPart(2); err != nil {
			t.Fatal(err)
		}
		if c := b.State().Chains; c[0].Millivolts == 0 || c[1].Millivolts > 0 || c[2].Millivolts == 0 {
			t.Errorf("with the second chain off: %+v", c)
		}
		time.Sleep(11 * time.Second)
		if !b.State().Off() {
			t.Errorf("without heartbeats: %+v", b.State())
		}
		if err := b.Down(); err != nil {
			t.Error(err)
		}
		for _, r := range b.Reports() {
			t.Error(r)
		}
	})
}
