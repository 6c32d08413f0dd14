package device

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lodefw/lode/board/virtual"
)

// safeWithin is the most that may pass from a fault to chips that do nothing; 0 is
// for what takes its time to show: something has to get hot, a sensor to be known as
// stuck, chips to miss several polls.
func safeWithin(b virtual.Break) time.Duration {
	switch b {
	case virtual.HotAir, virtual.SensorStuck, virtual.ChipsDark, virtual.LineBroken:
		return 0
	case virtual.SupplySags:
		return 3 * time.Second // two answers of the supply, with its watchdog's between them
	}
	return 2 * time.Second
}

// On every board whatever can break leaves chips that do nothing within two seconds, at
// whichever moment between two measurements it breaks.
func TestSafeInTime(t *testing.T) {
	for i, name := range virtual.Names() {
		for _, seed := range seeds(t, uint64(i), 1) {
			synctested(t, fmt.Sprintf("%s-%d", name, seed), func(t *testing.T) {
				defer again(t, seed)
				v, err := virtual.New(virtual.Config{Board: name, Chips: 3, HashBudget: 5e3, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				if name == "s9" {
					slow(t, v)
				}
				b := runBench(t, &virtual.Bitaxe{Board: v})
				r := rand.New(rand.NewPCG(seed, 2))
				for _, f := range v.Faults {
					if safeWithin(f.Break) > 0 {
						b.isSafeInTime(r, f)
					}
				}
			})
		}
	}
}

func allMine(s *BoardStatus) bool {
	for _, c := range s.Chains {
		if c.Power != PowerMining {
			return false
		}
	}
	return s.Power == PowerMining
}

// isSafeInTime breaks something, and looks at the chain that it belongs to.
func (b *bench) isSafeInTime(r *rand.Rand, f virtual.Fault) {
	b.t.Helper()
	b.until("all mine", 10*time.Minute, allMine)
	b.pass(r, 20*time.Second)
	f.Hurt()
	begin := time.Now()
	for b.board.State().Chains[0].Works() {
		if time.Since(begin) > 20*time.Second {
			b.t.Errorf("%s: %v later %+v", f.Break, time.Since(begin), b.board.State())
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	took := time.Since(begin)
	var reason *Reason
	limit := safeWithin(f.Break)
	for reason == nil && time.Since(begin) < limit { // a regulator that trips is faster than we
		time.Sleep(10 * time.Millisecond)
		s := b.guard.Status()
		if reason = s.Reason; reason == nil {
			reason = s.Chains[0].Reason
		}
	}
	b.t.Logf("%s: safe after %v: %v", f.Break, took, reason)
	if took > limit || reason == nil {
		b.t.Errorf("%s of %s: safe after %v, by %v", f.Break, f.Part, took, reason)
	}
	f.Heal()
	b.guard.clearTrips()
}
