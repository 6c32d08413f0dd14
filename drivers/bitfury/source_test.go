package bitfury

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

// source makes works that differ in their version, or all the same header, and
// keeps them for the check.
type source struct {
	header *bitcoin.Header // nil: a new one each time
	target bitcoin.Target

	mu    sync.Mutex
	stock int // works to give; below 0 for no end
	epoch uint32
	works map[uint64]hashing.Work
	first time.Time // when work was first asked for since set
}

func (s *source) Work(t hashing.Traits) (hashing.Work, time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stock == 0 {
		return hashing.Work{}, 0, false
	}
	s.stock--
	if s.first.IsZero() {
		s.first = time.Now()
	}
	w := hashing.Work{ID: uint64(len(s.works)), Target: s.target}
	if t.Target != nil {
		w.Target = *t.Target
	}
	if s.header != nil {
		w.Header = *s.header
	} else {
		w.Header = bitcoin.Header{Version: uint32(len(s.works)), NTime: 1_700_000_000 + s.epoch, NBits: 0x1d00ffff}
	}
	if s.works == nil {
		s.works = make(map[uint64]hashing.Work)
	}
	s.works[w.ID] = w
	return w, 0, true
}

// set begins a new job with this much work.
func (s *source) set(stock int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stock = stock
	s.epoch++
	s.first = time.Time{}
}

// check says whether a solution is right: its work was given out, and its hash
// meets the work's target.
func (s *source) check(t *testing.T, sol hashing.Solution) hashing.Work {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	w, ok := s.works[sol.Work]
	if !ok {
		t.Errorf("solution %+v is for no work", sol)
		return w
	}
	h := w.Header
	h.Nonce, h.Version, h.NTime = sol.Nonce, sol.Version, sol.NTime
	if h.Version != w.Header.Version || h.NTime != w.Header.NTime || !w.Target.MetBy(h.Hash()) {
		t.Errorf("solution %+v does not meet the target of its work", sol)
	}
	return w
}

// rig runs a chain on a source until stop.
type rig struct {
	src   *source
	feed  *hashing.Feed
	chain *Chain
	stop  func() error

	mu  sync.Mutex
	got []hashing.Solution
}

func run(t *testing.T, c *Chain, src *source) *rig {
	t.Helper()
	r := &rig{src: src, feed: hashing.NewFeed(src), chain: c}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, r.feed, r.found) }()
	r.stop = func() error {
		cancel()
		return <-done
	}
	return r
}

func (r *rig) found(s hashing.Solution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, s)
}

func (r *rig) solutions() []hashing.Solution {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]hashing.Solution(nil), r.got...)
}
