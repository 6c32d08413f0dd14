package a1

import (
	"slices"

	"periph.io/x/conn/v3/physic"
)

// Status is a chain's state at a moment, for people and JSON.
type Status struct {
	Name  string
	Clock physic.Frequency // of a good chip
	// Noise counts answers that belong to no chip or no job.
	Noise uint64
	// Lost counts commands that came back without an answer, on chips that
	// went on afterwards too.
	Lost uint64
	// ResultHashes are what each good result stands for.
	ResultHashes float64
	Chips        []ChipStatus
}

// ChipStatus is a chip's part of Status.
type ChipStatus struct {
	Chip     int // from 1, next to the host
	State    State
	Cores    int
	Clock    physic.Frequency
	Failures int    // since it last worked for long
	Fault    string // the last failure, empty if there was none
	Tally
}

// Status may be called at any time.
func (c *Chain) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Name: c.opts.Name, Clock: c.clock, Noise: c.noise, Lost: c.lost, ResultHashes: c.ticket.Hashes()}
	s.Chips = slices.Grow(s.Chips, len(c.chips))
	for i := range c.chips {
		ch := &c.chips[i]
		s.Chips = append(s.Chips, ChipStatus{
			Chip: ch.number, State: ch.state, Cores: ch.cores, Clock: ch.clock,
			Failures: ch.failures, Fault: ch.fault, Tally: ch.tally,
		})
	}
	return s
}

// HashRate is the rate to expect in hashes per second.
func (c *Chain) HashRate() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rate()
}

func (c *Chain) rate() float64 {
	sum := 0.0
	for i := range c.chips {
		sum += c.chips[i].rate()
	}
	return sum / c.opts.Scale
}
