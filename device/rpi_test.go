package device

import (
	"testing"
	"time"

	"github.com/lodefw/lode/board/virtual"
)

// What breaks on a Pi with chips on SPI stops the chips, is named, and they mine
// again once it is mended. Nothing there turns their supply off.
func TestRPiFaults(t *testing.T) {
	for _, name := range []string{"rpi-a1", "rpi-bitfury"} {
		for _, f := range []struct {
			fault  virtual.Break
			code   Code
			within time.Duration
		}{
			{virtual.SensorNAK, SensorLost, 2 * time.Second},
			{virtual.HotAir, OverTemperature, 20 * time.Second},
			{virtual.ChipsDark, "", time.Minute},
			{virtual.LineBroken, "", 2 * time.Second},
		} {
			synctested(t, name+" "+string(f.fault), func(t *testing.T) {
				v, err := virtual.New(virtual.Config{Board: name, Chips: 3, HashBudget: 5e3, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				b := runBench(t, &virtual.Bitaxe{Board: v})
				b.until("mining", 30*time.Second, is(PowerMining))
				time.Sleep(20 * time.Second)
				fault, ok := v.Fault(f.fault)
				if !ok {
					t.Fatal("no such fault")
				}
				fault.Hurt()
				took := b.until("not mining", f.within, func(s *BoardStatus) bool { return s.Power != PowerMining || s.Chains[0].Power != PowerMining })
				time.Sleep(time.Second)
				s := b.guard.Status()
				reason := s.Reason
				if reason == nil {
					reason = s.Chains[0].Reason
				}
				t.Logf("after %v: %v", took, reason)
				if reason == nil || f.code != "" && reason.Code != f.code {
					t.Errorf("reason %v, want %v", reason, f.code)
				}
				if f.fault != virtual.LineBroken && !v.State().Safe() { // nobody can stop chips that hear nothing
					t.Errorf("not safe: %+v", v.State())
				}
				fault.Heal()
				b.until("mining again", 5*time.Minute, func(s *BoardStatus) bool { return s.Power == PowerMining && s.Chains[0].Power == PowerMining })
				b.end()
				if st := v.State(); !st.Off() {
					t.Errorf("at the end: %+v", st)
				}
			})
		}
	}
}
