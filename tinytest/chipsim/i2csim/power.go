package i2csim

import (
	"encoding/binary"
	"math"

	"periph.io/x/conn/v3/physic"
)

// TPS546 is a TPS546D24A regulator on PMBus. Its output follows OPERATION and
// VOUT_COMMAND; a fault turns it off until CLEAR_FAULTS and a new OPERATION.
type TPS546 struct {
	*Registers
	// Input, Load and Heat say what it measures.
	Input func() physic.ElectricPotential
	Load  func() physic.ElectricCurrent
	Heat  Temperature

	tripped bool
}

const vout = 1.0 / 512 // one count of ULINEAR16 with exponent -9

// NewTPS546 returns the chip as it powers up: off.
func NewTPS546(input func() physic.ElectricPotential, load func() physic.ElectricCurrent, heat Temperature) *TPS546 {
	c := &TPS546{Registers: NewRegisters(map[byte][]byte{
		0x01: {0}, 0x02: {0x17}, 0x03: {}, 0x20: {0x97}, 0x21: words(0x019a), 0x79: words(0), 0x88: words(0),
		0x8b: words(0), 0x8c: words(0), 0x8d: words(0), 0xad: {6, 0x54, 0x49, 0x54, 0x6d, 0x24, 0x41},
		0x7a: {0}, 0x7b: {0}, 0x7c: {0}, 0x7d: {0}, 0x7e: {0}, 0x80: {0},
	}), Input: input, Load: load, Heat: heat}
	for _, reg := range []byte{0x24, 0x25, 0x26, 0x29, 0x2b, 0x33, 0x35, 0x36, 0x40, 0x42, 0x43, 0x44, 0x46, 0x4a, 0x4f, 0x51, 0x55, 0x58, 0x60, 0x61, 0x62, 0x64, 0x65, 0xec, 0xee} {
		c.Set(reg, 0, 0)
	}
	for _, reg := range []byte{0x04, 0x10, 0x41, 0x45, 0x47, 0x50, 0x56, 0x63, 0xe4} {
		c.Set(reg, 0)
	}
	c.Set(0xb1, 5, 0, 0, 0, 0, 0)
	c.fix(0x20, 0x79, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x80, 0x88, 0x8b, 0x8c, 0x8d, 0xad)
	c.refresh = func(byte) { c.measure() }
	return c
}

func words(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }

// Tx implements Device: CLEAR_FAULTS is a command without data.
func (c *TPS546) Tx(w, r []byte) error {
	if len(w) == 1 && w[0] == 0x03 && len(r) == 0 {
		c.tripped = false
		for reg := byte(0x7a); reg <= 0x7e; reg++ {
			c.Set(reg, 0)
		}
		return nil
	}
	return c.Registers.Tx(w, r)
}

// Trip raises a fault: status is the register (7A to 7E) and bits the cause. The
// output goes off.
func (c *TPS546) Trip(status, bits byte) {
	c.tripped = true
	c.Set(status, bits)
	c.Set(0x01, 0)
}

// Output is the regulator's output.
func (c *TPS546) Output() physic.ElectricPotential {
	if c.tripped || c.Get(0x01)[0]&0x80 == 0 {
		return 0
	}
	counts := binary.LittleEndian.Uint16(c.Get(0x21))
	return physic.ElectricPotential(float64(counts) * vout * float64(physic.Volt))
}

func (c *TPS546) measure() {
	out := c.Output()
	c.Set(0x8b, words(uint16(float64(out)/float64(physic.Volt)/vout))...)
	c.Set(0x88, words(linear11(float64(c.Input())/float64(physic.Volt)))...)
	c.Set(0x8c, words(linear11(float64(c.Load())/float64(physic.Ampere)))...)
	c.Set(0x8d, words(linear11(c.Heat().Celsius()))...)
	c.Set(0x79, words(c.status(out))...)
}

// status gathers the single status registers (PMBus part II, 17.2).
func (c *TPS546) status(out physic.ElectricPotential) uint16 {
	s := uint16(0)
	if out == 0 {
		s |= 0x0040 | 0x0800 // off, power not good
	}
	for reg, bit := range map[byte]uint16{0x7a: 0x8000, 0x7b: 0x4000, 0x7c: 0x2000, 0x7d: 0x0004, 0x7e: 0x0002} {
		if c.Get(reg)[0] != 0 {
			s |= bit
		}
	}
	return s
}

// linear11 is the finest LINEAR11 of v.
func linear11(v float64) uint16 {
	exp := -16
	for exp < 15 && math.Abs(math.Round(v*math.Pow(2, float64(-exp)))) > 1023 {
		exp++
	}
	return uint16(exp)<<11 | uint16(int(math.Round(v*math.Pow(2, float64(-exp)))))&0x7ff
}

// DS4432U is a current DAC with two outputs, F8 and F9.
type DS4432U struct{ *Registers }

// NewDS4432U returns the chip as it powers up: both outputs at 0.
func NewDS4432U() *DS4432U {
	return &DS4432U{NewRegisters(map[byte][]byte{0xf8: {0}, 0xf9: {0}})}
}
