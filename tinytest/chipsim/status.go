package chipsim

import "time"

// Status is the chain as nobody on the real wire can see it.
type Status struct {
	Now   time.Duration
	Baud  int // the host's
	Line  LineStats
	Chips []ChipStatus
}

// ChipStatus is one chip.
type ChipStatus struct {
	Counters
	Address    byte
	Addressed  bool
	Up         bool    // powered, not dead, not overheated
	MHz        float64 // hash clock
	HashRate   float64 // hashes per second
	Celsius    float64
	Millivolts float64 // of its domain's supply
	Watts      float64
	Needs      float64 // mV below which errors become frequent at this clock
	Baud       float64
}

// Status gives the state now.
func (c *Chain) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(c.clock())
	s := Status{Now: c.now, Baud: c.tx.baud, Line: c.rx.stats}
	for _, ch := range c.chips {
		s.Chips = append(s.Chips, ChipStatus{
			Counters: ch.status, Address: ch.address, Addressed: ch.addressed, Up: c.up(ch),
			MHz: ch.mhz, HashRate: ch.rate(), Celsius: ch.temp, Millivolts: c.domains[c.domainOf(ch.index)].millivolts, Watts: ch.watts(), Needs: ch.needs(ch.mhz), Baud: ch.baud(),
		})
	}
	return s
}

// Nominal is the clock that the chips are made for, in MHz.
func (c *Chain) Nominal() float64 { return c.m.nominalMHz }

// Watts is what all chips take from their supply.
func (c *Chain) Watts() float64 {
	sum := 0.0
	for _, ch := range c.Status().Chips {
		sum += ch.Watts
	}
	return sum
}

// Temperature is a chip's in °C: what a sensor at its diode would show.
func (c *Chain) Temperature(chip int) float64 { return c.Status().Chips[chip].Celsius }

// Zeros is how many zero bits a hash needs before the ticket mask counts; see
// Config.Zeros.
func (c *Chain) Zeros() int { return c.cfg.Zeros }

// Config is the chain's configuration with its defaults filled in.
func (c *Chain) Config() Config {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg
}
