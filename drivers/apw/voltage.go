package apw

import (
	"fmt"
	"math"

	"periph.io/x/conn/v3/physic"
)

// Rule is how a type of supply turns volts into the value of its DAC: value =
// Offset - Slope * volts. Higher values are lower voltages.
type Rule struct {
	Offset, Slope float64
	// Low and High are the values that the type may get.
	Low, High uint8
	// Round takes the nearest value; without it the next lower one (a higher
	// voltage, by at most one step), as vendor firmware does.
	Round bool
}

// RuleOf is the rule of a supply's type, from the vendor's test fixtures (public
// dumps agree), the rounding from the S17 supply's protocol description. Types
// 62, 64, 65 and 66 take volts as a float in a longer packet: not supported.
func RuleOf(kind, firmware uint8) (Rule, bool) {
	full := Rule{High: 255}
	switch kind {
	case 0x22:
		full.Offset, full.Slope = 1215.89444, 59.931507
	case 0x41, 0x42:
		full.Offset, full.Slope, full.Round = 765.411764, 35.833333, true
	case 0x43:
		full.Offset, full.Slope = 933.240365, 59.806034
	case 0x61:
		full.Offset, full.Slope = 1144.502262, 52.243589
	case 0x71, 0x72, 0x75, 0x77:
		return Rule{Offset: 1190.935338, Slope: 78.742588, Low: 9, High: 246}, true
	case 0x73, 0x78:
		full.Offset, full.Slope = 1280.577821, 73.979365
	case 0x74, 0x76:
		full.Offset, full.Slope = 1156.107585, 76.090494
	case 0xc1:
		full.Offset, full.Slope = 1275, 85
		if firmware >= 4 {
			full.Offset, full.Slope = 1083.75, 70.83333333333
		}
	default:
		return Rule{}, false
	}
	return full, true
}

// DAC is the value for a voltage, kept within the type's range.
func (r Rule) DAC(v physic.ElectricPotential) uint8 {
	n := r.Offset - r.Slope*float64(v)/float64(physic.Volt)
	if r.Round {
		n = math.Round(n)
	}
	return uint8(max(float64(r.Low), min(float64(r.High), math.Trunc(n))))
}

// Voltage is what a value means.
func (r Rule) Voltage(dac uint8) physic.ElectricPotential {
	return physic.ElectricPotential((r.Offset - float64(dac)) / r.Slope * float64(physic.Volt))
}

// check refuses what the supply cannot do without giving more than was asked
// for: below its range it would give its least.
func (r Rule) check(v physic.ElectricPotential) error {
	if least := r.Voltage(r.High); v < least-step(r) {
		return fmt.Errorf("%v is less than the supply's least, %v", v, least)
	}
	return nil
}

// step is the voltage of one count.
func step(r Rule) physic.ElectricPotential {
	return physic.ElectricPotential(float64(physic.Volt) / r.Slope)
}

// measured is the supply's own measurement: V = (raw + 0.8615) / 63.017, found by
// others on an APW12 of type 71 with a multimeter.
func measured(raw uint16) physic.ElectricPotential {
	return physic.ElectricPotential((float64(raw) + 0.8615) / 63.017 * float64(physic.Volt))
}
