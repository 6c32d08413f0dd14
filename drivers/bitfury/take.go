package bitfury

import (
	"time"

	"github.com/lodefw/lode/hashing"
)

// take reads an answer: which job runs, where the counter is, what is new.
func (c *Chain) take(ch *chip, a *Answer, now time.Time, found func(hashing.Solution)) {
	if !a.Valid() {
		ch.mute++
		return
	}
	ch.mute = 0
	if !ch.heard { // what stands there now came before
		ch.heard, ch.ring, ch.before, ch.toggle = true, a.Ring, a.Ring, a.Toggle
		return
	}
	if a.Toggle != ch.toggle {
		ch.toggle = a.Toggle
		ch.taken()
	}
	c.suspects(ch, a)
	moved := false
	for _, word := range a.Ring {
		if !ch.isNew(word) {
			continue
		}
		nonce := DecodeNonce(word)
		if count, ok := counter(nonce); ok {
			moved = true
			c.measure(ch, count, now)
			continue
		}
		if !c.nonce(ch, nonce, now, found) {
			ch.suspects[ch.suspected] = word
			ch.suspected++
		}
	}
	ch.before, ch.ring = ch.ring, a.Ring
	ch.odd++
	if moved {
		ch.odd = 0
	}
}

// measure follows the counter: it goes through 2^22 places, at each of which all
// cores try a nonce.
func (c *Chain) measure(ch *chip, count uint32, now time.Time) {
	steps := float64((count - ch.count) & counterMask)
	span := now.Sub(ch.counted).Seconds()
	first := ch.counted.IsZero()
	ch.count, ch.counted = count, now
	if first || span <= 0 || span > time.Second.Seconds() { // it may have gone round
		return
	}
	rate := steps / span * float64(c.opts.Cores)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch.rate == 0 {
		ch.rate = rate
	}
	ch.rate += (rate - ch.rate) / 16
}

// suspects looks again at the words that solved nothing when they came: the chip
// has made a mistake if they are still there, the bus if not.
func (c *Chain) suspects(ch *chip, a *Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, word := range ch.suspects[:ch.suspected] {
		if holds(&a.Ring, word) {
			ch.tally.HardwareErrors++
		} else {
			ch.tally.Noise++
		}
	}
	ch.suspected = 0
}

// nonce classifies a new nonce, and reports it if its work wants it. It is false
// for one that is none.
func (c *Chain) nonce(ch *chip, nonce uint32, now time.Time, found func(hashing.Solution)) bool {
	j, n := ch.claim(nonce, &c.opts.Ticket)
	if j == nil {
		return !ch.previous.set // true: of a job that it had before its set-up
	}
	if !c.count(ch, j, n, now) {
		return true
	}
	h := j.work.Header
	h.Nonce = n
	if j.work.Target.MetBy(h.Hash()) {
		found(hashing.Solution{Work: j.work.ID, Nonce: n, Version: h.Version, NTime: h.NTime})
	}
	return true
}

// count says whether a solution is a new one, and counts what it is.
func (c *Chain) count(ch *chip, j *job, nonce uint32, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !ch.recent.Add(j.work.ID, nonce):
		ch.tally.Duplicates++
		return false
	case j.generation != c.generation:
		ch.tally.Stale++
		ch.since = now
		return true
	}
	ch.tally.Good++
	ch.since, ch.failures = now, 0
	if ch.state == Resting {
		ch.state = Good
		c.log.Info("chip is back", "chip", ch.number)
	}
	return true
}

// judge looks whether a chip has failed.
func (c *Chain) judge(ch *chip, now time.Time) {
	rate := ch.rate
	if rate == 0 {
		rate = guess
	}
	due := rate / c.opts.Scale * now.Sub(ch.since).Seconds() / c.opts.Ticket.Hashes()
	switch {
	case ch.mute > maxMute:
		c.fail(ch, "does not answer", now)
	case ch.odd > maxOdd:
		c.fail(ch, "has a counter that stands still", now)
	case due > overdue:
		c.fail(ch, "finds nothing", now)
	}
}

// fail names a chip that failed, and sets it up again at the next visit, or
// after a rest.
func (c *Chain) fail(ch *chip, why string, now time.Time) {
	ch.up = false
	c.mu.Lock()
	ch.failures++
	ch.fault, ch.rate = why, 0
	if ch.failures >= maxFailures {
		ch.state, ch.retry = Resting, now.Add(restTime)
	}
	state, failures := ch.state, ch.failures
	c.mu.Unlock()
	c.log.Warn("chip failed", "chip", ch.number, "why", why, "state", state, "failures", failures)
}
