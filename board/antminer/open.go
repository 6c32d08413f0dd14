package antminer

import (
	"errors"
	"io"

	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/drivers/fan"
	"periph.io/x/conn/v3/i2c"
)

// StartBaud is the rate that chips have after a reset.
const StartBaud = 115200

// Opener opens a board's parts at a computer, and collects what goes wrong: look at
// Err before anything is used.
type Opener struct {
	System *linux.System
	Opened linux.Closers
	Err    error
}

func keep[T io.Closer](o *Opener, c T, err error) T {
	if err != nil {
		o.Err = errors.Join(o.Err, err)
		return c
	}
	o.Opened = append(o.Opened, c)
	return c
}

// Pin opens a pin by its number in sysfs.
func (o *Opener) Pin(number int) *linux.Pin {
	p, err := o.System.Pin(number)
	return keep(o, p, err)
}

// Bus opens an I²C bus.
func (o *Opener) Bus(number int) i2c.BusCloser {
	b, err := o.System.I2C(number)
	return keep(o, b, err)
}

// Line opens a serial line at the chips' first rate.
func (o *Opener) Line(name string) linux.Line {
	l, err := o.System.Line(name, StartBaud)
	return keep(o, l, err)
}

// PWM takes a channel over, at full duty.
func (o *Opener) PWM(c fan.PWMOptions) *fan.PWM {
	p, err := fan.NewPWM(o.System.PWM(), c)
	o.Err = errors.Join(o.Err, err)
	return p
}

// Fail closes everything, and joins what closing says to an error.
func (o *Opener) Fail(err error) error { return errors.Join(err, o.Opened.Close()) }
