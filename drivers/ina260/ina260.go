// Package ina260 reads the INA260 current, voltage and power monitor. REFERENCE.md
// beside this file says what is known of it.
package ina260

import (
	"encoding/binary"
	"errors"
	"fmt"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/mmr"
	"periph.io/x/conn/v3/physic"
)

// Registers (INA260 datasheet, table 4).
const (
	regCurrent = 0x01
	regVoltage = 0x02
	regPower   = 0x03
	regMaker   = 0xfe
	regDie     = 0xff
)

const (
	maker = 0x5449 // "TI"
	die   = 0x2270 // the low digit is the revision
)

// Options of New. There is nothing to choose yet.
type Options struct{}

// Monitor is one chip.
type Monitor struct {
	dev  mmr.Dev8
	addr uint16
}

// New looks for the chip at addr (0x40 on Bitaxe).
func New(bus i2c.Bus, addr uint16, _ Options) (*Monitor, error) {
	m := &Monitor{dev: mmr.Dev8{Conn: &i2c.Dev{Bus: bus, Addr: addr}, Order: binary.BigEndian}, addr: addr}
	id, err := m.dev.ReadUint16(regMaker)
	d, err2 := m.dev.ReadUint16(regDie)
	if err := errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("ina260: no power monitor at address %#02x: %w", addr, err)
	}
	if id != maker || d&0xfff0 != die {
		return nil, fmt.Errorf("ina260: no power monitor at address %#02x: its ids are %#04x and %#04x, want 0x5449 and 0x2270", addr, id, d)
	}
	return m, nil
}

// String names the chip and its address.
func (m *Monitor) String() string { return fmt.Sprintf("INA260 at %#02x", m.addr) }

// Current is positive into the load.
func (m *Monitor) Current() (physic.ElectricCurrent, error) {
	raw, err := m.dev.ReadUint16(regCurrent)
	if err != nil {
		return 0, fmt.Errorf("ina260: current: %w", err)
	}
	return current(raw), nil
}

// Voltage is the bus voltage.
func (m *Monitor) Voltage() (physic.ElectricPotential, error) {
	raw, err := m.dev.ReadUint16(regVoltage)
	if err != nil {
		return 0, fmt.Errorf("ina260: voltage: %w", err)
	}
	return voltage(raw), nil
}

// Power has no sign.
func (m *Monitor) Power() (physic.Power, error) {
	raw, err := m.dev.ReadUint16(regPower)
	if err != nil {
		return 0, fmt.Errorf("ina260: power: %w", err)
	}
	return power(raw), nil
}

func current(raw uint16) physic.ElectricCurrent {
	return physic.ElectricCurrent(int16(raw)) * 1250 * physic.MicroAmpere
}

func voltage(raw uint16) physic.ElectricPotential {
	return physic.ElectricPotential(raw) * 1250 * physic.MicroVolt
}

func power(raw uint16) physic.Power { return physic.Power(raw) * 10 * physic.MilliWatt }
