package cpu

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
)

// source makes works that differ in their time, and keeps them for the check.
type source struct {
	target bitcoin.Target
	mask   uint32

	mu     sync.Mutex
	traits hashing.Traits
	works  []hashing.Work
}

func (s *source) Work(t hashing.Traits) (hashing.Work, time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := hashing.Work{ID: uint64(len(s.works)), Target: s.target, VersionMask: hashing.LowBits(s.mask, t.RollBits)}
	w.Header = bitcoin.Header{Version: 0x20000000, NTime: 1_700_000_000 + uint32(len(s.works)), NBits: 0x1d00ffff}
	s.works, s.traits = append(s.works, w), t
	return w, 0, true
}

// slow is a kernel that takes a microsecond of the bubble's time for each nonce,
// and counts.
type slow struct {
	busy    atomic.Int64 // nanoseconds
	longest atomic.Int64
	hashes  atomic.Int64
}

func (s *slow) kernel() sha256d.Kernel {
	return sha256d.Kernel{Name: "slow", Available: func() bool { return true }, Scan: s.scan}
}

func (s *slow) scan(_ *sha256d.Search, _, count uint32, _ []sha256d.Hit) (int, uint32) {
	d := time.Duration(count) * time.Microsecond
	time.Sleep(d)
	s.busy.Add(int64(d))
	s.longest.Store(max(s.longest.Load(), int64(d)))
	s.hashes.Add(int64(count))
	return 0, count
}

func TestFinds(t *testing.T) {
	h, err := New(Config{Threads: 3, LowPriority: true})
	if err != nil {
		t.Fatal(err)
	}
	if h.HashRate() <= 0 {
		t.Errorf("HashRate = %v, want a measured one", h.HashRate())
	}
	src := &source{mask: 0x1fffe000, target: bitcoin.RateTarget(200, 60)} // one in 200
	feed := hashing.NewFeed(src)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	var solutions []hashing.Solution
	works := map[uint64]bool{}
	done := make(chan error, 1)
	go func() {
		done <- h.Run(ctx, feed, func(s hashing.Solution) {
			mu.Lock()
			defer mu.Unlock()
			works[s.Work] = true
			if solutions = append(solutions, s); len(solutions) >= 200 && len(works) == 3 { // every thread had its turn
				cancel()
			}
		})
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(src.works) != 3 || src.traits.HashRate != h.HashRate() {
		t.Errorf("%d works for 3 threads, traits %+v", len(src.works), src.traits)
	}
	rolled := 0
	for _, s := range solutions {
		w := src.works[s.Work]
		if (s.Version^w.Header.Version)&^w.VersionMask != 0 || s.NTime != w.Header.NTime {
			t.Fatalf("solution %+v is outside of work %+v", s, w)
		}
		if s.Version != w.Header.Version {
			rolled++
		}
		header := w.Header
		header.Version, header.Nonce = s.Version, s.Nonce
		if !w.Target.MetBy(header.Hash()) {
			t.Fatalf("solution %+v does not meet its target", s)
		}
	}
	if w := src.works[0]; w.VersionMask != 0 && rolled == 0 {
		t.Errorf("no version was rolled under mask %#x", w.VersionMask)
	}
}

// A scan is never much longer than a slice, once the first has been timed.
func TestSlicesAndDutyCycle(t *testing.T) {
	for _, duty := range []int{100, 75, 25, 1} {
		synctest.Test(t, func(t *testing.T) {
			var k slow
			h := newHasher(Config{Threads: 2, Duty: duty}, k.kernel())
			k.busy.Store(0)
			const long = 100 * time.Second
			ctx, cancel := context.WithTimeout(t.Context(), long)
			defer cancel()
			if err := h.Run(ctx, hashing.NewFeed(&source{}), nil); err != nil {
				t.Fatal(err)
			}
			got := float64(k.busy.Load()) / float64(2*long) * 100
			if got < float64(duty)*0.98 || got > float64(duty)*1.02+0.5 {
				t.Errorf("busy %.1f %% of the time, want %d %%", got, duty)
			}
			if d := time.Duration(k.longest.Load()); d > 10*time.Millisecond {
				t.Errorf("a scan took %v", d)
			}
		})
	}
}

// A new tip is obeyed within a slice, and so is the end.
func TestChangeIsObeyedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k slow
		h := newHasher(Config{Threads: 2, Duty: 10}, k.kernel())
		src := &source{}
		feed := hashing.NewFeed(src)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx, feed, nil) }()
		for round := range 20 {
			time.Sleep(time.Second + time.Duration(rand.N(50))*time.Millisecond)
			feed.Change()
			time.Sleep(slice)
			synctest.Wait()
			src.mu.Lock()
			if n := len(src.works); n != 2*(round+2) {
				t.Errorf("%d works after change %d, want two more each time", n, round+1)
			}
			src.mu.Unlock()
		}
		cancel()
		begin := time.Now()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d > slice {
			t.Errorf("Run took %v to end", d)
		}
	})
}

