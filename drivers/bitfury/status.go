package bitfury

import "slices"

// Status is a chain's state at a moment, for people and JSON.
type Status struct {
	Name         string
	Bits         int     // of the oscillator
	ResultHashes float64 // that each good result stands for
	Chips        []ChipStatus
}

// ChipStatus is a chip's part of Status.
type ChipStatus struct {
	Chip     int // from 0, next to the host
	State    State
	HashRate float64 // by its counter, hashes per second; 0 if not known
	Failures int     // since its last good nonce
	Fault    string  // the last failure, empty if there was none
	Tally
}

// Status may be called at any time.
func (c *Chain) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Name: c.opts.Name, Bits: c.bits, ResultHashes: c.opts.Ticket.Hashes()}
	s.Chips = slices.Grow(s.Chips, len(c.chips))
	for i := range c.chips {
		ch := &c.chips[i]
		s.Chips = append(s.Chips, ChipStatus{
			Chip: ch.number, State: ch.state, HashRate: ch.rate / c.opts.Scale,
			Failures: ch.failures, Fault: ch.fault, Tally: ch.tally,
		})
	}
	return s
}

// guess is a chip's rate in hashes per second before its counter is read: 2.5
// GH/s at 54 bits, within what operators report.
const guess = 2.5e9

// RateAt is what to expect of a chip at a setting of the oscillator, in hashes per
// second. That it is a multiple of the bits is a guess.
func RateAt(bits int) float64 { return guess * float64(bits) / DefaultBits }

// HashRate is the rate to expect in hashes per second.
func (c *Chain) HashRate() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := 0.0
	for i := range c.chips {
		ch := &c.chips[i]
		switch {
		case ch.state != Good:
		case ch.rate > 0:
			sum += ch.rate
		default:
			sum += guess
		}
	}
	return sum / c.opts.Scale
}
