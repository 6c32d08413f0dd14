package bm13xx

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// Tally counts results by what became of them.
type Tally struct {
	Good           uint64 `json:"good"`            // right, and new
	HardwareErrors uint64 `json:"hardware_errors"` // the hash misses the ticket
	Duplicates     uint64 `json:"duplicates"`      // was there before
	Lost           uint64 `json:"lost"`            // for a job that is not known any more
}

func (t *Tally) count(v verdict) {
	switch v {
	case good:
		t.Good++
	case hardwareError:
		t.HardwareErrors++
	case duplicate:
		t.Duplicates++
	case lost:
		t.Lost++
	}
}

func (t *Tally) add(u Tally) {
	t.Good += u.Good
	t.HardwareErrors += u.HardwareErrors
	t.Duplicates += u.Duplicates
	t.Lost += u.Lost
}

// Health is how a chip does.
type Health string

const (
	Alive  Health = "alive"
	Silent Health = "silent" // answers, but finds nothing where it should have
	Dead   Health = "dead"   // does not answer
)

// CoreTally counts a core's results.
type CoreTally struct {
	Good           uint32 `json:"good"`
	HardwareErrors uint32 `json:"hardware_errors"`
}

// ChipStatus is what is known of one chip.
type ChipStatus struct {
	Tally
	Address uint8            `json:"address"`
	Clock   physic.Frequency `json:"clock"`
	Domain  int              `json:"domain"`
	Health  Health           `json:"health"`
	Cores   []CoreTally      `json:"cores,omitempty"` // by core number
}

// Status is a chain at one moment.
type Status struct {
	Tally                      // of all chips
	Model        Model         `json:"model"`
	HashRate     float64       `json:"hash_rate"`     // hashes per second that are to be expected
	ResultHashes float64       `json:"result_hashes"` // that each good result stands for
	Jobs         uint64        `json:"jobs"`          // sent
	Noise        uint64        `json:"noise"`         // bytes that belong to no response
	Stray        Tally         `json:"stray"`         // of no chip that the chain has, by the nonces; in the sum too
	Unasked      uint64        `json:"unasked"`       // registers that came without being read
	Switch       time.Duration `json:"switch"`        // from the last change of the feed to the last byte of its job
	ChipStatus   []ChipStatus  `json:"chips"`
}

// counters are the numbers behind Status.
type counters struct {
	chips   []chip
	rate    float64
	jobs    uint64
	stray   Tally
	unasked uint64
	change  time.Duration
}

// chip is what is counted of one chip.
type chip struct {
	tally  Tally
	clock  physic.Frequency
	cores  []CoreTally
	health Health
	heard  bool      // has answered since the last poll
	missed int       // polls in a row without an answer
	good   time.Time // of the last good result, or of the first job; see tune
}

// tune notes another clock. The time that the chip is without a result stretches, so
// that it should have found as much in it as it should have at the clocks it had.
func (ch *chip) tune(f physic.Frequency, now time.Time) {
	if f != ch.clock && !ch.good.IsZero() {
		ch.good = now.Add(-time.Duration(float64(now.Sub(ch.good)) * float64(ch.clock) / float64(f)))
	}
	ch.clock = f
}

// setCount says how many chips there are. Counts go on when it is as many as before.
func (c *Chain) setCount(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count = n
	c.clocks = make([]physic.Frequency, n)
	if len(c.status.chips) == c.count {
		for i := range c.status.chips {
			chip := &c.status.chips[i]
			chip.health, chip.missed, chip.good = Alive, 0, time.Time{}
		}
		return
	}
	c.status.chips = make([]chip, c.count)
	for i := range c.status.chips {
		// Cores are numbered in as many bits as the nonce has for them.
		c.status.chips[i] = chip{health: Alive, cores: make([]CoreTally, 1<<c.spec.coreBits)}
	}
}

// Status is safe to call at any time.
func (c *Chain) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{
		Model: c.model, HashRate: c.status.rate, ResultHashes: c.target.Hashes(),
		Jobs: c.status.jobs, Noise: c.reader.Noise(), Stray: c.status.stray,
		Unasked: c.status.unasked, Switch: c.status.change, Tally: c.status.stray,
	}
	if c.queue != nil {
		s.Noise += c.queue.BadFrames() * uint64(c.spec.answer)
	}
	for i := range c.status.chips {
		chip := &c.status.chips[i]
		s.Tally.add(chip.tally)
		s.ChipStatus = append(s.ChipStatus, ChipStatus{
			Tally: chip.tally, Address: c.address(i), Clock: chip.clock, Domain: c.domainOf(i), Health: chip.health,
			Cores: append([]CoreTally(nil), chip.cores[:c.coresUsed()]...),
		})
	}
	return s
}

// coresUsed is how many core numbers can occur. Those of the BM1387 have gaps.
func (c *Chain) coresUsed() int {
	if c.spec.wire == WireBare {
		return 1 << c.spec.coreBits
	}
	return c.spec.cores
}

func (c *Chain) domainOf(chip int) int { return chip * c.opts.Domains / max(c.count, 1) }
