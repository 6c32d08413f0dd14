package virtual

import (
	"math/rand/v2"

	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/physic"
)

// powered is what the boards on USB have in common: one chain behind one regulator.
type powered struct {
	Chip      *chipsim.Chain
	Regulator *i2csim.TPS546 // nil on boards with a DAC

	dac *i2csim.DS4432U

	// The bus's lock guards what follows.
	rand    *rand.Rand
	input   float64 // V
	leak    float64 // A that flow beside the chips
	heat    float64 // °C that the regulator has above its usual
	volts   float64 // mV that the regulator gives
	ambient float64
}

func newPowered(cfg *Config) powered {
	return powered{ambient: cfg.Ambient, rand: rand.New(rand.NewPCG(cfg.Seed, 1))}
}

// given is what the regulator gives, in mV. One with a DAC has a reference in volts, a
// divider in ohms, and takes so many amps at the DAC's highest code.
func (p *powered) given(reference, above, below, most float64) float64 {
	if p.Regulator != nil {
		return float64(p.Regulator.Output()) / float64(physic.MilliVolt)
	}
	code := p.dac.Get(0xf8)[0]
	amps := float64(code&0x7f) / 127 * most
	if code&0x80 == 0 {
		amps = -amps
	}
	return 1000 * (reference + above*(reference/below-amps))
}

// watts are what the regulator gives.
func (p *powered) watts() float64 {
	w := p.leak * p.volts / 1000
	if p.volts > 0 {
		w += p.Chip.Watts()
	}
	return w
}

// drawn is what the board takes: the regulator's loss, and a watt for the rest.
func (p *powered) drawn() physic.ElectricCurrent { return amperes((p.watts()/0.9 + 1) / p.input) }

func (p *powered) supply() physic.ElectricPotential {
	return physic.ElectricPotential(p.input * float64(physic.Volt))
}

func amperes(v float64) physic.ElectricCurrent {
	return physic.ElectricCurrent(v * float64(physic.Ampere))
}

// beside is what a sensor shows that n chips warm, less by some degrees than they are,
// with noise as a real one has.
func (p *powered) beside(first, n int, less float64) i2csim.Temperature {
	return func() physic.Temperature {
		sum := 0.0
		for i := range n {
			sum += p.Chip.Temperature(first+i) / float64(n)
		}
		return celsius(sum - less + 0.15*p.rand.NormFloat64())
	}
}

// atRegulator is warmer than the chip, as the maker's boards show.
func (p *powered) atRegulator() physic.Temperature {
	return celsius(p.ambient + 1.2*(p.Chip.Temperature(0)-p.ambient) + p.heat)
}

func celsius(v float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(v*float64(physic.Celsius))
}
