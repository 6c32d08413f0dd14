package tinytest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBlockFoundAndAccepted(t *testing.T) {
	for name, o := range map[string]Options{"noise": {}, "plain": {Plain: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := New(t, o)
				r.Until("three blocks", 5*time.Minute, func() bool { return r.Chain.Mined() >= 3 })
				blocks := r.Pools[0].Ledger.Blocks()
				if len(blocks) < 3 {
					t.Fatalf("ledger has %d blocks, want 3", len(blocks))
				}
				if tip := r.Chain.Tip(); blocks[len(blocks)-1] != tip {
					t.Errorf("tip is %v, the last block of the ledger %v", tip, blocks[len(blocks)-1])
				}
				r.Until("shares acknowledged", time.Minute, func() bool { return r.Devices[0].Status().Pool.Accepted > 20 })
				r.honest()
			})
		})
	}
}
