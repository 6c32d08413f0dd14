package virtual

import (
	"testing"
	"testing/synctest"
	"time"
)

// Each machine comes up and goes down at the wires as its board's package says.
func TestAntminerPower(t *testing.T) {
	for _, name := range []string{"s19kpro", "s21", "s21pro", "s19bbb", "described"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, err := New(Config{Board: name, Chips: 3})
				if err != nil {
					t.Fatal(err)
				}
				stop := b.KeepAlways(t.Context(), nil)
				defer stop()
				time.Sleep(b.Rest)
				if err := b.Up(t.Context()); err != nil {
					t.Fatal(err)
				}
				t.Log(b.Measure(time.Now()), b.State())
				if err := b.Down(); err != nil || !b.State().Off() {
					t.Errorf("Down = %v, %+v", err, b.State())
				}
				for _, r := range b.Reports() {
					t.Error(r)
				}
			})
		})
	}
}
