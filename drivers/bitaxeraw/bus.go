package bitaxeraw

import (
	"fmt"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// I2C is the board's I²C bus.
func (b *Bridge) I2C() i2c.Bus { return bus{b} }

type bus struct{ b *Bridge }

var _ i2c.Bus = bus{}

// String names the bus.
func (u bus) String() string { return u.b.String() + " I²C" }

// SetSpeed sets the bus's clock.
func (u bus) SetSpeed(f physic.Frequency) error {
	if f < physic.KiloHertz || f > physic.MegaHertz {
		return fmt.Errorf("bitaxeraw: I²C speed %v is not between 1 kHz and 1 MHz", f)
	}
	return u.b.setSpeed(f)
}

// Tx does one transaction: a write, a read, or a write and a read without a stop
// in between.
func (u bus) Tx(addr uint16, w, r []byte) error {
	if addr > 0x7f || len(r) > 255 || len(w) > 250 {
		return fmt.Errorf("bitaxeraw: I²C address %#02x, %d bytes to write, %d to read: too much for a packet", addr, len(w), len(r))
	}
	u.b.lock <- struct{}{}
	defer func() { <-u.b.lock }()
	var data []byte
	var err error
	switch {
	case len(r) == 0:
		_, err = u.b.do(pageI2C, i2cWrite, -1, []byte{byte(addr)}, w)
	case len(w) == 0:
		data, err = u.b.do(pageI2C, i2cRead, len(r), []byte{byte(addr), byte(len(r))})
	default:
		data, err = u.b.do(pageI2C, i2cWriteRead, len(r), []byte{byte(addr)}, w, []byte{byte(len(r))})
	}
	if err != nil {
		return fmt.Errorf("bitaxeraw: I²C address %#02x: %w", addr, err)
	}
	copy(r, data)
	return nil
}
