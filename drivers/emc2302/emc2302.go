// Package emc2302 drives the fan controllers EMC2302 (two fans) and EMC2103 (one
// fan, three temperatures). REFERENCE.md beside this file says what is known of
// them.
package emc2302

import (
	"encoding/binary"
	"errors"
	"fmt"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/mmr"
	"periph.io/x/conn/v3/physic"
)

// Registers of the chip, and of one fan counted from its first.
const (
	regConfig       = 0x20
	regProduct      = 0xfd
	regManufacturer = 0xfe

	offSetting  = 0x00
	offConfig   = 0x02
	offTachHigh = 0x0e
	offTachLow  = 0x0f
)

const (
	manufacturer = 0x5d // SMSC, now Microchip
	// configFan: the host sets the duty, range from 500 rpm (m = 1), 5 edges a
	// turn, update every 400 ms (EMC2302 datasheet, 6.13).
	configFan = 0x0b
	stopped   = 0x1fff
)

// ErrDiode says that an external diode of an EMC2103 is open or shorted.
var ErrDiode = errors.New("external diode open or shorted")

// Options of New. The zero value works on every board.
type Options struct {
	// MinDuty is the least duty that SetDuty takes. Zero means 20 %, negative
	// none at all.
	MinDuty gpio.Duty
}

// Controller is one chip.
type Controller struct {
	dev     mmr.Dev8
	addr    uint16
	product uint8
	fans    []*Fan
}

// Fan is one fan of a controller.
type Fan struct {
	c     *Controller
	index int
	base  uint8 // its first register
	min   gpio.Duty
}

// New looks for the chip at addr (0x2E or 0x2F) and takes over its fans, at full
// speed until SetDuty says otherwise.
func New(bus i2c.Bus, addr uint16, o Options) (*Controller, error) {
	if o.MinDuty == 0 {
		o.MinDuty = gpio.DutyMax / 5
	}
	c := &Controller{dev: mmr.Dev8{Conn: &i2c.Dev{Bus: bus, Addr: addr}, Order: binary.BigEndian}, addr: addr}
	if err := c.probe(o.MinDuty); err != nil {
		return nil, fmt.Errorf("emc2302: no fan controller at address %#02x: %w", addr, err)
	}
	for _, f := range c.fans {
		if err := f.setup(); err != nil {
			return nil, fmt.Errorf("emc2302: set up fan %d: %w", f.index, err)
		}
	}
	return c, nil
}

// probe knows the chips by their product id: 36 is the EMC2302, 24 and 26 are
// the EMC2103-1 and -2.
func (c *Controller) probe(min gpio.Duty) error {
	maker, err := c.dev.ReadUint8(regManufacturer)
	product, err2 := c.dev.ReadUint8(regProduct)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	c.product = product
	switch {
	case maker == manufacturer && product == 0x36:
		c.fans = []*Fan{{c, 0, 0x30, min}, {c, 1, 0x40, min}}
	case maker == manufacturer && (product == 0x24 || product == 0x26):
		c.fans = []*Fan{{c, 0, 0x40, min}}
	default:
		return fmt.Errorf("its ids are %#02x and %#02x, want 0x5d and 0x36 (EMC2302), 0x24 or 0x26 (EMC2103)", maker, product)
	}
	return nil
}

// String names the chip and its address.
func (c *Controller) String() string {
	if c.product == 0x36 {
		return fmt.Sprintf("EMC2302 at %#02x", c.addr)
	}
	return fmt.Sprintf("EMC2103 at %#02x", c.addr)
}

// Fans are the chip's fans.
func (c *Controller) Fans() []*Fan { return c.fans }

func (f *Fan) setup() error {
	if err := f.c.dev.WriteUint8(f.base+offConfig, configFan); err != nil {
		return err
	}
	return f.c.dev.WriteUint8(f.base+offSetting, 0xff)
}

// String names the fan.
func (f *Fan) String() string { return fmt.Sprintf("%v fan %d", f.c, f.index) }

// SetDuty sets the fan's duty and reads it back.
func (f *Fan) SetDuty(d gpio.Duty) error {
	if !d.Valid() || d < f.min {
		return fmt.Errorf("emc2302: %v: duty %v is not between the board's minimum %v and 100%%", f, d, f.min)
	}
	setting := uint8((int64(d)*255 + int64(gpio.DutyMax)/2) / int64(gpio.DutyMax))
	if err := f.c.dev.WriteUint8(f.base+offSetting, setting); err != nil {
		return fmt.Errorf("emc2302: %v: set duty: %w", f, err)
	}
	got, err := f.c.dev.ReadUint8(f.base + offSetting)
	if err == nil && got != setting {
		err = fmt.Errorf("wrote %d, read back %d; does another program drive the fan?", setting, got)
	}
	if err != nil {
		return fmt.Errorf("emc2302: %v: set duty: %w", f, err)
	}
	return nil
}

// Speed is how fast the fan turns, 0 if it stands still.
func (f *Fan) Speed() (physic.Frequency, error) {
	config, err := f.c.dev.ReadUint8(f.base + offConfig)
	if err != nil {
		return 0, fmt.Errorf("emc2302: %v: tachometer: %w", f, err)
	}
	high, err := f.c.dev.ReadUint8(f.base + offTachHigh) // latches the low byte
	if err != nil {
		return 0, fmt.Errorf("emc2302: %v: tachometer: %w", f, err)
	}
	low, err := f.c.dev.ReadUint8(f.base + offTachLow)
	if err != nil {
		return 0, fmt.Errorf("emc2302: %v: tachometer: %w", f, err)
	}
	return speed(uint16(high)<<5|uint16(low)>>3, config), nil
}

// speed is 3 932 160 * m / count in rpm, for a fan of two pulses a turn; m = 1,
// 2, 4, 8 is the range in bits 6..5 of the fan's configuration. A count whose
// high byte is FF says that the fan is below the range.
func speed(count uint16, config uint8) physic.Frequency {
	if count == 0 || count >= stopped&^0x1f {
		return 0
	}
	m := physic.Frequency(1) << (config >> 5 & 3)
	return 3_932_160 / 60 * physic.Hertz * m / physic.Frequency(count)
}

// Temperature is a temperature of an EMC2103: 0 its own, 1 and 2 of external
// diodes. ErrDiode says that the diode is not there.
func (c *Controller) Temperature(i int) (physic.Temperature, error) {
	if c.product == 0x36 || i < 0 || i > 2 {
		return 0, fmt.Errorf("emc2302: %v has no temperature %d", c, i)
	}
	high, err := c.dev.ReadUint8(uint8(2 * i))
	if err != nil {
		return 0, fmt.Errorf("emc2302: temperature %d: %w", i, err)
	}
	low, err := c.dev.ReadUint8(uint8(2*i + 1))
	if err != nil {
		return 0, fmt.Errorf("emc2302: temperature %d: %w", i, err)
	}
	raw := uint16(high)<<8 | uint16(low)&0xe0
	if raw == 0x8000 {
		return 0, fmt.Errorf("emc2302: temperature %d: %w", i, ErrDiode)
	}
	return physic.ZeroCelsius + physic.Temperature(int16(raw))*physic.Celsius/256, nil
}
