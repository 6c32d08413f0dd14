package bitaxeraw

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Pins of bitaxe-raw and of the emberOne.
const (
	PinReset   = 0 // of the mining chips, active low
	PinPower   = 1 // emberOne: power of the chips
	PinIOPower = 2 // emberOne: power of the chips' pins
)

// Pin returns one of the board's pins. Its direction is the firmware's choice:
// In and Out do not change it.
func (b *Bridge) Pin(number uint8) *Pin { return &Pin{b: b, number: number} }

// Pin is a pin behind the bridge. It implements gpio.PinIO.
type Pin struct {
	b      *Bridge
	number uint8
}

var _ gpio.PinIO = (*Pin)(nil)

// level reads a pin.
func (b *Bridge) level(number uint8) (gpio.Level, error) {
	v, err := b.simple(pageGPIO, number, 1)
	if err != nil {
		return gpio.Low, err
	}
	return gpio.Level(v[0] != 0), nil
}

// Level reads the pin, and says so when it cannot: Read has no way to.
func (p *Pin) Level() (gpio.Level, error) { return p.b.level(p.number) }

// Out drives the pin. The bridge answers with the level that it set.
func (p *Pin) Out(l gpio.Level) error {
	want := byte(0)
	if l {
		want = 1
	}
	got, err := p.b.simple(pageGPIO, p.number, -1, want)
	if err == nil && len(got) > 0 && (got[0] != 0) != bool(l) {
		err = fmt.Errorf("bitaxeraw: %v: set %v, the bridge says %v", p, l, gpio.Level(got[0] != 0))
	}
	return err
}

// Read returns the pin's level, low if the bridge does not answer: for the reset
// pin that is the safe one. Use Level to learn of the error.
func (p *Pin) Read() gpio.Level {
	l, _ := p.Level()
	return l
}

// In checks that the pin exists; edges are not seen through the bridge.
func (p *Pin) In(pull gpio.Pull, edge gpio.Edge) error {
	if edge != gpio.NoEdge || pull != gpio.PullNoChange && pull != gpio.Float {
		return fmt.Errorf("bitaxeraw: %v: %w", p, errPin)
	}
	_, err := p.Level()
	return err
}

var errPin = errors.New("no edges, pulls or PWM through the bridge")

// WaitForEdge never sees one.
func (p *Pin) WaitForEdge(timeout time.Duration) bool {
	time.Sleep(max(0, timeout))
	return false
}

// PWM is not there.
func (p *Pin) PWM(gpio.Duty, physic.Frequency) error {
	return fmt.Errorf("bitaxeraw: %v: %w", p, errPin)
}

// Pull is not known.
func (p *Pin) Pull() gpio.Pull { return gpio.PullNoChange }

// DefaultPull is not known.
func (p *Pin) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// String names the pin.
func (p *Pin) String() string { return fmt.Sprintf("bridge pin %d", p.number) }

// Name names the pin.
func (p *Pin) Name() string { return p.String() }

// Number is the pin's number on the bridge.
func (p *Pin) Number() int { return int(p.number) }

// Function is the pin's current use, which the bridge does not tell.
func (p *Pin) Function() string { return "" }

// Halt does nothing.
func (p *Pin) Halt() error { return nil }
