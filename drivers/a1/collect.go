package a1

import (
	"github.com/lodefw/lode/hashing"
	"time"
)

// collect reads results until there is none, or the chips had their share of
// the bus.
func (c *Chain) collect(found func(hashing.Solution)) (busy bool, err error) {
	if c.deaf >= maxDeaf {
		return c.collectSingly(found)
	}
	for range 2*len(c.chips) + 4 {
		if c.worthless() {
			return true, nil
		}
		r, a, err := c.readResult(everyChip)
		if err != nil || a == queueEmpty {
			c.deaf = 0
			return busy, err
		}
		if a == noAnswer {
			c.countLost()
			if c.deaf++; c.deaf == maxDeaf {
				c.log.Error("reads of all results do not come back: the chain is broken, reading chip by chip")
			}
			return busy, nil
		}
		c.deaf, busy = 0, true
		c.result(r, found)
	}
	return busy, nil
}

// collectSingly reads the chips that still answer when the chain is broken
// behind them. That a chip takes the command for itself alone is a guess.
func (c *Chain) collectSingly(found func(hashing.Solution)) (busy bool, err error) {
	for i := range c.chips {
		if !c.chips[i].usable() {
			continue
		}
		r, a, err := c.readResult(c.chips[i].number)
		if err != nil {
			return busy, err
		}
		if a == gotResult {
			busy = true
			c.result(r, found)
		}
	}
	return busy, nil
}

// result classifies a nonce, and reports it if its work wants it.
func (c *Chain) result(r Result, found func(hashing.Solution)) {
	w, ok := c.classify(r)
	if !ok {
		return
	}
	h := w.Header
	h.Nonce = r.Nonce
	if w.Target.MetBy(h.Hash()) {
		found(hashing.Solution{Work: w.ID, Nonce: r.Nonce, Version: h.Version, NTime: h.NTime})
	}
}

func (c *Chain) classify(r Result) (w *hashing.Work, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Chip < 1 || r.Chip > len(c.chips) || r.Job < 1 || r.Job > jobIDs {
		c.noise++
		return nil, false
	}
	ch := &c.chips[r.Chip-1]
	s := &ch.slots[r.Job-1]
	if s.generation == 0 {
		c.noise++
		return nil, false
	}
	w, generation := s.claim(r.Nonce, &c.ticket)
	switch {
	case w == nil:
		ch.tally.HardwareErrors++
		c.misread(s)
	case !ch.recent.Add(w.ID, r.Nonce):
		ch.tally.Duplicates++
	case generation != c.generation:
		ch.tally.Stale++
		return w, true
	default:
		ch.tally.Good++
		c.order.sure = true
		ch.since = time.Now()
		return w, true
	}
	return nil, false
}
