package bitaxe

import (
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/ds4432u"
	"github.com/lodefw/lode/drivers/ina260"
	"github.com/lodefw/lode/drivers/tps546"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

const settle = 50 * time.Millisecond // the output rises in 3 ms

// What the boards want to be supplied with. A little inside of where the stage
// turns itself off; the upper limits, and that of the Turbo and the Hex in all, are
// our choice for a supply of 5 V or 12 V. The currents are those at which the stage
// warns; it goes off at 5 A more (vcore.c).
var (
	input5V    = board.PowerLimits{MinInput: 4.6, MaxInput: 5.6, Current: 25, Tolerance: 0.06}
	inputTurbo = board.PowerLimits{MinInput: 10.7, MaxInput: 13.5, Current: 50, Tolerance: 0.06}
	inputHex   = board.PowerLimits{MinInput: 11.2, MaxInput: 13.5, Current: 25, Tolerance: 0.06}
)

// stage5V is the power stage around the TPS546 of boards for 5 V (vcore.c).
func stage5V() *tps546.Stage {
	return &tps546.Stage{
		Sync: 0x10, Frequency: 650 * physic.KiloHertz, ScaleLoop: 250,
		VinOn: 4800 * mv, VinOff: 4500 * mv, VinHighFault: 6500 * mv,
		OverCurrentWarning: 25 * physic.Ampere, OverCurrentFault: 30 * physic.Ampere,
		HeatWarning: physic.ZeroCelsius + 105*physic.Celsius, HeatFault: physic.ZeroCelsius + 145*physic.Celsius,
	}
}

// stageTurbo is two of them that share the load, for 12 V.
func stageTurbo() *tps546.Stage {
	s := stage5V()
	s.Stack, s.Sync, s.Phase = 1, 0xd0, 0xff
	s.Compensation = [5]uint8{0x12, 0x34, 0x42, 0x21, 0x04}
	s.VinOn, s.VinOff, s.VinLowWarning, s.VinHighFault = 11000*mv, 10500*mv, 11000*mv, 14800*mv
	s.OverCurrentWarning, s.OverCurrentFault = 50*physic.Ampere, 55*physic.Ampere
	return s
}

// stageHex is for three chips' voltage, from 12 V.
func stageHex() *tps546.Stage {
	s := stage5V()
	s.ScaleLoop = 125
	s.VinOn, s.VinOff, s.VinLowWarning, s.VinHighFault = 11500*mv, 11000*mv, 11000*mv, 14800*mv
	return s
}

// power makes the rail for the regulator that was found.
func (k *Kind) power(bus i2c.Bus, f found) (*board.Rail, []*board.Thermometer, error) {
	least, most := k.rail()
	rail := &board.Rail{Name: "core regulator", Output: k.output(k.Volts), Min: least, Max: most, Settle: settle}
	if f.has(regulator, AddrRegulator) {
		chip, err := tps546.New(bus, AddrRegulator, tps546.Options{Min: least, Max: most, Stage: k.Stage()})
		if err != nil {
			return nil, nil, err
		}
		rail.Driver, rail.Clear, rail.Limits = chip, chip.ClearFaults, k.Input
		rail.Measure = func() (board.Power, error) { return board.MeasureTPS546(chip) }
		return rail, []*board.Thermometer{board.NewThermometer("regulator", chip.Temperature, regulatorHeat, 0)}, nil
	}
	dac, err := ds4432u.New(bus, AddrDAC, ds4432u.Options{Min: least, Max: most})
	if err != nil {
		return nil, nil, err
	}
	meter, err := ina260.New(bus, AddrMeter, ina260.Options{})
	if err != nil {
		return nil, nil, err
	}
	b := &bent{dac, least}
	rail.Driver, rail.Limits = b, k.Input
	rail.Measure = func() (board.Power, error) { return board.MeasureSupply(dac, meter) }
	rail.Limits.Current = board.Amps(k.Watts * float64(physic.Volt) / float64(rail.Output))
	rail.Limits.Tolerance, rail.Stays = 0, true // the output is not measured, and has no switch
	return rail, nil, b.Off()
}

// bent is a regulator (TPS40305) whose feedback the DAC bends. Its enable pin is
// not on the bridge: bitaxe-raw knows the reset pin alone, so that nobody can turn
// the regulator off from here, nor on. What makes these boards safe is the chip's
// reset, in which bitaxe-raw itself leaves a chip "in order to minimize heat and
// power" (its README), and the lowest voltage: that is what off is. Before the first
// Off the regulator gives 1.45 V, to a chip in reset.
type bent struct {
	dac   *ds4432u.DAC
	least physic.ElectricPotential
}

// SetVoltage is part of board.RailDriver.
func (b *bent) SetVoltage(v physic.ElectricPotential) error { return b.dac.SetVoltage(v) }

// On has nothing to do: the voltage is there once it is set.
func (b *bent) On() error { return nil }

// Off goes to the lowest voltage.
func (b *bent) Off() error { return b.dac.SetVoltage(b.least) }
