package emberone

import (
	"errors"
	"fmt"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/ds4432u"
	"github.com/lodefw/lode/drivers/ina260"
	"github.com/lodefw/lode/drivers/tps546"
	"periph.io/x/conn/v3/physic"
)

const mv = physic.MilliVolt

const (
	// pinsSettle is how long the supply of the chips' pins takes (mujina: 0.7 ms).
	pinsSettle = 5 * time.Millisecond
	// settle is how long the core regulator may take to rise (mujina waits so long).
	settle = 250 * time.Millisecond
)

// What the board wants to be supplied with: 12 to 17 V (its README), of which
// firmware lets the TPS546 use 10.5 to 14 V. The power is 100 W.
var (
	inputTPS = board.PowerLimits{MinInput: 10.7, MaxInput: 13.8, Current: 40, Tolerance: 0.06}
	inputLM  = board.PowerLimits{MinInput: 11.5, MaxInput: 17, Current: 100 / 3.1, Tolerance: 0}
)

// stage is the power stage of v5: one TPS546D24S, which is made for 40 A, so that
// the current limits are below those of firmware for two, 50 and 55 A. The rest is
// firmware's: mujina forks, from a Python driver of the board's maker.
func stage() *tps546.Stage {
	return &tps546.Stage{
		Sync: 0x10, Phase: 0xff, Frequency: 325 * physic.KiloHertz, ScaleLoop: 125,
		Compensation: [5]uint8{0x13, 0x20, 0xc6, 0x19, 0xc6},
		VinOn:        11000 * mv, VinOff: 10500 * mv, VinHighFault: 14000 * mv,
		OverCurrentWarning: 40 * physic.Ampere, OverCurrentFault: 45 * physic.Ampere,
		HeatWarning: physic.ZeroCelsius + 105*physic.Celsius, HeatFault: physic.ZeroCelsius + 145*physic.Celsius,
	}
}

// feedback is the LM25119 of v3 and v4: 0.8 V at a divider of 3.57 and 1.02 kOhm,
// and a DAC with 39 kOhm (schematic of v3; issue 21: 239 to 360 mV a chip).
func feedback() ds4432u.Feedback {
	return ds4432u.Feedback{
		Reference: 800 * mv, Upper: 3570 * physic.Ohm, Lower: 1020 * physic.Ohm,
		FullScale: 202910 * physic.NanoAmpere, Nominal: 3600 * mv,
	}
}

// switches are the board's two enables.
type switches struct{ p Parts }

// on gives the chips' pins power before their cores.
func (s *switches) on() error {
	if err := s.p.PinsOn(true); err != nil {
		return err
	}
	time.Sleep(pinsSettle)
	return s.p.Enable(true)
}

// off turns off whatever can be turned off.
func (s *switches) off() error { return errors.Join(s.p.Enable(false), s.p.PinsOn(false)) }

// pmbus is the rail of v5: the TPS546 wants its command and the enable.
type pmbus struct {
	*tps546.Regulator
	*switches
}

// On is part of board.RailDriver.
func (r *pmbus) On() error {
	if err := r.on(); err != nil {
		return err
	}
	return r.Regulator.On()
}

// Off is part of board.RailDriver.
func (r *pmbus) Off() error { return errors.Join(r.Regulator.Off(), r.off()) }

// bent is the rail of v2 to v4: the DAC sets it, the enable turns it on.
type bent struct {
	dac *ds4432u.DAC
	*switches
}

// SetVoltage is part of board.RailDriver.
func (r *bent) SetVoltage(v physic.ElectricPotential) error { return r.dac.SetVoltage(v) }

// On is part of board.RailDriver.
func (r *bent) On() error { return r.on() }

// Off is part of board.RailDriver.
func (r *bent) Off() error { return r.off() }

// power asks the board which power stage it has, and makes the rail.
func power(p Parts, s *switches, st stand) (*board.Rail, []*board.Thermometer, error) {
	least, most := st.clamps.MinVolts.Potential(), st.clamps.MaxVolts.Potential()
	rail := &board.Rail{Name: "core regulator", Output: st.output, Min: least, Max: most, Settle: settle}
	dac, noDAC := ds4432u.New(p.I2C, AddrDAC, ds4432u.Options{Min: least, Max: most, Feedback: feedback()})
	meter, noMeter := ina260.New(p.I2C, AddrMeter, ina260.Options{})
	if noDAC == nil && noMeter == nil {
		rail.Driver, rail.Limits, rail.Stays = &bent{dac, s}, inputLM, true
		// Now and then the meter is not ready and says FFFF (issue 40), which the
		// guard takes for a glitch.
		rail.Measure = func() (board.Power, error) { return board.MeasureSupply(dac, meter) }
		return rail, nil, nil
	}
	chip, err := tps546.New(p.I2C, AddrRegulator, tps546.Options{Min: least, Max: most, Stage: stage()})
	if err != nil {
		return nil, nil, fmt.Errorf("emberone: this is no emberOne/00, or its supply is off: no regulator of v5, nor of those before: %w", errors.Join(err, noDAC, noMeter))
	}
	rail.Driver, rail.Clear, rail.Limits = &pmbus{chip, s}, chip.ClearFaults, inputTPS
	rail.Measure = func() (board.Power, error) { return board.MeasureTPS546(chip) }
	return rail, []*board.Thermometer{board.NewThermometer("regulator", chip.Temperature, regulatorHeat, 0)}, nil
}
