// Package tmp451 reads the two-diode temperature sensors TMP451, NCT218 and
// ADT7461: on Antminer hash boards behind a chip's I²C master, on the emberOne
// directly. REFERENCE.md beside this file says what is known of them.
package tmp451

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/mmr"
	"periph.io/x/conn/v3/physic"
)

// Registers; configuration is read and written at different addresses (TMP451
// datasheet, table 3).
const (
	regLocal       = 0x00
	regRemote      = 0x01
	regStatus      = 0x02
	regConfig      = 0x03
	regConfigWrite = 0x09
	regRemoteLow   = 0x10
	regLocalLow    = 0x15 // TMP451 only
	regMaker       = 0xfe
	regDevice      = 0xff
)

const (
	configExtended = 0x04 // range -64 to 191 °C, offset binary
	statusOpen     = 0x04 // remote diode not connected
)

// Maker tells the chips apart (register FE).
type Maker uint8

// The makers of the family.
const (
	TI     Maker = 0x55 // TMP451
	Analog Maker = 0x41 // ADT7461
	Onsemi Maker = 0x1a // NCT218
)

// String is the chip's name.
func (m Maker) String() string {
	switch m {
	case TI:
		return "TMP451"
	case Analog:
		return "ADT7461"
	case Onsemi:
		return "NCT218"
	}
	return fmt.Sprintf("maker %#02x", uint8(m))
}

var (
	// ErrOpen says that the remote diode is not connected.
	ErrOpen = errors.New("remote diode open")
	// ErrShort says that the remote diode is shorted.
	ErrShort = errors.New("remote diode shorted")
)

// Options of New. The zero value accepts each chip of the family.
type Options struct {
	// Maker, when set, is the only one to accept.
	Maker Maker
}

// Sensor is one chip. It runs in the extended range, so that temperatures below
// zero and above 127 °C are seen.
type Sensor struct {
	dev   mmr.Dev8
	addr  uint16
	maker Maker
}

// New looks for the chip at addr (0x4C on most boards) and sets its range.
func New(bus i2c.Bus, addr uint16, o Options) (*Sensor, error) {
	s := &Sensor{dev: mmr.Dev8{Conn: &i2c.Dev{Bus: bus, Addr: addr}, Order: binary.BigEndian}, addr: addr}
	if err := s.probe(o.Maker); err != nil {
		return nil, fmt.Errorf("tmp451: no sensor at address %#02x: %w", addr, err)
	}
	if err := s.extend(); err != nil {
		return nil, fmt.Errorf("tmp451: %v: %w", s, err)
	}
	return s, nil
}

func (s *Sensor) probe(want Maker) error {
	id, err := s.dev.ReadUint8(regMaker)
	s.maker = Maker(id)
	switch {
	case err != nil:
		return err
	case want != 0 && s.maker != want:
		return fmt.Errorf("found %v, want %v; look at the board's version", s.maker, want)
	case s.maker != TI && s.maker != Analog && s.maker != Onsemi:
		return fmt.Errorf("register FE is %#02x, want 55, 41 or 1A; is an EMC2101 (5D) there, or nothing?", id)
	}
	// TI's TMP421 to 423 have the same maker and other registers.
	device, err := s.dev.ReadUint8(regDevice)
	if err == nil && s.maker == TI && device >= 0x21 && device <= 0x23 {
		err = fmt.Errorf("found a TMP4%02x, whose registers differ; it is not supported", device)
	}
	return err
}

// conversion is the longest time to the first conversion in the new range: two
// at 16 a second, the rate at power-up.
const conversion = 125 * time.Millisecond

// extend chooses the extended range and reads it back: with the wrong range
// every temperature is 64 °C off.
func (s *Sensor) extend() error {
	config, err := s.dev.ReadUint8(regConfig)
	if err != nil || config&configExtended != 0 {
		return err
	}
	if err := s.dev.WriteUint8(regConfigWrite, config|configExtended); err != nil {
		return err
	}
	got, err := s.dev.ReadUint8(regConfig)
	if err == nil && got&configExtended == 0 {
		err = fmt.Errorf("configuration is %#02x after writing the extended range; is the bus reliable?", got)
	}
	if err == nil {
		time.Sleep(conversion)
	}
	return err
}

// String names the chip and its address.
func (s *Sensor) String() string { return fmt.Sprintf("%v at %#02x", s.maker, s.addr) }

// Local is the temperature of the sensor itself.
func (s *Sensor) Local() (physic.Temperature, error) {
	low := uint8(regLocalLow)
	if s.maker != TI {
		low = 0 // the others have whole degrees only
	}
	t, err := s.read(regLocal, low)
	if err != nil {
		return 0, fmt.Errorf("tmp451: %v local: %w", s, err)
	}
	return t, nil
}

// Remote is the temperature of the diode that the sensor is wired to: in a
// mining chip, or beside it. An open or shorted diode is ErrOpen or ErrShort.
func (s *Sensor) Remote() (physic.Temperature, error) {
	t, err := s.remote()
	if err != nil {
		return 0, fmt.Errorf("tmp451: %v remote: %w", s, err)
	}
	return t, nil
}

func (s *Sensor) remote() (physic.Temperature, error) {
	status, err := s.dev.ReadUint8(regStatus)
	if err != nil {
		return 0, err
	}
	if status&statusOpen != 0 {
		return 0, ErrOpen
	}
	t, err := s.read(regRemote, regRemoteLow)
	if err == nil && t == decode(0, 0) {
		return 0, ErrShort
	}
	return t, err
}

// read takes the high byte first: it latches the low one. A register that came
// back as 00 from the chip's own I²C master cannot be told from a short, which
// is an error too.
func (s *Sensor) read(high, low uint8) (physic.Temperature, error) {
	h, err := s.dev.ReadUint8(high)
	if err != nil || low == 0 {
		return decode(h, 0), err
	}
	l, err := s.dev.ReadUint8(low)
	return decode(h, l), err
}

// decode is the extended range: offset 64, fraction in the low byte's top bits.
func decode(high, low uint8) physic.Temperature {
	n := physic.Temperature(high)<<8 | physic.Temperature(low&0xf0)
	return physic.ZeroCelsius + (n-64<<8)*physic.Celsius/256
}
