package zynqio_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/drivers/zynqio"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/fpgasim"
)

var _ bm13xx.Queue = (*zynqio.Core)(nil)

// works is a source that never gives the same work twice, and remembers all.
type works struct {
	mu    sync.Mutex
	given map[uint64]hashing.Work
	n     uint64
	dry   bool
	mask  uint32
	tip   uint32 // nbits of the works of now
}

func (w *works) Work(t hashing.Traits) (hashing.Work, time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dry {
		return hashing.Work{}, 0, false
	}
	w.n++
	work := hashing.Work{ID: w.n, VersionMask: hashing.LowBits(w.mask, t.RollBits), Target: *t.Target}
	work.Header = bitcoin.Header{Version: 0x20000000, NTime: 0x68546d5e, NBits: w.tip}
	binary.LittleEndian.PutUint64(work.Header.MerkleRoot[24:], w.n)
	w.given[w.n] = work
	return work, 0, true
}

func (w *works) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// rig is a virtual chain behind a virtual core, with their drivers.
type rig struct {
	t     *testing.T
	sim   *chipsim.Chain
	fpga  *fpgasim.Core
	chain *bm13xx.Chain
	works *works
	feed  *hashing.Feed
	log   *syncText
	quiet bool // what the chips object to is expected

	mu    sync.Mutex
	found []hashing.Solution
	stop  context.CancelFunc
	done  chan error
}

type syncText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func windows(f *fpgasim.Core) zynqio.Windows {
	return zynqio.Windows{Common: f.Common(), Command: f.Command(), WorkRx: f.WorkRx(), WorkTx: f.WorkTx()}
}

func newRig(t *testing.T, cfg chipsim.Config) *rig {
	t.Helper()
	cfg.Model = "BM1387"
	if cfg.HashBudget == 0 {
		cfg.HashBudget = 8e3
	}
	sim, err := chipsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, sim: sim, fpga: fpgasim.New(sim, fpgasim.Config{}), log: &syncText{}}
	r.works = &works{given: make(map[uint64]hashing.Work), mask: 0x1fffe000, tip: 0x17023a04}
	core, err := zynqio.New(windows(r.fpga))
	if err != nil {
		t.Fatal(err)
	}
	r.chain, err = bm13xx.New(t.Context(), core, bm13xx.BM1387, bm13xx.Options{
		Chips: cfg.Chips, Domains: cfg.Domains, Reset: sim.Reset, WiredZeros: sim.Zeros(), Ticket: 16,
		Log: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.feed = hashing.NewFeed(r.works)
	return r
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

// end stops the chain, and checks each solution against the work that it names.
func (r *rig) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run = %v", err)
	}
	seen := make(map[hashing.Solution]bool)
	for _, s := range r.found {
		w, ok := r.works.given[s.Work]
		h := w.Header
		h.Nonce, h.Version, h.NTime = s.Nonce, s.Version, s.NTime
		if !ok || (h.Version^w.Header.Version)&^w.VersionMask != 0 || !w.Target.MetBy(h.Hash()) || seen[s] {
			r.t.Fatalf("solution %+v is wrong or comes twice", s)
		}
		seen[s] = true
	}
	for _, rep := range r.fpga.Reports() {
		r.t.Errorf("core: %s", rep)
	}
	for _, rep := range r.sim.Reports() {
		if r.quiet {
			break
		}
		r.t.Errorf("protocol: %v", rep)
	}
}

// All chips find what they should, with the versions that their midstates have, and
// the core sends one work after the other without a gap.
func TestMine(t *testing.T) {
	for _, mask := range []uint32{0x1fffe000, 1 << 13, 0} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Chips: 4, Seed: 3})
			r.works.mask = mask
			r.start()
			time.Sleep(10 * time.Second) // the clock walks
			before := r.chain.Status().Jobs
			time.Sleep(30 * time.Second)
			s := r.chain.Status()
			r.end()
			midstates := 1 << min(2, bitsOf(mask))
			want := 30 / (0.9 * float64(midstates) * (1 << 19) / 650e6)
			if got := float64(s.Jobs - before); got < want*0.98 || got > want*1.02+48 {
				t.Errorf("mask %08x: %v jobs in 30 s, want about %.0f", mask, got, want)
			}
			if s.Good < 100 || s.HardwareErrors > 0 || s.Lost > 2 || s.Duplicates > 0 || s.Noise > 0 {
				t.Errorf("mask %08x: %+v, noise %d", mask, s.Tally, s.Noise)
			}
			versions := map[uint32]bool{}
			for _, f := range r.found {
				versions[f.Version] = true
			}
			if len(versions) != midstates {
				t.Errorf("mask %08x: %d versions, want %d", mask, len(versions), midstates)
			}
			for i, chip := range s.ChipStatus {
				if chip.Good == 0 || chip.Health != bm13xx.Alive || chip.Clock != 650*physic.MegaHertz {
					t.Errorf("mask %08x: chip %d: %+v", mask, i, chip.Tally)
				}
			}
		})
	}
}

func bitsOf(mask uint32) (n int) {
	for ; mask != 0; mask &= mask - 1 {
		n++
	}
	return n
}
