package bitfury

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

// State says how far a chip can be used.
type State string

// States of a chip. One that fails is set up again; after the third time without
// a good nonce between it rests, and then it is tried once more, over and over. A
// good nonce ends that.
const (
	Good    State = "good"
	Resting State = "resting"
)

const (
	maxFailures = 3 // in a row without a good nonce
	restTime    = 30 * time.Second
	maxOdd      = 30 // answers in a row without a moving counter
	maxMute     = 30 // answers in a row that are none
)

// A chip that should have found this many nonces and found none is dead: a live
// one is that unlucky once in 10^9 times.
const overdue = 20

// Tally counts what a chip reported.
type Tally struct {
	Good           uint64 // meets the ticket, for work of the newest job
	Stale          uint64 // meets the ticket, for work that a new job replaced
	Duplicates     uint64
	HardwareErrors uint64 // meets nothing under any offset
	Noise          uint64 // the same, but was not there any more a read later: the bus
}

// chip is what the chain knows of a chip. Run's goroutine owns the first part.
type chip struct {
	number        int
	up            bool // set up since it was off
	previous, now job
	waiting       job              // the chip has it and takes it when now is done
	next          job              // to be given at the next visit
	ring, before  [ringSize]uint32 // the last two reads
	suspects      [ringSize]uint32 // of the last read, that solve nothing
	suspected     int
	toggle        uint32
	heard         bool // ring and toggle are of this chip since its set-up
	recent        hashing.Recent
	mute, odd     int // answers in a row
	count         uint32
	counted       time.Time // zero: count is none
	since         time.Time // of the last good nonce, or of when it began to be due
	retry         time.Time // while resting

	// The chain's mutex guards the rest.
	state    State
	rate     float64 // measured, hashes per second
	failures int
	fault    string
	tally    Tally
}

// forget is for a chip that is set up anew: what it says next is of no job.
func (c *chip) forget(at time.Time) {
	c.previous.set, c.now.set, c.waiting.set = false, false, false
	c.heard, c.mute, c.odd, c.suspected = false, 0, 0, 0
	c.counted = time.Time{}
	c.since = at
}

// taken moves the jobs on when the toggle tells that the chip took the one that
// waited, which is what it got before the exchange that told it.
func (c *chip) taken() {
	c.previous, c.now = c.now, c.waiting
	if c.next.work.ID == c.now.work.ID {
		c.next.set = false
	}
}

// claim finds the job that a decoded nonce is for: the one that runs, the one
// before, or one that was taken just now.
func (c *chip) claim(nonce uint32, ticket *bitcoin.Target) (*job, uint32) {
	for _, j := range [3]*job{&c.now, &c.previous, &c.waiting} {
		if n, ok := j.solve(nonce, ticket); ok {
			return j, n
		}
	}
	return nil, 0
}

// isNew tells whether a word of an answer was in neither of the last two: one read
// wrong must not make the next look new.
func (c *chip) isNew(word uint32) bool { return !holds(&c.ring, word) && !holds(&c.before, word) }

// holds tells whether the ring has the word. New nonces are found by what was
// not there, not by place: then a ring that is read out of step loses nothing.
func holds(ring *[ringSize]uint32, word uint32) bool {
	for _, w := range ring {
		if w == word {
			return true
		}
	}
	return false
}
