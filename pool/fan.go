package pool

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// fan visits many connections with few goroutines. A visit that blocks, because a
// device does not read, must not hold up the others: when no visit has ended for a
// while, one more worker starts, and when only blocked visits are left the round
// is over; they end by their own write timeout.
type fan struct {
	wg sync.WaitGroup // of workers, also those that outlive their round
}

// Figures of a fan. stall is well above the time of a visit, which is some 10 us.
const (
	stall      = 5 * time.Millisecond
	maxWorkers = 64
)

// each calls visit for every peer and returns when all visits have ended or are
// blocked.
func (f *fan) each(peers []*peer, visit func(*peer)) {
	var begun, ended atomic.Int64
	n := int64(len(peers))
	finished := make(chan struct{})
	worker := func() {
		for {
			i := begun.Add(1) - 1
			if i >= n {
				return
			}
			visit(peers[i])
			if ended.Add(1) == n {
				close(finished)
			}
		}
	}
	if n == 0 {
		return
	}
	workers := min(len(peers), runtime.GOMAXPROCS(0))
	for range workers {
		f.wg.Go(worker)
	}
	tick := time.NewTicker(stall)
	defer tick.Stop()
	for before := int64(0); ; {
		select {
		case <-finished:
			return
		case <-tick.C:
		}
		now := ended.Load()
		switch {
		case now != before:
		case begun.Load() >= n:
			return // whoever is left is blocked
		case workers < maxWorkers:
			workers++
			f.wg.Go(worker)
		}
		before = now
	}
}

// wait waits for every worker.
func (f *fan) wait() { f.wg.Wait() }

// turn makes sure that one goroutine at a time visits a connection, and that a
// visit which was asked for meanwhile is not forgotten: the one at work does it.
type turn struct{ state atomic.Uint32 }

const (
	free uint32 = iota
	taken
	wanted // taken, and once more
)

// take is true if the caller has the turn; if not, it was noted for whoever has it.
func (t *turn) take() bool {
	for {
		switch t.state.Load() {
		case free:
			if t.state.CompareAndSwap(free, taken) {
				return true
			}
		case taken:
			if t.state.CompareAndSwap(taken, wanted) {
				return false
			}
		default:
			return false
		}
	}
}

// done gives the turn back; it is false if there is more to do first.
func (t *turn) done() bool {
	if t.state.CompareAndSwap(taken, free) {
		return true
	}
	t.state.Store(taken)
	return false
}
