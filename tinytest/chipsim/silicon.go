package chipsim

import (
	"math"
	"math/rand/v2"
	"time"
)

// silicon is what differs between chips of one model: the lottery, drawn from
// the chain's seed.
type silicon struct {
	power  float64      // factor on the model's watts
	volts  float64      // mV that the chip needs more than the model
	cores  map[int]bool // small cores that never work, core*parallel+version
	leaves float64      // °C at which it drops off the chain
}

func (s *silicon) dead(small int) bool { return s.cores[small] }

func (m *model) draw(r *rand.Rand) silicon {
	s := silicon{
		power:  1 + 0.04*r.NormFloat64(),
		volts:  8 * r.NormFloat64(),
		leaves: 125 + 3*r.NormFloat64(),
		cores:  map[int]bool{},
	}
	for len(s.cores) < m.cores*m.small()*m.parallel-m.working {
		s.cores[r.IntN(m.cores*m.small()*m.parallel)] = true
	}
	return s
}

// The thermal model is ours, not measured: a chip is one mass that heats by
// C*f*V^2 and loses heat through a resistance that the fan lowers. Tests of
// limits need no more than that it goes the right way.
const (
	tickTime    = 250 * time.Millisecond
	heatSeconds = 15.0
	leakShare   = 0.05 // of nominal power, without a clock
	baseErrors  = 1e-5
	minMargin   = 40.0 // mV that a typical chip has at its nominal point
	goodSupply  = 0.6  // of nominal voltage: below it a chip forgets everything
)

// watts is the chip's power now.
func (ch *chip) watts() float64 {
	v := ch.supply() / ch.m.nominalMillivolts
	busy := 0.0
	if ch.job != nil && ch.m.nominalMHz > 0 {
		busy = ch.mhz / ch.m.nominalMHz
	}
	return ch.m.watts * ch.silicon.power * v * v * (leakShare + (1-leakShare)*busy)
}

// resistance to the air in K/W; at half fan a chip at its nominal point is 35 K
// above the air.
func (m *model) resistance(fan float64) float64 {
	return 35 / m.watts * 0.65 / (0.15 + min(1, max(0, fan)))
}

// heat moves the temperature on by a tick, and may drop the chip.
func (ch *chip) heat() {
	end := ch.c.cfg.Ambient + ch.watts()*ch.m.resistance(ch.c.fan)
	ch.temp += (end - ch.temp) * (1 - math.Exp(-tickTime.Seconds()/heatSeconds))
	if ch.temp > ch.silicon.leaves {
		ch.dropped = true
	}
	ch.hashes += ch.rate() * tickTime.Seconds()
	ch.errors += ch.rate() * tickTime.Seconds() * ch.errorRate()
}

// needs is the voltage in mV below which errors become frequent.
func (ch *chip) needs(mhz float64) float64 {
	return ch.m.nominalMillivolts*(0.7+0.3*mhz/ch.m.nominalMHz) - minMargin*ch.m.nominalMillivolts/1150 + ch.silicon.volts*ch.m.nominalMillivolts/1150
}

// errorRate is the share of results that are wrong.
func (ch *chip) errorRate() float64 {
	if f := ch.c.chipFault(HashErrors, ch.index); f != nil {
		return f.Rate
	}
	scale := ch.m.nominalMillivolts / 1150
	short := (ch.needs(ch.mhz) - ch.supply()) / (5 * scale)
	return min(1, baseErrors*math.Exp(min(30, (ch.temp-85)/5))*math.Exp(min(30, max(-6, short))))
}

// A domain is the chips that share a supply.
type domain struct{ millivolts float64 }

func (c *Chain) domainOf(chip int) int { return chip * len(c.domains) / len(c.chips) }

// supply is the chip's voltage in mV.
func (ch *chip) supply() float64 {
	d := ch.c.domainOf(ch.index)
	v := ch.c.domains[d].millivolts
	if f := ch.c.domainFault(BrownOut, d); f != nil {
		v *= 1 - f.Rate
	}
	return v
}

func (ch *chip) powered() bool {
	return ch.supply() >= goodSupply*ch.m.nominalMillivolts &&
		ch.c.domainFault(DeadDomain, ch.c.domainOf(ch.index)) == nil
}