// all records which nonces it was given.
type all struct {
	next  uint64
	calls int
	wrong bool
}

func (a *all) scan(_ *sha256d.Search, start, count uint32, _ []sha256d.Hit) (int, uint32) {
	a.wrong = a.wrong || start != uint32(a.next)
	if a.calls++; a.calls%3 == 0 {
		count = count/2 + 1 // as with full hits
	}
	a.next += uint64(count)
	return 0, count
}

// A work is searched from the first nonce to the last, each once.
func TestWholeWork(t *testing.T) {
	var a all
	w := newWorker(sha256d.Kernel{Scan: a.scan}, 100)
	w.search(t.Context(), nil, &hashing.Work{}, nil)
	if a.next != 1<<32 || a.wrong {
		t.Errorf("%d nonces searched, want all, each once", a.next)
	}
}

func TestNextCount(t *testing.T) {
	for _, c := range []struct {
		done  uint32
		spent time.Duration
		want  uint32
	}{
		{1000, slice, 1000},
		{1000, 2 * slice, 500},
		{1000, slice / 10, 2000},
		{1000, 0, 2000},
		{1000, time.Hour, minCount},
		{maxCount, 0, maxCount},
	} {
		if got := nextCount(c.done, c.spent); got != c.want {
			t.Errorf("nextCount(%d, %v) = %d, want %d", c.done, c.spent, got, c.want)
		}
	}
}

// Neither a nonce nor a solution nor a work allocates.
func TestNoAllocation(t *testing.T) {
	found := 0
	kernel := sha256d.Kernel{Versions: 4, Scan: func(_ *sha256d.Search, start, count uint32, hits []sha256d.Hit) (int, uint32) {
		hits[0] = sha256d.Hit{Nonce: start, Midstate: 2}
		return 1, count
	}}
	w := newWorker(kernel, 100)
	work := hashing.Work{Target: bitcoin.MaxTarget(), VersionMask: 0x6000}
	ctx, changed := t.Context(), make(chan struct{})
	run := func() { w.search(ctx, changed, &work, func(hashing.Solution) { found++ }) }
	run()
	if n := testing.AllocsPerRun(20, run); n != 0 {
		t.Errorf("%v allocations for a work with %d solutions", n, found)
	}
	if found < 1000 {
		t.Errorf("found %d, want one for each call", found)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Threads: -1}, "threads"},
		{Config{Threads: 1 << 20}, "threads"},
		{Config{Duty: 101}, "duty"},
		{Config{Duty: -1}, "duty"},
		{Config{Kernel: "abacus"}, "no kernel"},
	} {
		if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("New(%+v) = %v, want an error about %s", c.cfg, err, c.want)
		}
	}
	h, err := New(Config{})
	if err != nil || !strings.Contains(h.String(), "threads") {
		t.Errorf("New of nothing = %v, %v", h, err)
	}
}

func BenchmarkHasher(b *testing.B) {
	kernel, err := sha256d.Choose("")
	if err != nil {
		b.Fatal(err)
	}
	w := newWorker(kernel, 100)
	w.count = 1 << 14 / uint32(max(1, kernel.Versions))
	src := &source{mask: 0x1fffe000}
	work, _, _ := src.Work(hashing.Traits{RollBits: 4})
	w.prepare(&work)
	hashes := 0.0
	for b.Loop() {
		_, done := w.kernel.Scan(&w.search256, 0, w.count, w.hits)
		hashes += float64(done) * float64(len(w.versions))
	}
	b.ReportMetric(hashes/b.Elapsed().Seconds()/1e6, "MH/s")
}
