package tps546

import (
	"fmt"

	"periph.io/x/conn/v3/physic"
)

// Stage is the power stage that a board has around the chip. The values are the
// board designer's; a field that is zero is not written.
type Stage struct {
	Stack     uint16 // STACK_CONFIG: number of further chips that share the load
	Sync      uint8  // SYNC_CONFIG
	Phase     uint8  // PHASE: FF addresses all chips of a stack
	Frequency physic.Frequency
	// Compensation is the control loop; all zero: by the chip's pins.
	Compensation [5]uint8
	// ScaleLoop is the feedback divider as a fraction of 1000: 250 is 0.25.
	ScaleLoop int64

	VinOn, VinOff, VinLowWarning, VinHighFault physic.ElectricPotential
	OverCurrentWarning, OverCurrentFault       physic.ElectricCurrent
	HeatWarning, HeatFault                     physic.Temperature
}

// setting is one command with its data.
type setting struct {
	name string
	data []byte
}

func b8(cmd, v uint8) []byte         { return []byte{cmd, v} }
func b16(cmd uint8, v uint16) []byte { return []byte{cmd, uint8(v), uint8(v >> 8)} }
func volts(cmd uint8, v physic.ElectricPotential) []byte {
	return b16(cmd, toLinear11(v, physic.Volt))
}

// Fault responses (datasheet pp. 91-98): over current turns off and stays off,
// input over voltage tries six times, heat waits until it has cooled down.
const (
	responseOverCurrent = 0xc0
	responseVin         = 0xb7
	responseHeat        = 0xff
)

// settings lists the commands in the order of firmware that is known to work
// (ESP-Miner TPS546.c).
func (s *Stage) settings(mode uint8, min, max physic.ElectricPotential) []setting {
	list := []setting{
		{"STACK_CONFIG", b16(0xec, s.Stack)},
		{"SYNC_CONFIG", b8(0xe4, s.Sync)},
		{"PHASE", b8(0x04, s.Phase)},
	}
	add := func(wanted bool, name string, data []byte) {
		if wanted {
			list = append(list, setting{name, data})
		}
	}
	exp, _ := exponent(mode)
	add(s.Frequency > 0, "FREQUENCY_SWITCH", b16(0x33, toLinear11(s.Frequency, physic.KiloHertz)))
	add(s.Compensation != [5]uint8{}, "COMPENSATION_CONFIG", append([]byte{0xb1, 5}, s.Compensation[:]...))
	add(s.VinLowWarning > 0, "VIN_UV_WARN_LIMIT", volts(0x58, s.VinLowWarning))
	add(s.VinOn > 0, "VIN_ON", volts(0x35, s.VinOn))
	add(s.VinOff > 0, "VIN_OFF", volts(0x36, s.VinOff))
	add(s.VinHighFault > 0, "VIN_OV_FAULT_LIMIT", volts(0x55, s.VinHighFault))
	add(s.VinHighFault > 0, "VIN_OV_FAULT_RESPONSE", b8(0x56, responseVin))
	add(s.ScaleLoop > 0, "VOUT_SCALE_LOOP", b16(0x29, toLinear11(s.ScaleLoop, 1000)))
	add(max > 0, "VOUT_COMMAND", b16(cmdVoutCommand, toLinear16(min, exp, physic.Volt)))
	add(max > 0, "VOUT_MAX", b16(0x24, toLinear16(max, exp, physic.Volt)))
	add(max > 0, "VOUT_MIN", b16(0x2b, toLinear16(min, exp, physic.Volt)))
	if relative(mode) { // else these would be volts
		list = append(list, around(exp)...)
	}
	return append(list, s.limits()...)
}

// around limits the output to a band around the command: a fault at +25 % and
// -25 %, a warning at +16 % and -10 %.
func around(exp int8) []setting {
	part := func(cmd uint8, thousandths int64) []byte {
		return b16(cmd, toLinear16(thousandths, exp, 1000))
	}
	return []setting{
		{"VOUT_OV_FAULT_LIMIT", part(0x40, 1250)},
		{"VOUT_OV_WARN_LIMIT", part(0x42, 1160)},
		{"VOUT_UV_WARN_LIMIT", part(0x43, 900)},
		{"VOUT_UV_FAULT_LIMIT", part(0x44, 750)},
	}
}

// limits protect the chips whatever the host does afterwards.
func (s *Stage) limits() (list []setting) {
	if s.OverCurrentFault > 0 {
		list = append(list,
			setting{"IOUT_OC_WARN_LIMIT", b16(0x4a, toLinear11(s.OverCurrentWarning, physic.Ampere))},
			setting{"IOUT_OC_FAULT_LIMIT", b16(0x46, toLinear11(s.OverCurrentFault, physic.Ampere))},
			setting{"IOUT_OC_FAULT_RESPONSE", b8(0x47, responseOverCurrent)})
	}
	if s.HeatFault > 0 {
		list = append(list,
			setting{"OT_WARN_LIMIT", b16(0x51, toLinear11(s.HeatWarning-physic.ZeroCelsius, physic.Celsius))},
			setting{"OT_FAULT_LIMIT", b16(0x4f, toLinear11(s.HeatFault-physic.ZeroCelsius, physic.Celsius))},
			setting{"OT_FAULT_RESPONSE", b8(0x50, responseHeat)})
	}
	return append(list, setting{"TON_RISE", b16(0x61, 3)}) // 3 ms
}

func (r *Regulator) write(list []setting) error {
	for _, s := range list {
		if err := r.dev.Tx(s.data, nil); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}
