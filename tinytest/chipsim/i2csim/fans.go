package i2csim

import (
	"encoding/binary"
	"math"
	"time"
)

// Fan is a fan with a PWM input and a tachometer.
type Fan struct {
	// MaxRPM is its speed at full duty.
	MaxRPM float64
	// Stopped blocks the rotor; Dead takes the tachometer's wire off.
	Stopped, Dead bool

	duty float64 // 0 to 1
}

// Duty is what the chip drives the fan with, 0 to 1.
func (f *Fan) Duty() float64 { return f.duty }

// RPM is the true speed. A fan keeps a tenth of its speed at no duty, as most
// four-wire fans do.
func (f *Fan) RPM() float64 {
	if f.Stopped {
		return 0
	}
	return f.MaxRPM * (0.1 + 0.9*f.duty)
}

// count is what a tachometer counts between edges, limit when it sees none.
func (f *Fan) count(scale float64, limit int) int {
	if f.Dead || f.RPM() == 0 {
		return limit
	}
	return min(limit, int(math.Round(scale/f.RPM())))
}

// EMC2101 is an EMC2101: fan, own temperature and one external diode.
type EMC2101 struct {
	*Registers
	Fan Fan
	// Open breaks the external diode.
	Open bool
}

// NewEMC2101 returns the chip as it powers up: the fan follows the look-up
// table, which is empty, so it stands at full speed until told otherwise.
func NewEMC2101(internal, external Temperature) *EMC2101 {
	c := &EMC2101{Registers: NewRegisters(map[byte][]byte{
		0x00: {0}, 0x01: {0}, 0x02: {0}, 0x03: {0}, 0x04: {8}, 0x10: {0}, 0x17: {0x12}, 0x18: {8},
		0x46: {0xff}, 0x47: {0xff}, 0x48: {0xff}, 0x49: {0xff}, 0x4a: {0x20}, 0x4b: {0x3f}, 0x4c: {0}, 0x4d: {0x17}, 0x4e: {1},
		0xbf: {0}, 0xfd: {0x16}, 0xfe: {0x5d}, 0xff: {1},
	}), Fan: Fan{MaxRPM: 6000, duty: 1}}
	c.fix(0x00, 0x01, 0x02, 0x10, 0x46, 0x47, 0xfd, 0xfe, 0xff)
	c.written = func(byte) {
		if c.Get(0x4a)[0]&0x20 != 0 { // PROG: the host sets the duty
			c.Fan.duty = float64(c.Get(0x4c)[0]&0x3f) / 63
		}
	}
	c.refresh = func(reg byte) { c.measure(reg, internal, external) }
	return c
}

func (c *EMC2101) measure(reg byte, internal, external Temperature) {
	n := external.steps(8)
	if c.Open {
		n = -1024 // 0x80 0x00
	}
	switch reg {
	case 0x00:
		c.Set(reg, byte(internal.steps(1)))
	case 0x01:
		c.Set(reg, byte(n>>3))
	case 0x10:
		c.Set(reg, byte(n<<5))
	case 0x02:
		c.Set(reg, 0)
		if c.Open {
			c.Set(reg, 0x04)
		}
	case 0x46, 0x47:
		count := 0xffff
		if c.Get(0x03)[0]&0x04 != 0 { // the pin is a tachometer input
			count = c.Fan.count(5_400_000, 0xffff)
		}
		c.Set(0x46, byte(count))
		c.Set(0x47, byte(count>>8))
	}
}

// EMC2302 is an EMC2302 (two fans from 30) or an EMC2103 (one fan from 40, three
// temperatures).
type EMC2302 struct {
	*Registers
	Fans []Fan
	// Open breaks the external diodes of an EMC2103.
	Open bool
}

// NewEMC2302 returns the two-fan chip.
func NewEMC2302() *EMC2302 {
	c := newEMC230x(0x36, 0x30, 2)
	c.refresh = func(byte) { c.tach(0x30) }
	return c
}

// NewEMC2103 returns the one-fan chip with its temperatures: internal and two
// external diodes.
func NewEMC2103(temperatures [3]Temperature) *EMC2302 {
	c := newEMC230x(0x26, 0x40, 1)
	for reg := byte(0); reg < 6; reg++ {
		c.Set(reg, 0)
		c.fix(reg)
	}
	c.refresh = func(byte) {
		c.tach(0x40)
		for i, t := range temperatures {
			n := t.steps(8)
			if c.Open && i > 0 {
				n = -1024
			}
			c.Set(byte(2*i), byte(n>>3))
			c.Set(byte(2*i+1), byte(n<<5))
		}
	}
	return c
}

func newEMC230x(id, first byte, fans int) *EMC2302 {
	c := &EMC2302{Registers: NewRegisters(map[byte][]byte{
		0x20: {0x40}, 0x21: {0}, 0x24: {0}, 0x2a: {0}, 0x2b: {0}, 0xfd: {id}, 0xfe: {0x5d}, 0xff: {0x80},
	}), Fans: make([]Fan, fans)}
	c.Next = true
	c.fix(0x24, 0xfd, 0xfe, 0xff)
	for i := range fans {
		base := first + byte(i)*0x10
		for reg, v := range []byte{0, 1, 0x2b, 0x28, 0, 0x2a, 0x19, 0x10, 0x66, 0xf5, 0, 0, 0xf8, 0xff, 0xff, 0xf8} {
			c.Set(base+byte(reg), v)
		}
		c.fix(base+0x0e, base+0x0f)
		c.Fans[i] = Fan{MaxRPM: 6000}
	}
	c.written = func(byte) {
		for i := range c.Fans {
			c.Fans[i].duty = float64(c.Get(first + byte(i)*0x10)[0]) / 255
		}
	}
	return c
}

func (c *EMC2302) tach(first byte) {
	for i := range c.Fans {
		base := first + byte(i)*0x10
		m := 1 << (c.Get(base + 2)[0] >> 5 & 3)
		count := c.Fans[i].count(3_932_160*float64(m), 0x1fff)
		c.Set(base+0x0e, binary.BigEndian.AppendUint16(nil, uint16(count<<3))[:1]...)
		c.Set(base+0x0f, byte(count<<3))
	}
}

// Pulses returns how many tachometer edges of one kind a fan gives in d: two
// turns of the magnet a revolution.
func (f *Fan) Pulses(d time.Duration) int {
	if f.Dead {
		return 0
	}
	return int(f.RPM() / 60 * 2 * d.Seconds())
}
