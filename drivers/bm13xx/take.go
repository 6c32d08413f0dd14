package bm13xx

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

// takeQueued reports a solution of a queue. It does not allocate.
func (r *runner) takeQueued(n solution, now time.Time) {
	if s, ok := r.judgeQueued(n, now); ok {
		r.found(s)
	}
}

// take sorts one response. It does not allocate.
func (r *runner) take(resp Response, now time.Time) {
	if resp.Job {
		if s, ok := r.judge(resp, now); ok {
			r.found(s)
		}
		return
	}
	if r.answers(resp) {
		return
	}
	if resp.Reg == RegChipID && Model(resp.Value>>16) == r.model {
		if i := r.chipOf(uint8(resp.Value)); i >= 0 {
			r.heard(i)
			return
		}
	}
	r.mu.Lock()
	r.status.unasked++
	r.mu.Unlock()
}

// verdict is what a result is.
type verdict uint8

const (
	good verdict = iota
	hardwareError
	duplicate
	lost
)

// judge hashes what a chip claims to have found, and counts it. It returns what
// is to be reported.
func (c *Chain) judge(resp Response, now time.Time) (hashing.Solution, bool) {
	s := &c.jobs.slots[c.spec.idOf(resp.Slot)]
	if !s.used {
		c.tally(c.origin(resp.Nonce), lost, now)
		return hashing.Solution{}, false
	}
	h, possible := s.header(resp)
	return c.weigh(s, h, possible, now)
}

// weigh hashes a header and counts what it is.
func (c *Chain) weigh(s *slot, h bitcoin.Header, possible bool, now time.Time) (hashing.Solution, bool) {
	hash := h.Hash()
	v := good
	switch {
	case !possible || !c.target.MetBy(hash):
		v = hardwareError
	case !c.jobs.seen.add(result{s.sequence, h.Nonce, h.Version}):
		v = duplicate
	}
	c.tally(c.origin(h.Nonce), v, now)
	return hashing.Solution{Work: s.work.ID, Nonce: h.Nonce, Version: h.Version, NTime: h.NTime},
		v == good && s.work.Target.MetBy(hash)
}

func (c *Chain) origin(nonce uint32) Origin {
	if c.offsets {
		return offsetOrigin(nonce, c.count)
	}
	return c.model.Origin(nonce, c.count)
}

func (c *Chain) tally(o Origin, v verdict, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Chip >= c.count {
		c.status.stray.count(v)
		return
	}
	chip := &c.status.chips[o.Chip]
	chip.tally.count(v)
	switch v {
	case good:
		chip.cores[o.Core].Good++
		chip.good, chip.heard = now, true
	case hardwareError:
		chip.cores[o.Core].HardwareErrors++
	case duplicate:
		chip.good, chip.heard = now, true // it hashes, and right
	}
}
