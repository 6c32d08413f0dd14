// Package hashtest drives a hasher in a test: a source of works that remembers what it
// gave out, and a rig that runs the hasher on it.
package hashtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

// Source makes works that differ in their version, or all the same header, and
// keeps them for the check.
type Source struct {
	Header *bitcoin.Header // nil: a new one each time
	Target bitcoin.Target
	Stock  int // works to give; below 0 for no end. Set changes it later.

	mu    sync.Mutex
	epoch uint32
	works map[uint64]hashing.Work
	first time.Time // when work was first asked for since set
}

// Work is part of hashing.Source.
func (s *Source) Work(t hashing.Traits) (hashing.Work, time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Stock == 0 {
		return hashing.Work{}, 0, false
	}
	s.Stock--
	if s.first.IsZero() {
		s.first = time.Now()
	}
	w := hashing.Work{ID: uint64(len(s.works)), Target: s.Target}
	if t.Target != nil {
		w.Target = *t.Target
	}
	if s.Header != nil {
		w.Header = *s.Header
	} else {
		w.Header = bitcoin.Header{Version: uint32(len(s.works)), NTime: 1_700_000_000 + s.epoch, NBits: 0x1d00ffff}
	}
	if s.works == nil {
		s.works = make(map[uint64]hashing.Work)
	}
	s.works[w.ID] = w
	return w, 0, true
}

// Set begins a new job with this much work.
func (s *Source) Set(stock int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Stock = stock
	s.epoch++
	s.first = time.Time{}
}

// First is when work was first asked for since Set.
func (s *Source) First() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// Check says whether a solution is right: its work was given out, and its hash
// meets the work's target.
func (s *Source) Check(t *testing.T, sol hashing.Solution) hashing.Work {
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

// Rig runs a hasher on a source until Stop.
type Rig struct {
	*Source
	*hashing.Feed
	// Stop ends the run, and returns what it did.
	Stop func() error

	mu  sync.Mutex
	got []hashing.Solution
}

// Run starts a hasher.
func Run(t *testing.T, h hashing.Hasher, src *Source) *Rig {
	t.Helper()
	r := &Rig{Source: src, Feed: hashing.NewFeed(src)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx, r.Feed, r.found) }()
	r.Stop = func() error {
		cancel()
		return <-done
	}
	return r
}

func (r *Rig) found(s hashing.Solution) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, s)
}

// Solutions are those that were found.
func (r *Rig) Solutions() []hashing.Solution {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]hashing.Solution(nil), r.got...)
}
