package board

import (
	"fmt"

	"github.com/lodefw/lode/drivers/ds4432u"
	"github.com/lodefw/lode/drivers/ina260"
	"github.com/lodefw/lode/drivers/tps546"
	"periph.io/x/conn/v3/physic"
)

// InVolts is v for people and limits.
func InVolts(v physic.ElectricPotential) Volts { return Volts(float64(v) / float64(physic.Volt)) }

// InAmps is a for people and limits.
func InAmps(a physic.ElectricCurrent) Amps { return Amps(float64(a) / float64(physic.Ampere)) }

// Potential is v as drivers take it, to the next millivolt.
func (v Volts) Potential() physic.ElectricPotential {
	return physic.ElectricPotential(float64(v)*1000+0.5) * physic.MilliVolt
}

// MeasureTPS546 asks the regulator for everything that it knows, until the first
// error.
func MeasureTPS546(r *tps546.Regulator) (p Power, err error) {
	out, err := r.Voltage()
	if err != nil {
		return p, err
	}
	in, err := r.Input()
	if err != nil {
		return p, err
	}
	current, err := r.Current()
	if err != nil {
		return p, err
	}
	status, err := r.Status()
	if err != nil {
		return p, err
	}
	p = Power{Output: InVolts(out), Input: InVolts(in), Current: InAmps(current)}
	if status.Err() != nil {
		p.Fault = status.String()
	}
	return p, nil
}

// MeasureSupply is for a regulator whose feedback a DAC bends, with a meter before it:
// the output is what the DAC was told, and no measurement; the chips get at most the
// power that the meter sees.
func MeasureSupply(dac *ds4432u.DAC, meter *ina260.Monitor) (p Power, err error) {
	out, err := dac.Voltage()
	if err != nil {
		return p, err
	}
	in, err := meter.Voltage()
	if err != nil {
		return p, err
	}
	power, err := meter.Power()
	if err != nil {
		return p, err
	}
	p.Output, p.Input = InVolts(out), InVolts(in)
	if p.Output <= 0 {
		return p, fmt.Errorf("board: the DAC's setting means %v", out)
	}
	p.Current = Amps(float64(power) / float64(physic.Watt) / float64(p.Output))
	return p, nil
}
