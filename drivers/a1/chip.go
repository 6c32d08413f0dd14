package a1

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/physic"
)

// State says how far a chip can be used.
type State string

// States of a chip:
//
//	       few cores            no answer, no echo, no nonces
//	Good ------------> Weak    ----------------------------->  Resting
//	  |                  ^  <-------------------------------     |
//	  | too few cores    |          answers after 30 s            | 4th time
//	  v                                                           v
//	Broken (clock lowered, no jobs)                              Off
const (
	Good    State = "good"
	Weak    State = "weak"    // some cores failed: a lower clock
	Broken  State = "broken"  // too many cores failed: no jobs
	Resting State = "resting" // failed, to be tried again
	Off     State = "off"     // failed too often; until the next Run
)

// Cores of a chip; each makes a hash in a clock.
const Cores = 32

// Limits of cgminer's, below which a chip is spared.
const (
	weakBelow   = 30
	brokenBelow = 26
)

// A chip that failed rests, and is given up when it fails too often. One that
// then works for long starts afresh.
const (
	restTime    = 30 * time.Second
	maxFailures = 3
	forgetAfter = 10 * time.Minute
)

// A chip that should have found this many nonces and found none is dead: a live
// one is that unlucky once in 10^9 times.
const overdue = 20

// slot is a job under its id, with the one that had the id before: a result
// tells the id only.
type slot struct {
	work, last              hashing.Work
	generation, generation2 uint64 // of work and last; 0 is none
}

// chip is what the chain knows of a chip. Run's goroutine owns the first part.
type chip struct {
	number   int
	lastID   uint8
	empty    bool // its queue has just been dropped: no need to ask
	unechoed int  // jobs in a row without an echo
	invalid  int  // reads in a row with an invalid queue state
	slots    [jobIDs]slot
	recent   hashing.Recent
	retry    time.Time // while resting
	failed   time.Time // last failure
	since    time.Time // of the last good nonce, or of when it began to be due

	// The chain's mutex guards the rest.
	state    State
	cores    int
	clock    physic.Frequency
	failures int
	fault    string
	tally    Tally
}

// Tally counts what a chip reported.
type Tally struct {
	Good           uint64 // meets the ticket, for work of the newest job
	Stale          uint64 // meets the ticket, for work that was dropped
	Duplicates     uint64
	HardwareErrors uint64 // meets nothing
}

func (c *chip) usable() bool { return c.state == Good || c.state == Weak }

// rate is in hashes per second: a core makes a hash each clock.
func (c *chip) rate() float64 {
	if !c.usable() {
		return 0
	}
	return float64(c.cores) * float64(c.clock) / float64(physic.Hertz)
}

// nextID is the id for the chip's next job.
func (c *chip) nextID() uint8 { return c.lastID%jobIDs + 1 }

// give keeps the work under the next id.
func (c *chip) give(w *hashing.Work, generation uint64) {
	c.lastID = c.nextID()
	s := &c.slots[c.lastID-1]
	s.last, s.generation2 = s.work, s.generation
	s.work, s.generation = *w, generation
}

// claim finds the work that a nonce is for: the slot's, or the one before, whose
// result may have waited in the chip while the id went round.
func (s *slot) claim(nonce uint32, ticket *bitcoin.Target) (w *hashing.Work, generation uint64) {
	if s.generation != 0 && meets(&s.work, nonce, ticket) {
		return &s.work, s.generation
	}
	if s.generation2 != 0 && meets(&s.last, nonce, ticket) {
		return &s.last, s.generation2
	}
	return nil, 0
}

func meets(w *hashing.Work, nonce uint32, target *bitcoin.Target) bool {
	h := w.Header
	h.Nonce = nonce
	return target.MetBy(h.Hash())
}
