package sv2client

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2/noise"
)

// A pool is what a Client remembers of one entry of its list. The Client's mutex
// guards it.
type pool struct {
	index int
	url   noise.URL
	user  string

	failures  int       // in a row
	next      time.Time // not to be tried before
	penalties int       // verdicts in a row
	avoid     time.Time // of less worth than any other pool until then

	last   *Fault
	lastAt time.Time
	proven bool // has shown the right key

	hops      int          // Reconnects followed in a row
	noRolling bool         // refused REQUIRES_VERSION_ROLLING
	staleTip  bitcoin.Hash // the prev_hash that it was left for
	shy       int          // times in a row that it hung up when asked for another channel
	counts    counts       // guarded by the tally
}

// backoff is the pause after the given number of failures in a row: between half
// and all of a span that doubles, so that a crowd of miners does not come back as one.
func backoff(l *Limits, failures int, random io.Reader) time.Duration {
	span := l.BackoffMin
	for range failures {
		if span *= 2; span >= l.BackoffMax {
			span = l.BackoffMax
			break
		}
	}
	low := max(span/2, l.BackoffMin)
	return low + jitter(random, span-low)
}

// penalty is for how long something is left alone that was of no use, after so many
// times in a row before.
func penalty(l *Limits, before int) time.Duration {
	return min(l.BackoffMax<<min(before, 16), l.PenaltyMax)
}

// jitter is a random part of span. Without randomness it is half of it.
func jitter(random io.Reader, span time.Duration) time.Duration {
	var b [8]byte
	if span <= 0 {
		return 0
	}
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return span / 2
	}
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % uint64(span+1))
}

// fail notes why a connection ended and when the next may be tried.
func (p *pool) fail(f *Fault, l *Limits, random io.Reader, now time.Time) {
	p.last, p.lastAt = f, now
	p.failures++
	p.next = now.Add(backoff(l, p.failures, random))
	if f.Kind.verdict() {
		p.avoid = now.Add(penalty(l, p.penalties))
		p.penalties++
	}
}

// thrive notes that the pool has been mined on without a fault for d.
func (p *pool) thrive(d time.Duration, l *Limits) {
	p.failures, p.hops = 0, 0
	if d >= 4*l.Healthy && d >= 2*l.NoJob {
		p.penalties = 0
	}
}

// better says whether p should be mined on rather than q: not to be avoided counts
// before the place in the list.
func (p *pool) better(q *pool, now time.Time) bool {
	pa, qa := p.avoid.After(now), q.avoid.After(now)
	if pa != qa {
		return qa
	}
	return p.index < q.index
}
