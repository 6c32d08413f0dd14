package bm13xx

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/tinytest/chipsim"
	"periph.io/x/conn/v3/physic"
)

// works is a source that never gives the same work twice, and remembers all.
type works struct {
	mu     sync.Mutex
	given  map[uint64]hashing.Work
	dry    bool
	traits hashing.Traits
	mask   uint32
}

func newWorks() *works {
	return &works{given: make(map[uint64]hashing.Work), mask: 0x1fffe000}
}

func (w *works) Work(t hashing.Traits) (hashing.Work, time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.traits = t
	if w.dry {
		return hashing.Work{}, 0, false
	}
	n := uint64(len(w.given) + 1)
	work := hashing.Work{ID: n, VersionMask: hashing.LowBits(w.mask, t.RollBits), Target: *t.Target}
	work.Header = bitcoin.Header{Version: 0x20000000, NTime: 0x68546d5e, NBits: 0x17023a04}
	binary.LittleEndian.PutUint64(work.Header.MerkleRoot[20:], n)
	w.given[n] = work
	return work, 0, true
}

func (w *works) setDry(dry bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dry = dry
}

// rig is a virtual chain with its driver.
type rig struct {
	t     *testing.T
	sim   *chipsim.Chain
	chain *Chain
	works *works
	feed  *hashing.Feed
	log   *strings.Builder
	goal  physic.Frequency

	mu    sync.Mutex
	found []hashing.Solution
	stop  context.CancelFunc
	done  chan error
}

func newRig(t *testing.T, cfg chipsim.Config, opts Options) *rig {
	t.Helper()
	if cfg.HashBudget == 0 {
		cfg.HashBudget = 8e3
	}
	sim, err := chipsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	model, err := ParseModel(cfg.Model)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, sim: sim, works: newWorks(), log: &strings.Builder{}}
	opts.Reset, opts.WiredZeros, opts.Domains = sim.Reset, sim.Zeros(), cfg.Domains
	opts.Log = slog.New(slog.NewTextHandler(&lockedWriter{w: r.log}, nil))
	r.chain, err = New(t.Context(), sim.Port(), model, opts)
	if err != nil {
		t.Fatal(err)
	}
	r.feed, r.goal = hashing.NewFeed(r.works), r.chain.opts.Frequency
	return r
}

// walked waits until the clock is where it is to be.
func (r *rig) walked() {
	r.t.Helper()
	if err := r.chain.SetFrequency(r.t.Context(), r.goal); err != nil {
		r.t.Fatal(err)
	}
}

type lockedWriter struct {
	mu sync.Mutex
	w  *strings.Builder
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (r *rig) start() {
	ctx, stop := context.WithCancel(r.t.Context())
	r.stop, r.done = stop, make(chan error, 1)
	go func() {
		r.done <- r.chain.Run(ctx, r.feed, func(s hashing.Solution) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.found = append(r.found, s)
		})
	}()
}

func (r *rig) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run = %v", err)
	}
}

// endsClean mines on for a while and ends; all the time nothing has gone wrong.
func (r *rig) endsClean() {
	r.t.Helper()
	time.Sleep(20 * time.Second)
	r.end()
	r.check()
	if s := r.chain.Status(); s.HardwareErrors+s.Lost > 0 || s.Good == 0 {
		r.t.Errorf("%+v", s.Tally)
	}
	r.breaches()
}

// run mines for a while, and checks all that was found.
func (r *rig) run(d time.Duration) Status {
	r.t.Helper()
	r.start()
	time.Sleep(d)
	r.end()
	r.check()
	return r.chain.Status()
}

// check holds each solution against the work that it names.
func (r *rig) check() {
	r.t.Helper()
	seen := make(map[hashing.Solution]bool)
	for _, s := range r.found {
		w, ok := r.works.given[s.Work]
		h := w.Header
		h.Nonce, h.Version, h.NTime = s.Nonce, s.Version, s.NTime
		switch {
		case !ok:
			r.t.Fatalf("solution %+v is of no work", s)
		case (h.Version^w.Header.Version)&^w.VersionMask != 0 || h.NTime != w.Header.NTime:
			r.t.Fatalf("solution %+v changes what it must not", s)
		case !w.Target.MetBy(h.Hash()):
			r.t.Fatalf("solution %+v misses the target", s)
		case seen[s]:
			r.t.Fatalf("solution %+v comes twice", s)
		}
		seen[s] = true
	}
}

// breaches are what the virtual chain's checker objects to.
func (r *rig) breaches(but ...chipsim.Kind) {
	r.t.Helper()
	time.Sleep(10 * time.Second) // for what is noticed late
	for _, rep := range r.sim.Reports() {
		if !strings.Contains(fmt.Sprint(but), string(rep.Kind)) {
			r.t.Errorf("protocol: %v", rep)
		}
	}
}

// Every chip mines, alone and with others; each finds as much as it should, all of
// it right, and nothing is said against the bytes that were sent.
func TestMine(t *testing.T) {
	for _, m := range Models() {
		for _, chips := range []int{1, 3, 12} {
			t.Run(fmt.Sprintf("%v x %d", m, chips), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, chipsim.Config{Model: m.String(), Chips: chips, Seed: 1}, Options{Chips: chips})
					const span = 30 * time.Second
					s := r.run(span)
					want := float64(chips) * float64(span) / float64(r.chain.resultEvery(m.spec().nominal))
					t.Logf("%d jobs, %d results of %.0f expected, switch %v", s.Jobs, s.Good, want, s.Switch)
					if float64(s.Good) < want*0.6-5 || float64(s.Good) > want*1.4+5 {
						t.Errorf("%d results, want about %.0f", s.Good, want)
					}
					if s.HardwareErrors+s.Lost+s.Unasked+s.Noise+s.Duplicates+s.Stray.Good > 0 {
						t.Errorf("%+v, stray %+v, %d unasked, %d bytes of noise", s.Tally, s.Stray, s.Unasked, s.Noise)
					}
					if len(r.found) != int(s.Good) {
						t.Errorf("%d reported of %d", len(r.found), s.Good)
					}
					r.breaches()
				})
			})
		}
	}
}
