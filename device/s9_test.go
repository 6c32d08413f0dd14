package device

import (
	"slices"
	"testing"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/virtual"
)

// slow gives all chips a low clock. A BM1387 is through a work within milliseconds:
// an S9 at its usual clock is most of what this package's tests cost.
func slow(t *testing.T, v *virtual.Board) {
	t.Helper()
	chains, err := v.Tunable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chains {
		if err := c.Tune(slices.Repeat([]board.MHz{150}, len(c.Clocks()))); err != nil {
			t.Fatal(err)
		}
	}
}

// On an S9 each hash board has its own supply: what breaks on one turns that one
// off, is named, and the others go on.
func TestS9Faults(t *testing.T) {
	for _, f := range []struct {
		fault  virtual.Break
		code   Code
		within time.Duration // after which the chips have no power
		all    bool          // hash boards go off
	}{
		{virtual.FanStops, FanStopped, 2 * time.Second, true},
		{virtual.TachLost, FanStopped, 2 * time.Second, true},
		{virtual.SensorNAK, SensorLost, 2 * time.Second, false},
		{virtual.SensorLost, SensorLost, 2 * time.Second, false},
		{virtual.SensorHot, OverTemperature, 2 * time.Second, false},
		// A controller that does not answer cannot be told: it drops its rail by
		// itself, ten seconds after the last heartbeat.
		{virtual.HeartbeatLost, KeeperFailed, 13 * time.Second, false},
		{virtual.ChipsDark, "", time.Minute, false},
		{virtual.LineBroken, "", time.Minute, false},
	} {
		synctested(t, string(f.fault), func(t *testing.T) {
			v, err := virtual.New(virtual.Config{Board: "s9", Chips: 3, HashBudget: 6e3, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case f.fault != virtual.SensorHot:
				slow(t, v) // such chips would not get as hot
			case testing.Short():
				t.Skip("ten times the others' cost")
			}
			b := runBench(t, &virtual.Bitaxe{Board: v})
			b.until("mining", 30*time.Second, allMine)
			time.Sleep(20 * time.Second)
			fault, ok := v.Fault(f.fault)
			if !ok {
				t.Fatal("an S9 has no such fault")
			}
			fault.Hurt()
			took := b.until("chips without power", f.within, func(*BoardStatus) bool { return v.State().Chains[0].Millivolts == 0 })
			time.Sleep(100 * time.Millisecond)
			s, reason := b.guard.Status(), (*Reason)(nil)
			if reason = s.Reason; reason == nil {
				reason = s.Chains[0].Reason
			}
			t.Logf("off after %v: %v", took, reason)
			switch {
			case reason == nil || f.code != "" && reason.Code != f.code:
				t.Errorf("turned off for %v, want %s", reason, f.code)
			case f.all != v.State().Off():
				t.Errorf("all hash boards off: %v, want %v", v.State().Off(), f.all)
			}
			if reason != nil {
				b.named(reason.Text)
			}
			fault.Heal()
			b.guard.clearTrips()
			b.until("mining again", 5*time.Minute, allMine)
		})
	}
}
