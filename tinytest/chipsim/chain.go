package chipsim

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lodefw/lode/hashing/sha256d"
)

// A Chain is a serial line of chips with its supply, reset line and fan. Its
// methods may be called from any goroutine. Times are since New.
type Chain struct {
	cfg   Config
	m     *model
	begin time.Time
	kick  chan struct{} // one token when something may have changed for a reader

	mu      sync.Mutex
	now     time.Duration
	chips   []*chip
	groups  []*group
	domains []domain
	tx      txLine
	rx      rxLine
	rand    *rand.Rand
	rxRand  *rand.Rand

	low     bool          // the reset line
	lowAt   time.Duration // since when
	boot    time.Duration // chips answer from here on
	fan     float64
	tick    time.Duration // the next
	lockAt  time.Duration // the earliest chip's
	lastJob *job
	jobGap  time.Duration
	bus     I2C

	faults []Fault
	active map[FaultKind][]Fault
	edge   time.Duration // when the next fault begins or ends

	stride int64
	kernel sha256d.Kernel
	search sha256d.Search
	mids   []sha256d.State
	hits   []sha256d.Hit

	host Host // nil if the host's bytes come from Ports alone

	check checker
	trace *recorder
}

// never is later than any event.
const never = time.Duration(1<<63 - 1)

// answerDelay is from the end of a command to the first byte of the first answer
// (measured on a BM1393 chain).
const answerDelay = 141 * time.Microsecond

// clock is the chain's time.
func (c *Chain) clock() time.Duration {
	d := time.Since(c.begin)
	if c.cfg.Speed != 1 {
		d = time.Duration(float64(d) * c.cfg.Speed)
	}
	return d
}

// real converts a span of the chain's time for a timer.
func (c *Chain) real(d time.Duration) time.Duration {
	if c.cfg.Speed != 1 {
		d = time.Duration(float64(d) / c.cfg.Speed)
	}
	return max(d, 1)
}

// do runs f on a chain that is up to date, and wakes readers.
func (c *Chain) do(f func(now time.Duration)) {
	c.mu.Lock()
	c.advance(c.clock())
	f(c.now)
	c.mu.Unlock()
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// advance lets everything happen that is due until to, in the order of time.
func (c *Chain) advance(to time.Duration) {
	for {
		ch, at := c.nextChip()
		next := min(c.edge, c.tick, c.lockAt, at, c.hostNext())
		if c.bytesUntil(min(next, to)) {
			continue // a command may have changed what comes next
		}
		if next > to {
			break
		}
		c.now = next
		switch next {
		case c.edge:
			c.rx.deliver(next, c.receive, c.received) // under the faults until now
			c.refresh(next)
		case c.tick:
			c.onTick(next)
		case c.lockAt:
			c.onLock(next)
		case at:
			c.onChip(ch, next)
		default:
			c.host.Act(Line{c})
		}
	}
	c.now = max(c.now, to)
	c.rx.deliver(c.now, c.receive, c.received)
}

// nextChip finds the chip that has something to do first: a position to look at,
// or a result to report.
func (c *Chain) nextChip() (first *chip, at time.Duration) {
	at = never
	for _, ch := range c.chips {
		if t, ok := ch.sweep.due(); ok && t < at {
			first, at = ch, t
		}
		if len(ch.found) > 0 && ch.found[0].at < at {
			first, at = ch, ch.found[0].at
		}
	}
	return first, at
}

func (c *Chain) onChip(ch *chip, now time.Duration) {
	if len(ch.found) > 0 && ch.found[0].at <= now {
		h := ch.found[0]
		ch.found = append(ch.found[:0], ch.found[1:]...)
		c.emit(ch, h, now)
		return
	}
	ch.lookUp(now)
}

// bytesUntil gives chips the host's bytes that arrive until then; true if one of
// them ended a command.
func (c *Chain) bytesUntil(until time.Duration) bool {
	n, hit := 0, false
	for n < len(c.tx.queue) && c.tx.queue[n].at <= until && !hit {
		b := c.tx.queue[n]
		c.now = b.at
		hit = c.hear(b)
		n++
	}
	if n > 0 {
		c.tx.queue = append(c.tx.queue[:0], c.tx.queue[n:]...)
	}
	return hit
}

func (c *Chain) onTick(now time.Duration) {
	c.tick = now + tickTime
	for _, ch := range c.chips {
		ch.heat()
		f := c.chipFault(Spam, ch.index)
		if f != nil && c.up(ch) && ch.rand.Float64() < f.Rate*tickTime.Seconds() {
			for range max(1, int(f.Rate*tickTime.Seconds())) {
				c.answer(ch, now, regCoreValue)
			}
		}
	}
	c.check.onTick(now)
}

func (c *Chain) onLock(now time.Duration) {
	c.lockAt = never
	for _, ch := range c.chips {
		if ch.locking && ch.lockAt <= now {
			ch.locked(now)
		} else if ch.locking {
			c.lockAt = min(c.lockAt, ch.lockAt)
		}
	}
}

// lookAhead is how far beyond now a reader may let the chips search, to know how
// long to sleep: longer than that, the next job would make it worthless.
func (c *Chain) lookAhead() time.Duration {
	return min(max(c.jobGap/4, 2*time.Millisecond), 500*time.Millisecond)
}

// nextRead tells when there may be something to read, at the latest at limit.
func (c *Chain) nextRead(limit time.Duration) time.Duration {
	limit = min(limit, c.edge, c.hostNext(), c.now+c.lookAhead())
	if len(c.tx.queue) > 0 {
		limit = min(limit, c.tx.queue[len(c.tx.queue)-1].at)
	}
	if t, ok := c.rx.ready(); ok {
		return min(limit, t)
	}
	if c.fault(Spam) != nil {
		limit = min(limit, c.tick)
	}
	for {
		first, at := (*chip)(nil), limit
		for _, ch := range c.chips {
			if len(ch.found) > 0 {
				limit = min(limit, ch.found[0].at)
			}
			if t, ok := ch.sweep.due(); ok && t < at {
				first, at = ch, t
			}
		}
		if first == nil || at >= limit {
			return limit
		}
		first.lookUp(at)
	}
}
