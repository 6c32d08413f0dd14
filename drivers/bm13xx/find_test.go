package bm13xx_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/tinytest/chipsim"
)

// Every chip that answers to the usual commands is known without a hint.
func TestFind(t *testing.T) {
	for _, c := range []struct {
		model bm13xx.Model
		chips int
	}{
		{bm13xx.BM1397, 1}, {bm13xx.BM1362, 12}, {bm13xx.BM1366, 6}, {bm13xx.BM1368, 1}, {bm13xx.BM1370, 2}, {bm13xx.BM1373, 1},
	} {
		t.Run(c.model.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim, err := chipsim.New(chipsim.Config{Model: c.model.String(), Chips: c.chips, HeldInReset: true, Zeros: 32})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(200 * time.Millisecond)
				sim.Reset(false)
				time.Sleep(200 * time.Millisecond)
				m, n, err := bm13xx.Find(t.Context(), sim.Port())
				if m != c.model || n != c.chips || err != nil {
					t.Errorf("Find = %v, %d, %v", m, n, err)
				}
			})
		})
	}
}

func TestFindNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim, err := chipsim.New(chipsim.Config{Model: "BM1370", HeldInReset: true, Zeros: 32})
		if err != nil {
			t.Fatal(err)
		}
		if m, n, err := bm13xx.Find(t.Context(), sim.Port()); err == nil {
			t.Errorf("found %d %v in reset", n, m)
		}
	})
}
