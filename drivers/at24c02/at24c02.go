// Package at24c02 reads the AT24C02 EEPROMs of hash boards (board id, chip bins).
// It cannot write: an EEPROM that a stray packet for the power supply
// overwrote makes a hash board unusable for stock firmware, and that happened.
package at24c02

import (
	"errors"
	"fmt"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Size is the chip's capacity in bytes.
const Size = 256

// First and Last are the addresses that the chip can have.
const (
	First = 0x50
	Last  = 0x57
)

// chunk is how much to read at once: small enough for every adapter.
const chunk = 32

// Options of New. There is nothing to choose.
type Options struct{}

// EEPROM is one chip.
type EEPROM struct{ dev i2c.Dev }

// New looks for the chip at addr (0x50 to 0x57) by reading a byte. It has no id.
func New(bus i2c.Bus, addr uint16, _ Options) (*EEPROM, error) {
	if addr < First || addr > Last {
		return nil, fmt.Errorf("at24c02: address %#02x is not between 0x50 and 0x57", addr)
	}
	e := &EEPROM{dev: i2c.Dev{Bus: bus, Addr: addr}}
	var b [1]byte
	if err := e.dev.Tx([]byte{0}, b[:]); err != nil {
		return nil, fmt.Errorf("at24c02: no EEPROM at address %#02x: %w", addr, err)
	}
	return e, nil
}

// String names the chip and its address.
func (e *EEPROM) String() string { return fmt.Sprintf("AT24C02 at %#02x", e.dev.Addr) }

// Read reads the whole chip, twice; what differs is read once more, and an error
// if it still does.
func (e *EEPROM) Read() ([Size]byte, error) {
	var data [Size]byte
	for at := 0; at < Size; at += chunk {
		if err := e.part(data[at:at+chunk:at+chunk], byte(at)); err != nil {
			return [Size]byte{}, fmt.Errorf("at24c02: read at %#02x: %w", at, err)
		}
	}
	return data, nil
}

// part reads until two reads in a row agree.
func (e *EEPROM) part(out []byte, at byte) error {
	var last [chunk]byte
	for try := range 4 {
		// One transaction: a stop after the address would be a write of nothing.
		if err := e.dev.Tx([]byte{at}, out); err != nil {
			return err
		}
		if try > 0 && string(last[:]) == string(out) {
			return nil
		}
		copy(last[:], out)
	}
	return errors.New("two reads never agreed; is the bus disturbed?")
}

// ErrWrite is what a guarded bus answers to a write that could reach an EEPROM.
var ErrWrite = errors.New("addresses 0x50 to 0x57 are EEPROMs and never written")

// Guard returns bus with writes to the EEPROMs' addresses refused, whoever tries.
// Every board has its buses behind it, but for the S9, whose voltage controllers
// have these addresses.
func Guard(bus i2c.Bus) i2c.Bus { return guard{bus} }

type guard struct{ i2c.Bus }

// Tx lets an address byte through only when a read follows in the transaction.
func (g guard) Tx(addr uint16, w, r []byte) error {
	if addr >= First && addr <= Last && (len(w) > 1 || len(w) == 1 && len(r) == 0) {
		return fmt.Errorf("at24c02: write of %d bytes to %#02x: %w", len(w), addr, ErrWrite)
	}
	return g.Bus.Tx(addr, w, r)
}

// SetSpeed passes on.
func (g guard) SetSpeed(f physic.Frequency) error { return g.Bus.SetSpeed(f) }
