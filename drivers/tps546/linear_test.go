package tps546

import (
	"math"
	"testing"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/internal/captures"
)

// value puts the one register of a vector together, most significant byte first
// as the file has it.
func value(v captures.Sensor) uint16 {
	for _, b := range v.Regs {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return 0
}

func TestCaptures(t *testing.T) {
	captures.Sensors(t, "pmbus_linear11", func(t *testing.T, v captures.Sensor) {
		got := float64(linear11(value(v), physic.Volt)) / float64(physic.Volt)
		if want := v.Result["value"].(float64); got != want {
			t.Errorf("linear11(%#04x) = %v, want %v", value(v), got, want)
		}
	})
	captures.Sensors(t, "pmbus_linear16_exp-9", func(t *testing.T, v captures.Sensor) {
		for _, mode := range []uint8{0x17, 0x97} {
			exp, ok := exponent(mode)
			got := float64(linear16(value(v), exp, physic.Volt)) / float64(physic.Volt)
			if want := v.Result["volts"].(float64); !ok || got != want {
				t.Errorf("mode %02x: linear16(%#04x) = %v, want %v", mode, value(v), got, want)
			}
		}
	})
}

func TestExponent(t *testing.T) {
	for mode, want := range map[uint8]int8{0x17: -9, 0x97: -9, 0x14: -12, 0x00: 0, 0x03: 3} {
		if got, ok := exponent(mode); got != want || !ok {
			t.Errorf("exponent(%#02x) = %d, %v, want %d", mode, got, ok, want)
		}
	}
	for _, mode := range []uint8{0x20, 0x40, 0x60} { // VID, direct, IEEE half
		if _, ok := exponent(mode); ok {
			t.Errorf("mode %#02x was taken as linear", mode)
		}
	}
}

// TestToLinear11 has the bytes that ESP-Miner's arithmetic gives for its settings.
func TestToLinear11(t *testing.T) {
	const mV = physic.MilliVolt
	for _, test := range []struct {
		v    physic.ElectricPotential
		want uint16
	}{
		{4800 * mV, 0xca66}, {4500 * mV, 0xca40}, {6500 * mV, 0xcb40}, {14800 * mV, 0xd3b3},
		{250 * mV, 0xaa00}, {125 * mV, 0xa200}, {650 * physic.Volt, 0x028a}, {30 * physic.Volt, 0x001e}, {2000 * physic.Volt, 0x0be8},
	} {
		if got := toLinear11(test.v, physic.Volt); got != test.want {
			t.Errorf("toLinear11(%v) = %#04x, want %#04x", test.v, got, test.want)
		}
	}
}

func FuzzLinear(f *testing.F) {
	for _, raw := range []uint16{0, 0x0064, 0xeb0e, 0x7801, 0xffff, 0x8400, 0x7bff} {
		f.Add(raw, uint8(0x97))
	}
	f.Fuzz(func(t *testing.T, raw uint16, mode uint8) {
		mantissa, exp := int16(raw<<5)>>5, int8(raw>>8)>>3
		want := float64(mantissa) * math.Pow(2, float64(exp))
		got := float64(linear11(raw, physic.Volt)) / float64(physic.Volt)
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("linear11(%#04x) = %v, want %v", raw, got, want)
		}
		if e, ok := exponent(mode); ok {
			want := float64(raw) * math.Pow(2, float64(e))
			got := float64(linear16(raw, e, physic.Volt)) / float64(physic.Volt)
			if math.Abs(got-want) > 1e-9 {
				t.Errorf("linear16(%#04x, %d) = %v, want %v", raw, e, got, want)
			}
		}
		// What we write says what we meant, within its last place.
		v := physic.ElectricPotential(raw) * physic.MilliVolt
		back := linear11(toLinear11(v, physic.Volt), physic.Volt)
		if d := v - back; d < 0 || d > v/500+20*physic.MicroVolt {
			t.Errorf("%v is written as %v", v, back)
		}
	})
}
