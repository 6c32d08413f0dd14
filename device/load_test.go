package device

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// eager reports every nonce of its work as a solution, twice, and goes on with old
// work after a change for as long as it can.
func eager(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	target := bitcoin.MaxTarget()
	feed.Declare(hashing.Traits{Target: &target, RollBits: 2})
	var old hashing.Work
	for n := uint32(0); ; n++ {
		w, err := feed.Next(ctx)
		if err != nil {
			return nil
		}
		for i := range uint32(20) {
			s := hashing.Solution{Work: w.ID, Nonce: i, Version: w.Header.Version, NTime: w.Header.NTime}
			found(s)
			found(s)
			found(hashing.Solution{Work: old.ID, Nonce: n, Version: old.Header.Version, NTime: old.Header.NTime})
		}
		if n%64 == 0 {
			old = w
		}
	}
}

// Tips change while four hashers report as fast as they can: once Job has
// returned, no share of the old tip leaves.
func TestTipChangeUnderLoad(t *testing.T) {
	var oldest, shares atomic.Uint64
	hashers := make([]hashing.Hasher, 4)
	for i := range hashers {
		hashers[i] = &fake{"eager", eager}
	}
	d, err := NewDispatcher(hashers, DispatcherConfig{Submit: func(s channel.Share) {
		shares.Add(1)
		if least := oldest.Load(); s.Job < least {
			t.Errorf("share of job %d left after the tip of job %d", s.Job, least)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	number := uint64(0)
	for round := range 150 {
		number++
		newTip := round%3 != 0
		d.Job(job(number, 1), newTip)
		if newTip {
			oldest.Store(number)
		}
		for seen := shares.Load(); shares.Load() < seen+10; {
			runtime.Gosched()
		}
		if round%50 == 0 {
			d.Job(nil, true)
			before := shares.Load()
			runtime.Gosched()
			if n := shares.Load(); n != before {
				t.Fatalf("%d shares left without a job", n-before)
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	last := shares.Load()
	s := d.Status()
	if s.Total.Shares != last || s.Total.Stale == 0 || s.Total.Duplicates == 0 || s.State != Stopped {
		t.Errorf("%d shares submitted; status %+v, %v", last, s.Total, s.State)
	}
}

func lonely(t testing.TB, traits hashing.Traits) (*Dispatcher, *hashing.Feed, func(hashing.Solution)) {
	d, err := NewDispatcher([]hashing.Hasher{&fake{name: "lonely"}}, DispatcherConfig{Submit: func(channel.Share) {}})
	if err != nil {
		t.Fatal(err)
	}
	d.lanes[0].feed.Declare(traits)
	d.Job(job(1, 1), true)
	return d, d.lanes[0].feed, d.lanes[0].found
}

// Neither a work nor a solution nor a share allocates.
func TestNoAllocation(t *testing.T) {
	target := bitcoin.MaxTarget()
	d, feed, found := lonely(t, hashing.Traits{Target: &target})
	ctx := t.Context()
	run := func() {
		w, err := feed.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		found(hashing.Solution{Work: w.ID, Version: w.Header.Version, NTime: w.Header.NTime})
	}
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Errorf("%v allocations for a work and a solution", n)
	}
	if s := d.Status().Total; s.Works != 1001 || s.Solutions != 1001 || s.Shares == 0 {
		t.Errorf("counted %+v", s)
	}
}

func BenchmarkNext(b *testing.B) {
	_, feed, _ := lonely(b, hashing.Traits{})
	ctx := b.Context()
	for i := 0; b.Loop(); i++ {
		if i%60000 == 0 { // before the space of the second is used up
			b.StopTimer()
			_, feed, _ = lonely(b, hashing.Traits{})
			b.StartTimer()
		}
		if _, err := feed.Next(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFound(b *testing.B) {
	target := bitcoin.MaxTarget()
	_, feed, found := lonely(b, hashing.Traits{Target: &target})
	w, err := feed.Next(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	s := hashing.Solution{Work: w.ID, Version: w.Header.Version, NTime: w.Header.NTime}
	for b.Loop() {
		found(s)
		s.Nonce++
	}
}
