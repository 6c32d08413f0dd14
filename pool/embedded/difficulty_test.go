package embedded

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// miner finds blocks of a chain at a hash rate, on a clock of its own: how long
// a block takes is drawn, its proof of work is left out, and all else, the
// difficulty above all, is btcd's.
type miner struct {
	chain *Chain
	now   time.Time
	rand  *rand.Rand
}

func newMiner(t *testing.T, seed uint64) *miner { return newKnownMiner(t, seed, 0) }

// newKnownMiner tells the chain a hash rate.
func newKnownMiner(t *testing.T, seed uint64, rate float64) *miner {
	m := &miner{now: time.Unix(1_800_000_000, 0), rand: rand.New(rand.NewPCG(seed, 1))}
	m.chain = start(t, Config{HashRate: rate, Now: func() time.Time { return m.now }})
	return m
}

// block finds one and gives the time that it took.
func (m *miner) block(t *testing.T, rate float64) time.Duration {
	t.Helper()
	began := m.now
	for {
		tmpl, _, wait, err := m.chain.template()
		if err != nil {
			t.Fatal(err)
		}
		target, err := bitcoin.CompactTarget(tmpl.NBits)
		if err != nil {
			t.Fatal(err)
		}
		need := time.Duration(m.rand.ExpFloat64() * target.Hashes() / rate * 1e9)
		if need > wait { // a new template comes first; the search has no memory
			m.now = m.now.Add(wait)
			continue
		}
		m.now = m.now.Add(need)
		tmpl.NTime = max(tmpl.NTime, uint32(m.now.Unix()))
		block := assemble(t, tmpl)
		if err := m.chain.Submit(t.Context(), block); err != nil {
			t.Fatal(err)
		}
		return m.now.Sub(began)
	}
}

// The difficulty follows the hash rate: the first three blocks come soon even on
// a slow core, and after two minutes one comes about every 15 seconds, whatever
// the rate.
func TestDifficultyFollows(t *testing.T) {
	const runs = 8
	for _, rate := range []float64{1e6, 3e6, 10e6, 50e6, 400e6} {
		var three []time.Duration
		var blocks int
		var took time.Duration
		for seed := range uint64(runs) {
			m := newMiner(t, seed)
			began := m.now
			for range 3 {
				m.block(t, rate)
			}
			three = append(three, m.now.Sub(began))
			for m.now.Sub(began) < 2*time.Minute {
				m.block(t, rate)
			}
			for range 80 {
				took += m.block(t, rate)
				blocks++
			}
		}
		slices.Sort(three)
		mean := took / time.Duration(blocks)
		t.Logf("%5.0f MH/s: three blocks in %s (median), %s (longest); then one every %s",
			rate/1e6, three[runs/2].Round(time.Second/10), three[runs-1].Round(time.Second/10), mean.Round(time.Second/10))
		if three[runs-1] > time.Minute || mean < 13*time.Second || mean > 17*time.Second {
			t.Errorf("%.0f MH/s: too far from what people are promised", rate/1e6)
		}
	}
}

// A chain that was told the hash rate begins with a block every five seconds.
func TestDifficultyBegins(t *testing.T) {
	const runs = 16
	for _, rate := range []float64{220e3, 3e6, 45e6, 1.2e12} {
		var took time.Duration
		for seed := range uint64(runs) {
			m := newKnownMiner(t, seed, rate)
			for range window - 1 {
				took += m.block(t, rate)
			}
		}
		mean := took / (runs * (window - 1))
		t.Logf("%.4g H/s: one every %s", rate, mean.Round(time.Second/10))
		if mean < 4*time.Second || mean > 6*time.Second {
			t.Errorf("%.4g H/s: the first blocks come every %s", rate, mean)
		}
	}
	for rate, want := range map[float64]uint32{0: startBits, 1: floorBits, 1e300: beginning(1e30)} {
		if got := beginning(rate); got != want {
			t.Errorf("a hash rate of %g begins with %x, want %x", rate, got, want)
		}
	}
}

// After a pause, and on a slower or a faster machine, the chain goes on and
// finds its pace again.
func TestDifficultyAfterChange(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after float64
		pause         time.Duration
		first         time.Duration // of the next three blocks, at most
	}{
		{"a day later", 3e6, 3e6, 24 * time.Hour, 4 * time.Minute},
		{"slower", 24e6, 3e6, 0, 10 * time.Minute},
		{"much slower", 50e6, 1e6, 0, 40 * time.Minute},
		{"much slower a day later", 50e6, 1e6, 24 * time.Hour, 40 * time.Minute},
		{"faster", 3e6, 50e6, 0, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			var worst time.Duration
			for seed := range uint64(8) {
				m := newMiner(t, seed)
				for range 40 + seed { // another place in the window each time
					m.block(t, test.before)
				}
				m.now = m.now.Add(test.pause)
				began := m.now
				for range 3 {
					m.block(t, test.after)
				}
				worst = max(worst, m.now.Sub(began))
				for range 30 {
					m.block(t, test.after)
				}
				steady := m.now
				for range 60 {
					m.block(t, test.after)
				}
				if mean := m.now.Sub(steady) / 60; mean < 9*time.Second || mean > 24*time.Second {
					t.Errorf("seed %d: a block every %s in the end", seed, mean)
				}
			}
			t.Logf("three blocks in at most %s", worst.Round(time.Second))
			if worst > test.first {
				t.Errorf("the first three blocks took %s, want at most %s", worst, test.first)
			}
		})
	}
}
