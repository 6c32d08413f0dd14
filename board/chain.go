package board

import (
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/hashing"
)

// A Chain is a hasher of chips that a board powers. Its Run brings the chips up
// from reset, mines, and leaves them in reset.
type Chain interface {
	hashing.Hasher
	// HashRate is what to expect of it, in hashes per second.
	HashRate() float64
	// SetClock asks for a share of the full clock. It returns at once; the clock
	// walks there at the pace that the chips stand.
	SetClock(share float64)
	Status() ChainStatus
}

// A Tunable chain has chips that can have a clock each.
type Tunable interface {
	Chain
	// Clocks are the full clocks that the chips were given, which a share of
	// SetClock lowers.
	Clocks() []MHz
	// Tune gives each chip its full clock. It returns at once, like SetClock; when
	// the chain does not run yet, it begins with these.
	Tune([]MHz) error
}

// Phase is what a chain does.
type Phase string

// Phases of a chain.
const (
	Resting  Phase = "resting"  // not in Run
	Starting Phase = "starting" // counting chips
	Hashing  Phase = "hashing"
)

// ChainStatus is a chain at one moment. Its counters begin when the chips were
// last brought up.
type ChainStatus struct {
	Model          string       `json:"model"`
	Phase          Phase        `json:"phase"`
	MHz            float64      `json:"clock_mhz"`
	HashRate       float64      `json:"hash_rate"`     // to expect, hashes per second
	ResultHashes   float64      `json:"result_hashes"` // that each good result stands for
	Walking        bool         `json:"walking"`       // clocks are on their way to what was asked for
	Good           uint64       `json:"good"`
	HardwareErrors uint64       `json:"hardware_errors"`
	Duplicates     uint64       `json:"duplicates"`
	Lost           uint64       `json:"lost"`
	Noise          uint64       `json:"noise"`   // bytes from the line that belong to no answer
	Unasked        uint64       `json:"unasked"` // answers that nobody has asked for
	Chips          []ChipStatus `json:"chips"`
}

// ChipStatus is one chip.
type ChipStatus struct {
	Domain         int     `json:"domain"`
	Health         string  `json:"health"` // alive, silent or dead
	MHz            float64 `json:"clock_mhz"`
	Good           uint64  `json:"good"`
	HardwareErrors uint64  `json:"hardware_errors"`
}

// Alive tells whether the chip answers and finds what it should.
func (c *ChipStatus) Alive() bool { return c.Health == string(bm13xx.Alive) }

// Alive is how many chips answer and find what they should.
func (s *ChainStatus) Alive() (n int) {
	for _, c := range s.Chips {
		if c.Alive() {
			n++
		}
	}
	return n
}
