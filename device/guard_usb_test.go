package device

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/internal/usbtest"
	"github.com/lodefw/lode/tinytest/chipsim/usbsim"
)

// overUSB puts a virtual board behind bitaxe-raw's control port.
func overUSB(t *testing.T, v *virtual.Bitaxe, old bool) *usbsim.Board {
	t.Helper()
	v.USB.OldFormat, v.USB.Work = old, time.Millisecond
	kind, err := bitaxe.KindOf("bitaxe-gamma")
	if err != nil {
		t.Fatal(err)
	}
	v.Board.Board, err = bitaxe.FromUSB(usbtest.Plug(t, v.USB), v.Chip.Port(), kind, bitaxe.Options{WiredZeros: v.Chip.Zeros(), Ticket: 64})
	if err != nil {
		t.Fatal(err)
	}
	return v.USB
}

// The same board on a cable, with both formats of answers; when its controller
// falls silent the chip is stopped over the other port.
func TestBoardOverUSB(t *testing.T) {
	for _, old := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3, Seed: 3})
			if err != nil {
				t.Fatal(err)
			}
			sim := overUSB(t, v, old)
			b := runBench(t, v)
			b.until("mining", 20*time.Second, is(PowerMining))
			time.Sleep(30 * time.Second)
			if s := b.guard.Status(); s.Chains[0].Good < 50 || s.Trips > 0 {
				t.Errorf("after 30 s: %+v", s)
			}
			for _, r := range v.Chip.Reports() {
				t.Errorf("protocol: %v", r)
			}
			sim.Mute(1 << 30)
			took := b.until("controller-silent", 2*time.Second, off)
			b.until("the chip is idle", 2*time.Second-took, func(*BoardStatus) bool { return v.State().Safe() })
			b.named(string(ControllerSilent))
			sim.Mute(0)
			b.until("mining again", time.Minute, is(PowerMining))
			b.end()
			if st := v.State(); st.Millivolts() != 0 {
				t.Errorf("after the end: %+v", st)
			}
		})
	}
}
