// Package emc2101 drives the EMC2101 fan controller, which also measures the
// temperature of a mining chip's diode and its own. REFERENCE.md beside this
// file says what is known of it.
package emc2101

import (
	"encoding/binary"
	"errors"
	"fmt"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/mmr"
	"periph.io/x/conn/v3/physic"
)

// Registers (EMC2101 datasheet, table 6.1).
const (
	regInternal     = 0x00
	regExternal     = 0x01
	regConfig       = 0x03
	regExternalLow  = 0x10
	regIdeality     = 0x17
	regBeta         = 0x18
	regTachLow      = 0x46 // latches the high byte
	regTachHigh     = 0x47
	regFanConfig    = 0x4a
	regFanSetting   = 0x4c
	regProduct      = 0xfd
	regManufacturer = 0xfe
)

const (
	configTach   = 0x04 // the ALERT pin is the tachometer's input
	fanDirect    = 0x23 // the host sets the duty; tachometer reads FFFF below its range
	fullDuty     = 63
	manufacturer = 0x5d // SMSC, now Microchip
)

// ErrDiode says that the external diode is open or shorted.
var ErrDiode = errors.New("external diode open or shorted")

// Options of New. The zero value works on every board.
type Options struct {
	// MinDuty is the least duty that SetDuty takes: the fan must not stop while
	// chips are hot. Zero means 20 %, negative none at all.
	MinDuty gpio.Duty
	// Diode, when set, is written to the chip: how the mining chip's diode
	// differs from the standard transistor.
	Diode *Diode
}

// Diode is the ideality factor and beta compensation, as the registers 17 and 18.
type Diode struct{ Ideality, Beta uint8 }

// Fan is one chip: a fan and two temperatures.
type Fan struct {
	dev  mmr.Dev8
	addr uint16
	min  gpio.Duty
}

// New looks for the chip at addr (always 0x4C) and takes over the fan, at full
// speed until SetDuty says otherwise.
func New(bus i2c.Bus, addr uint16, o Options) (*Fan, error) {
	f := &Fan{
		dev:  mmr.Dev8{Conn: &i2c.Dev{Bus: bus, Addr: addr}, Order: binary.LittleEndian},
		addr: addr, min: o.MinDuty,
	}
	if f.min == 0 {
		f.min = gpio.DutyMax / 5
	}
	if err := f.probe(); err != nil {
		return nil, fmt.Errorf("emc2101: no fan controller at address %#02x: %w", addr, err)
	}
	if err := f.setup(o.Diode); err != nil {
		return nil, fmt.Errorf("emc2101: set up: %w", err)
	}
	return f, nil
}

func (f *Fan) probe() error {
	maker, err := f.dev.ReadUint8(regManufacturer)
	product, err2 := f.dev.ReadUint8(regProduct)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	// 16 is the EMC2101, 28 the EMC2101-R.
	if maker != manufacturer || product != 0x16 && product != 0x28 {
		return fmt.Errorf("its ids are %#02x and %#02x, want 0x5d and 0x16 or 0x28; is a TMP451 (55) there, or nothing?", maker, product)
	}
	return nil
}

func (f *Fan) setup(d *Diode) error {
	writes := [][2]byte{{regConfig, configTach}, {regFanConfig, fanDirect}, {regFanSetting, fullDuty}}
	if d != nil {
		writes = append(writes, [2]byte{regIdeality, d.Ideality}, [2]byte{regBeta, d.Beta})
	}
	for _, w := range writes {
		if err := f.dev.WriteUint8(w[0], w[1]); err != nil {
			return err
		}
	}
	return nil
}

// String names the chip and its address.
func (f *Fan) String() string { return fmt.Sprintf("EMC2101 at %#02x", f.addr) }

// SetDuty sets the fan's duty and reads it back.
func (f *Fan) SetDuty(d gpio.Duty) error {
	if !d.Valid() || d < f.min {
		return fmt.Errorf("emc2101: duty %v is not between the board's minimum %v and 100%%", d, f.min)
	}
	setting := setting(d)
	if err := f.dev.WriteUint8(regFanSetting, setting); err != nil {
		return fmt.Errorf("emc2101: set duty: %w", err)
	}
	got, err := f.dev.ReadUint8(regFanSetting)
	if err == nil && got&fullDuty != setting {
		err = fmt.Errorf("wrote %d, read back %d; does another program drive the fan?", setting, got)
	}
	if err != nil {
		return fmt.Errorf("emc2101: set duty: %w", err)
	}
	return nil
}

// setting is the register for a duty, rounded to the nearest of 64 steps.
func setting(d gpio.Duty) uint8 {
	return uint8((int64(d)*fullDuty + int64(gpio.DutyMax)/2) / int64(gpio.DutyMax))
}

// Speed is how fast the fan turns, 0 if it stands still.
func (f *Fan) Speed() (physic.Frequency, error) {
	low, err := f.dev.ReadUint8(regTachLow)
	if err != nil {
		return 0, fmt.Errorf("emc2101: tachometer: %w", err)
	}
	high, err := f.dev.ReadUint8(regTachHigh)
	if err != nil {
		return 0, fmt.Errorf("emc2101: tachometer: %w", err)
	}
	return speed(uint16(high)<<8 | uint16(low)), nil
}

// speed is 5 400 000 / count in rpm; the last count says that the fan is slower
// than 82 rpm, which is standing still. A count of 0 cannot be.
func speed(count uint16) physic.Frequency {
	if count == 0xffff || count == 0 {
		return 0
	}
	return 5_400_000 / 60 * physic.Hertz / physic.Frequency(count)
}

// Internal is the temperature of the controller: of the board, not of a chip.
func (f *Fan) Internal() (physic.Temperature, error) {
	v, err := f.dev.ReadUint8(regInternal)
	if err != nil {
		return 0, fmt.Errorf("emc2101: internal temperature: %w", err)
	}
	return physic.ZeroCelsius + physic.Temperature(int8(v))*physic.Celsius, nil
}

// External is the temperature of the mining chip's diode. ErrDiode says that
// there is none.
func (f *Fan) External() (physic.Temperature, error) {
	high, err := f.dev.ReadUint8(regExternal)
	if err != nil {
		return 0, fmt.Errorf("emc2101: external temperature: %w", err)
	}
	low, err := f.dev.ReadUint8(regExternalLow)
	if err != nil {
		return 0, fmt.Errorf("emc2101: external temperature: %w", err)
	}
	t, err := external(high, low)
	if err != nil {
		return 0, fmt.Errorf("emc2101: external temperature: %w", err)
	}
	return t, nil
}

// external decodes 11 bits of 0.125 °C. What a missing diode reads as differs by
// source: 8000 in boards' firmware, 7F00 (open) and 7FE0 (short) in the
// datasheet. None of them is a temperature to go on with.
func external(high, low uint8) (physic.Temperature, error) {
	raw := uint16(high)<<8 | uint16(low)&0xe0
	if raw == 0x8000 || raw == 0x7f00 || raw == 0x7fe0 {
		return 0, fmt.Errorf("%w (reads %#04x)", ErrDiode, raw)
	}
	return physic.ZeroCelsius + physic.Temperature(int16(raw))*physic.Celsius/256, nil
}
