package cpu

import (
	"context"
	"math/bits"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
)

// A call of the kernel cannot be interrupted, so it takes this long: short
// enough to obey a new block at once, long enough to cost nothing.
const slice = 5 * time.Millisecond

// Nonces in one call: what the slowest board does in a slice at worst, and a
// bound for a clock that stands still.
const (
	minCount = 1 << 6
	maxCount = 1 << 22
)

// worker is one thread's own memory. Nothing in it is allocated again once it
// has seen the first work.
type worker struct {
	kernel sha256d.Kernel
	duty   int
	count  uint32 // nonces that take about a slice

	header    bitcoin.Header
	bytes     [bitcoin.HeaderSize]byte
	versions  []uint32
	midstates []sha256d.State
	search256 sha256d.Search
	hits      []sha256d.Hit
	timer     *time.Timer
}

func newWorker(kernel sha256d.Kernel, duty int) *worker {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &worker{
		kernel: kernel,
		duty:   duty,
		count:  minCount,
		hits:   make([]sha256d.Hit, sha256d.MaxStep*max(1, kernel.Versions)),
		timer:  timer,
	}
}

// search tries the whole of the work, unless ctx ends or changed is closed.
func (w *worker) search(ctx context.Context, changed <-chan struct{}, work *hashing.Work, found func(hashing.Solution)) {
	w.prepare(work)
	for next := uint64(0); next < 1<<32; {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			return
		default:
		}
		count := uint32(min(uint64(w.count), 1<<32-next))
		begin := time.Now()
		n, done := w.kernel.Scan(&w.search256, uint32(next), count, w.hits)
		spent := time.Since(begin)
		w.report(work, w.hits[:n], found)
		next += uint64(done)
		w.count = nextCount(done, spent)
		w.rest(ctx, changed, restAfter(spent, w.duty))
	}
}

func (w *worker) prepare(work *hashing.Work) {
	w.header = work.Header
	w.versions, w.midstates = w.versions[:0], w.midstates[:0]
	for i := range uint32(1) << bits.OnesCount32(work.VersionMask) {
		w.header.Version = hashing.RollVersion(work.Header.Version, work.VersionMask, i)
		w.header.Put(&w.bytes)
		w.versions = append(w.versions, w.header.Version)
		w.midstates = append(w.midstates, sha256d.Midstate(&w.bytes))
	}
	w.search256.Prepare(&w.bytes, w.midstates, (*[32]byte)(&work.Target))
}

// report checks the candidates in full and passes on those that meet the target.
func (w *worker) report(work *hashing.Work, hits []sha256d.Hit, found func(hashing.Solution)) {
	for _, hit := range hits {
		w.header.Nonce = hit.Nonce
		w.header.Version = w.versions[hit.Midstate]
		if work.Target.MetBy(w.header.Hash()) {
			found(hashing.Solution{
				Work: work.ID, Nonce: hit.Nonce, Version: w.header.Version, NTime: w.header.NTime,
			})
		}
	}
}

// nextCount is the number of nonces that should take a slice, when done of them
// took spent. It at most doubles, as one time may be far too short by chance.
func nextCount(done uint32, spent time.Duration) uint32 {
	count := 2 * float64(done)
	if spent > 0 {
		count = min(count, float64(done)*float64(slice)/float64(spent))
	}
	return uint32(min(max(count, minCount), maxCount))
}

// restAfter is how long to rest after work of a length, for a duty cycle in
// percent.
func restAfter(spent time.Duration, duty int) time.Duration {
	return spent * time.Duration(100-duty) / time.Duration(duty)
}

func (w *worker) rest(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	if d <= 0 {
		return
	}
	w.timer.Reset(d)
	defer w.timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-w.timer.C:
	}
}
