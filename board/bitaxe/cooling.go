package bitaxe

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/emc2101"
	"github.com/lodefw/lode/drivers/emc2302"
	"github.com/lodefw/lode/drivers/tmp75"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

const (
	stuckAfter  = 3 * time.Minute // 1/8 °C always moves a little
	fanLeast    = 0.25
	fanLeastRPM = 300 // guess: a fan that turns at all is above it
	// besideBoard is how much warmer the chips of a Hex are than the sensors on its
	// board (temp_offset of device_config.h).
	besideBoard = 10 * physic.Celsius
)

// heat: ESP-Miner aims at 60 °C and stops at 75 °C of the chip, and at 105 °C of
// the regulator (power_management_task.c). Where to throttle is our choice.
var (
	chipHeat      = board.Heat{Target: 60, Throttle: 68, Max: 75}
	regulatorHeat = board.Heat{Target: 80, Throttle: 95, Max: 105}
)

// cooling makes fans and the chips' thermometers.
func (k *Kind) cooling(bus i2c.Bus, f found) ([]*board.Fan, []*board.Thermometer, error) {
	switch k.Cooler {
	case EMC2101:
		return k.cool2101(bus, f)
	case EMC2103:
		return cool2103(bus)
	}
	return cool2302(bus, f)
}

func (k *Kind) cool2101(bus i2c.Bus, f found) ([]*board.Fan, []*board.Thermometer, error) {
	chip, err := emc2101.New(bus, AddrFan, emc2101.Options{Diode: k.Diode})
	if err != nil {
		return nil, nil, err
	}
	t := board.NewThermometer("chip", chip.External, chipHeat, stuckAfter)
	if k.Beside != 0 && !f.has(regulator, AddrRegulator) {
		// Whole degrees, which may well stand still.
		t = board.NewThermometer("chip", above(chip.Internal, physic.Temperature(k.Beside)*physic.Celsius), chipHeat, 0)
	}
	return []*board.Fan{fan("fan", chip)}, []*board.Thermometer{t}, nil
}

// cool2103: the diodes are wired the other way round (temp_flip).
func cool2103(bus i2c.Bus) ([]*board.Fan, []*board.Thermometer, error) {
	chip, err := emc2302.New(bus, AddrFan2103, emc2302.Options{})
	if err != nil {
		return nil, nil, err
	}
	diode := func(i int) func() (physic.Temperature, error) {
		return func() (physic.Temperature, error) { return chip.Temperature(i) }
	}
	return []*board.Fan{fan("fan", chip.Fans()[0])}, []*board.Thermometer{
		board.NewThermometer("chip 1", diode(2), chipHeat, stuckAfter),
		board.NewThermometer("chip 2", diode(1), chipHeat, stuckAfter),
	}, nil
}

// cool2302 is a Hex: two fans, each of which must turn, and two sensors, at one of
// the two pairs of addresses that sources give.
func cool2302(bus i2c.Bus, f found) (fans []*board.Fan, list []*board.Thermometer, err error) {
	chip, err := emc2302.New(bus, AddrFan2302, emc2302.Options{})
	if err != nil {
		return nil, nil, err
	}
	for i, one := range chip.Fans() {
		fans = append(fans, fan(fmt.Sprint("fan ", i+1), one))
	}
	for i, addr := range f.sensors() {
		s, err := tmp75.New(bus, addr, tmp75.Options{Model: tmp75.TMP1075})
		if err != nil {
			return nil, nil, err
		}
		list = append(list, board.NewThermometer(fmt.Sprint("chips ", i+1), above(s.Temperature, besideBoard), chipHeat, stuckAfter))
	}
	return fans, list, nil
}

func fan(name string, d board.FanDriver) *board.Fan {
	return &board.Fan{Name: name, Driver: d, MinDuty: fanLeast, MinRPM: fanLeastRPM}
}

// above reads a sensor beside a place that is warmer.
func above(read func() (physic.Temperature, error), by physic.Temperature) func() (physic.Temperature, error) {
	return func() (physic.Temperature, error) {
		t, err := read()
		return t + by, err
	}
}
