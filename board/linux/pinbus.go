package linux

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// PinBus is an I²C bus made of two pins, for boards whose kernel has none there.
// It is slow, as the supplies of miners want it. Lines are never driven high: a pin
// is an input for that, and the board's resistors pull.
type PinBus struct {
	clock, data gpio.PinIO

	mu   sync.Mutex
	half time.Duration
	wait func(time.Duration)
}

var _ i2c.Bus = (*PinBus)(nil)

// stretched is how long a device may hold the clock.
const stretched = 25 * time.Millisecond

// ErrNAK says that no device has acknowledged.
var ErrNAK = errors.New("no acknowledge")

// NewPinBus makes a bus of two pins, at 5 kHz until SetSpeed.
func NewPinBus(clock, data gpio.PinIO) *PinBus {
	return &PinBus{clock: clock, data: data, half: 100 * time.Microsecond, wait: time.Sleep}
}

// String names the pins.
func (b *PinBus) String() string { return fmt.Sprintf("I²C on %v and %v", b.clock, b.data) }

// SetSpeed sets the clock's rate, which the pins may not reach.
func (b *PinBus) SetSpeed(f physic.Frequency) error {
	if f <= 0 || f > 400*physic.KiloHertz {
		return fmt.Errorf("linux: %v: %v is no speed for it", b, f)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.half = f.Period() / 2
	return nil
}

// Tx does one transaction.
func (b *PinBus) Tx(addr uint16, w, r []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.tx(addr, w, r)
	if serr := b.stop(); err == nil {
		err = serr
	}
	if err != nil {
		return fmt.Errorf("linux: %v: address %#02x: %w", b, addr, err)
	}
	return nil
}

func (b *PinBus) tx(addr uint16, w, r []byte) error {
	if len(w) > 0 || len(r) == 0 {
		if err := b.begin(byte(addr << 1)); err != nil {
			return err
		}
		for _, v := range w {
			if err := b.write(v); err != nil {
				return err
			}
		}
	}
	if len(r) == 0 {
		return nil
	}
	if err := b.begin(byte(addr<<1) | 1); err != nil {
		return err
	}
	for i := range r {
		v, err := b.read(i < len(r)-1)
		if err != nil {
			return err
		}
		r[i] = v
	}
	return nil
}

// set lets a line go up, or pulls it down.
func set(p gpio.PinIO, up bool) error {
	if up {
		return p.In(gpio.PullNoChange, gpio.NoEdge)
	}
	return p.Out(gpio.Low)
}

func (b *PinBus) setData(up bool) error {
	err := set(b.data, up)
	b.wait(b.half)
	return err
}

// setClock waits for a device that holds the clock low.
func (b *PinBus) setClock(up bool) error {
	if err := set(b.clock, up); err != nil {
		return err
	}
	b.wait(b.half)
	for waited := time.Duration(0); up && b.clock.Read() == gpio.Low; waited += b.half {
		if waited > stretched {
			return errors.New("a device holds the clock low")
		}
		b.wait(b.half)
	}
	return nil
}

// steps does one after the other until one fails.
func steps(list ...func() error) error {
	for _, f := range list {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func (b *PinBus) dataUp() error    { return b.setData(true) }
func (b *PinBus) dataDown() error  { return b.setData(false) }
func (b *PinBus) clockUp() error   { return b.setClock(true) }
func (b *PinBus) clockDown() error { return b.setClock(false) }

// begin is a start, again or not, and the address.
func (b *PinBus) begin(addr byte) error {
	if err := steps(b.dataUp, b.clockUp); err != nil {
		return err
	}
	if b.data.Read() == gpio.Low {
		return errors.New("a device holds the data line low")
	}
	if err := steps(b.dataDown, b.clockDown); err != nil {
		return err
	}
	return b.write(addr)
}

func (b *PinBus) stop() error { return steps(b.clockDown, b.dataDown, b.clockUp, b.dataUp) }

func (b *PinBus) write(v byte) error {
	for bit := 7; bit >= 0; bit-- {
		err := steps(func() error { return b.setData(v>>bit&1 == 1) }, b.clockUp, b.clockDown)
		if err != nil {
			return err
		}
	}
	up, err := b.bit()
	if err == nil && up {
		err = ErrNAK
	}
	return err
}

// bit reads one bit that a device sends.
func (b *PinBus) bit() (up bool, err error) {
	if err := steps(b.dataUp, b.clockUp); err != nil {
		return false, err
	}
	up = bool(b.data.Read())
	return up, b.clockDown()
}

func (b *PinBus) read(more bool) (v byte, err error) {
	for range 8 {
		up, err := b.bit()
		if err != nil {
			return 0, err
		}
		if v <<= 1; up {
			v |= 1
		}
	}
	return v, steps(func() error { return b.setData(!more) }, b.clockUp, b.clockDown)
}
