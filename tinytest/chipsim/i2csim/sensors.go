package i2csim

import (
	"encoding/binary"
	"math"

	"periph.io/x/conn/v3/physic"
)

// Temperature is where a sensor sits: a function of the thermal model.
type Temperature func() physic.Temperature

// steps is a temperature in counts of 1/perDegree degrees, rounded down as chips do.
func (t Temperature) steps(perDegree float64) int {
	return int(math.Floor((t().Celsius()) * perDegree))
}

// NewTMP75 is a TMP75 with its power-up limits: 12 bits, left aligned, two's
// complement. With id it is a TMP1075, whose register 0F names it.
func NewTMP75(t Temperature, id bool) *Registers {
	c := NewRegisters(map[byte][]byte{0: {0, 0}, 1: {0}, 2: {0x4b, 0}, 3: {0x50, 0}})
	if id {
		c.Set(1, 0x00, 0xff)
		c.Set(0x0f, 0x75, 0x00)
		c.fix(0x0f)
	}
	c.fix(0)
	c.refresh = func(reg byte) {
		if reg == 0 {
			n := max(-2048, min(2047, t.steps(16)))
			c.Set(0, byte(n>>4), byte(n<<4))
		}
	}
	return c
}

// NewLM75A is an LM75A: 11 bits, left aligned, no id.
func NewLM75A(t Temperature) *Registers {
	c := NewTMP75(t, false)
	c.refresh = func(reg byte) {
		if reg == 0 {
			n := max(-1024, min(1023, t.steps(8)))
			c.Set(0, byte(n>>3), byte(n<<5))
		}
	}
	return c
}

// Makers of the TMP451 family (register FE).
const (
	MakerTI     = 0x55 // TMP451
	MakerAnalog = 0x41 // ADT7461
	MakerOnsemi = 0x1a // NCT218
)

// TMP451 is one of the TMP451 family: a local and a remote diode.
type TMP451 struct {
	*Registers
	// Open and Short break the remote diode.
	Open, Short bool
}

// NewTMP451 returns the chip of a maker. Only TI's has local fractions.
func NewTMP451(maker byte, local, remote Temperature) *TMP451 {
	c := &TMP451{Registers: NewRegisters(map[byte][]byte{
		0x00: {0}, 0x01: {0}, 0x02: {0}, 0x03: {0}, 0x09: {0}, 0x04: {8}, 0x0a: {8},
		0x10: {0}, 0x15: {0}, 0xfe: {maker}, 0xff: {0x51},
	})}
	c.fix(0x00, 0x01, 0x02, 0x03, 0x04, 0x10, 0x15, 0xfe, 0xff)
	c.written = func(reg byte) { // write registers 09 and 0A show at 03 and 04
		if reg == 0x09 || reg == 0x0a {
			c.Set(reg-6, c.Get(reg)...)
		}
	}
	c.refresh = func(byte) {
		c.convert(0x00, 0x15, local, maker == MakerTI)
		c.convert(0x01, 0x10, remote, true)
		c.diode()
	}
	return c
}

func (c *TMP451) convert(high, low byte, t Temperature, fraction bool) {
	n := t.steps(16)
	if c.Get(0x03)[0]&0x04 != 0 { // extended range: offset 64
		n += 64 * 16
	}
	n = max(0, min(0xfff, n))
	c.Set(high, byte(n>>4))
	if fraction {
		c.Set(low, byte(n<<4))
	}
}

// diode shows a broken remote diode: open sets status bit 2, a short reads 0.
func (c *TMP451) diode() {
	c.Set(0x02, 0)
	if c.Open {
		c.Set(0x02, 0x04)
		c.Set(0x01, 0)
		c.Set(0x10, 0)
	}
	if c.Short {
		c.Set(0x01, 0)
		c.Set(0x10, 0)
	}
}

// NewINA260 is an INA260 that measures what the functions say.
func NewINA260(current func() physic.ElectricCurrent, bus func() physic.ElectricPotential) *Registers {
	c := NewRegisters(map[byte][]byte{
		0: {0x61, 0x27}, 1: {0, 0}, 2: {0, 0}, 3: {0, 0}, 6: {0, 0}, 7: {0, 0}, 0xfe: {0x54, 0x49}, 0xff: {0x22, 0x70},
	})
	c.fix(1, 2, 3, 0xfe, 0xff)
	word := func(reg byte, v int64) {
		c.Set(reg, binary.BigEndian.AppendUint16(nil, uint16(v))...)
	}
	c.refresh = func(byte) {
		i, v := current(), bus()
		word(1, int64(i/(1250*physic.MicroAmpere)))
		word(2, int64(v/(1250*physic.MicroVolt)))
		milliwatts := int64(i/physic.MilliAmpere) * int64(v/physic.MilliVolt) / 1000
		word(3, max(milliwatts, -milliwatts)/10)
	}
	return c
}

// AT24C02 is a 256-byte EEPROM. It does write, as the real one does; the bus
// reports that.
type AT24C02 struct {
	Data    [256]byte
	pointer byte
}

// Tx implements Device.
func (c *AT24C02) Tx(w, r []byte) error {
	if len(w) > 0 {
		c.pointer = w[0]
		for _, v := range w[1:] {
			c.Data[c.pointer] = v
			c.pointer = c.pointer&0xf8 | (c.pointer+1)&0x07 // pages of 8 bytes wrap (AT24C02 p. 9)
		}
	}
	for i := range r {
		r[i] = c.Data[c.pointer]
		c.pointer++
	}
	return nil
}
