package device

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/device/tuning"
	"github.com/lodefw/lode/tinytest/chipsim"
)

// A chip that makes errors gets less clock than its neighbours, on the wire too.
func TestTunerSlowsOneChip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-hex", HashBudget: 5e3, Seed: 5})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Chip.Inject(chipsim.Fault{Kind: chipsim.HashErrors, Chip: 3, Rate: 0.2}); err != nil {
			t.Fatal(err)
		}
		b := tune(t, runBench(t, v), "power=95W", "")
		b.until("mining", time.Minute, is(PowerMining))
		b.watch(20 * time.Minute)
		var clocks []float64
		for _, c := range v.Chip.Status().Chips {
			clocks = append(clocks, c.MHz)
		}
		slow := clocks[3]
		if rest := slices.Delete(slices.Clone(clocks), 3, 4); slow > slices.Min(rest)-2*tuning.Step {
			t.Errorf("clocks %v, want chip 3 below the others: %+v", clocks, b.tuner.Status())
		}
		if s := b.tuner.Status(); s.Limited == 0 || s.Steps < 3 {
			t.Errorf("%+v", s)
		}
		for _, r := range v.Reports() {
			t.Errorf("protocol: %v", r)
		}
	})
}

// Every virtual board either can be tuned, within limits that hold what it starts
// with, or says why not.
func TestEveryBoardsTuning(t *testing.T) { synctest.Test(t, everyBoardsTuning) }

func everyBoardsTuning(t *testing.T) {
	for _, name := range virtual.Names() {
		v, err := virtual.New(virtual.Config{Board: name, Chips: 3, HashBudget: 1e3})
		if err != nil { // one with as many chips as it has
			v, err = virtual.New(virtual.Config{Board: name, HashBudget: 1e3})
		}
		if err != nil {
			t.Fatal(err)
		}
		parts, err := tunableOf(v.Board)
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		p := parts.plan()
		if _, err := parts.fits(parts.profile(p, tuning.Target{}, time.Time{})); err != nil {
			t.Errorf("%s does not start within its own limits: %v", name, err)
		}
		t.Logf("%s: %d chains, %v V, clamps %+v", name, len(p.Clocks), p.Volts, v.Clamps)
	}
}
