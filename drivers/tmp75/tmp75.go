// Package tmp75 reads the temperature sensors of the LM75 kind: TMP75, TMP1075
// and LM75A. REFERENCE.md beside this file says what is known of them.
package tmp75

import (
	"encoding/binary"
	"errors"
	"fmt"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/mmr"
	"periph.io/x/conn/v3/physic"
)

// Registers (TMP75 datasheet, 7.5.1).
const (
	regTemperature = 0x00
	regConfig      = 0x01
	regLow         = 0x02
	regHigh        = 0x03
	regID          = 0x0f // TMP1075 only
)

// idTMP1075 is what the TMP1075 says at regID.
const idTMP1075 = 0x7500

// Model is which chip of the family sits on the board.
type Model uint8

const (
	// TMP75 has 12 bits and no id.
	TMP75 Model = iota
	// TMP1075 has 12 bits and an id.
	TMP1075
	// LM75A has 11 bits (NXP) and no id; TI's 9-bit part reads the same, its
	// lower two bits are 0.
	LM75A
)

// String names the chip.
func (m Model) String() string {
	switch m {
	case TMP1075:
		return "TMP1075"
	case LM75A:
		return "LM75A"
	}
	return "TMP75"
}

// Options of New. The zero value is a TMP75.
type Options struct {
	Model Model
}

// Sensor is one chip.
type Sensor struct {
	dev   mmr.Dev8
	addr  uint16
	model Model
}

// New looks for the chip at addr (0x48 to 0x4F). Only the TMP1075 has an id; the
// others are known by registers that read as the family's must: an adapter that
// acknowledges what is not there does not pass.
func New(bus i2c.Bus, addr uint16, o Options) (*Sensor, error) {
	s := &Sensor{
		dev:  mmr.Dev8{Conn: &i2c.Dev{Bus: bus, Addr: addr}, Order: binary.BigEndian},
		addr: addr, model: o.Model,
	}
	if err := s.probe(); err != nil {
		return nil, fmt.Errorf("tmp75: no %v at address %#02x: %w", o.Model, addr, err)
	}
	return s, nil
}

func (s *Sensor) probe() error {
	if s.model == TMP1075 {
		id, err := s.dev.ReadUint16(regID)
		if err == nil && id != idTMP1075 {
			err = fmt.Errorf("its id is %#04x, want %#04x; look at the board's version", id, idTMP1075)
		}
		return err
	}
	low, err := s.dev.ReadUint16(regLow)
	high, err2 := s.dev.ReadUint16(regHigh)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	// Power-up values are 4B00 and 5000 (75 and 80 °C); nobody changes their
	// unused low bits, and the upper limit lies above the lower.
	if low&0x000f != 0 || high&0x000f != 0 || int16(high) <= int16(low) {
		return fmt.Errorf("its limits read %#04x and %#04x, want about 0x4b00 and 0x5000; is another chip there, or none?", low, high)
	}
	return nil
}

// String names the chip and its address.
func (s *Sensor) String() string { return fmt.Sprintf("%v at %#02x", s.model, s.addr) }

// Temperature is the last conversion, at most 0.3 s old.
func (s *Sensor) Temperature() (physic.Temperature, error) {
	raw, err := s.dev.ReadUint16(regTemperature)
	if err != nil {
		return 0, fmt.Errorf("tmp75: %v: %w", s, err)
	}
	return s.model.decode(raw), nil
}

// decode turns the register into degrees: two's complement, left aligned, 1/256
// °C for the whole word. Bits below the model's resolution do not count.
func (m Model) decode(raw uint16) physic.Temperature {
	if m == LM75A {
		raw &^= 0x1f
	} else {
		raw &^= 0x0f
	}
	return physic.ZeroCelsius + physic.Temperature(int16(raw))*physic.Celsius/256
}
