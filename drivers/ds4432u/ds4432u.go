// Package ds4432u drives the DS4432U current DAC, which bends the feedback of a
// regulator to set the core voltage of early Bitaxe boards. REFERENCE.md beside
// this file says what is known of it.
package ds4432u

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/mmr"
	"periph.io/x/conn/v3/physic"
)

// regOutput is the first of the two outputs' registers: bit 7 is the direction,
// 6..0 the current.
const regOutput = 0xf8

// Feedback is the regulator that the DAC works on: its feedback voltage and
// divider, the DAC's full-scale current, and the output without the DAC.
type Feedback struct {
	Reference physic.ElectricPotential  // at the regulator's feedback pin
	Upper     physic.ElectricResistance // from output to the pin
	Lower     physic.ElectricResistance // from the pin to ground
	FullScale physic.ElectricCurrent    // of the DAC, code 127
	Nominal   physic.ElectricPotential  // output with the DAC at 0
}

// Bitaxe is the circuit of Bitaxe Max and early Ultra: TPS40305, R14 = 4.75 kΩ,
// R15 = 3.32 kΩ, R16 = 80 kΩ (ESP-Miner DS4432U.c).
func Bitaxe() Feedback {
	return Feedback{
		Reference: 600 * physic.MilliVolt, Upper: 4750 * physic.Ohm, Lower: 3320 * physic.Ohm,
		FullScale: 98921 * physic.NanoAmpere, Nominal: 1451 * physic.MilliVolt,
	}
}

// Options of New.
type Options struct {
	// Min and Max are the board's limits of the voltage. Without them none is set.
	Min, Max physic.ElectricPotential
	// Output is 0 or 1.
	Output int
	// Feedback is the circuit; the zero value means Bitaxe's.
	Feedback Feedback
}

// DAC is one output of the chip.
type DAC struct {
	dev mmr.Dev8
	reg uint8
	o   Options
}

// New looks for the chip at addr (0x48). It has no id: New checks that it reads
// the same twice and not as an empty bus; SetVoltage reads back. The output is
// left as it is.
func New(bus i2c.Bus, addr uint16, o Options) (*DAC, error) {
	if o.Output != 0 && o.Output != 1 {
		return nil, fmt.Errorf("ds4432u: no output %d, the chip has 0 and 1", o.Output)
	}
	if o.Feedback == (Feedback{}) {
		o.Feedback = Bitaxe()
	}
	d := &DAC{
		dev: mmr.Dev8{Conn: &i2c.Dev{Bus: bus, Addr: addr}, Order: binary.BigEndian},
		reg: regOutput + uint8(o.Output), o: o,
	}
	a, err := d.dev.ReadUint8(d.reg)
	b, err2 := d.dev.ReadUint8(d.reg)
	if err := errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("ds4432u: no current DAC at address %#02x: %w", addr, err)
	}
	if a != b || a == 0xff {
		return nil, fmt.Errorf("ds4432u: no current DAC at address %#02x: register %#02x reads %#02x, then %#02x; is the bus connected?", addr, d.reg, a, b)
	}
	return d, nil
}

// String names the output.
func (d *DAC) String() string { return fmt.Sprintf("DS4432U output %d", d.o.Output) }

// SetVoltage bends the regulator to v and reads the code back.
func (d *DAC) SetVoltage(v physic.ElectricPotential) error {
	if v < d.o.Min || v > d.o.Max || v <= 0 {
		return fmt.Errorf("ds4432u: %v is outside the board's limits %v to %v", v, d.o.Min, d.o.Max)
	}
	code, err := d.o.Feedback.code(v)
	if err != nil {
		return fmt.Errorf("ds4432u: %w", err)
	}
	if err := d.dev.WriteUint8(d.reg, code); err != nil {
		return fmt.Errorf("ds4432u: set voltage: %w", err)
	}
	got, err := d.dev.ReadUint8(d.reg)
	if err == nil && got != code {
		err = fmt.Errorf("wrote %#02x, read back %#02x; the voltage is not known, turn the regulator off", code, got)
	}
	if err != nil {
		return fmt.Errorf("ds4432u: set voltage: %w", err)
	}
	return nil
}

// Voltage is what the code in the chip means. It is not measured.
func (d *DAC) Voltage() (physic.ElectricPotential, error) {
	code, err := d.dev.ReadUint8(d.reg)
	if err != nil {
		return 0, fmt.Errorf("ds4432u: voltage: %w", err)
	}
	return d.o.Feedback.voltage(code), nil
}

// code is the datasheet's transfer function (DS4432 p. 8): what the divider's
// two currents differ by is what the DAC must add. Rounded up, away from
// nominal, as the boards' own firmware does.
func (f Feedback) code(v physic.ElectricPotential) (uint8, error) {
	amps := f.volts(f.Reference)/f.ohms(f.Lower) - (f.volts(v)-f.volts(f.Reference))/f.ohms(f.Upper)
	steps := math.Ceil(math.Abs(amps)/f.full()*127 - 1e-6) // what is less is the arithmetic's error
	if steps > 127 {
		return 0, fmt.Errorf("%v needs %.0f of the DAC's 127 steps", v, steps)
	}
	if v < f.Nominal {
		return 0x80 | uint8(steps), nil
	}
	return uint8(steps), nil
}

func (f Feedback) voltage(code uint8) physic.ElectricPotential {
	amps := float64(code&0x7f) / 127 * f.full()
	if code&0x80 == 0 {
		amps = -amps
	}
	v := f.volts(f.Reference) + (f.volts(f.Reference)/f.ohms(f.Lower)-amps)*f.ohms(f.Upper)
	return physic.ElectricPotential(v * float64(physic.Volt))
}

func (f Feedback) full() float64 { return float64(f.FullScale) / float64(physic.Ampere) }
func (Feedback) volts(v physic.ElectricPotential) float64 {
	return float64(v) / float64(physic.Volt)
}
func (Feedback) ohms(r physic.ElectricResistance) float64 { return float64(r) / float64(physic.Ohm) }
