// Package bitaxe is the Bitaxe boards: Max, Ultra, Supra, Gamma, with two or six
// chips too. A row of Kinds says what each has; New composes it from drivers, and
// asks the board where a name covers versions with different parts.
//
// The board's own controller (an ESP32) must run bitaxe-raw, which gives a computer
// the board's buses over USB: FromUSB. The same code drives the virtual board.
package bitaxe

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bitaxeraw"
	"github.com/lodefw/lode/drivers/bm13xx"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Parts are what a board hangs on.
type Parts struct {
	Line  bm13xx.Port          // to the chips
	I2C   i2c.Bus              // to fan, sensors and regulator
	Reset func(low bool) error // the chips' reset pin
}

// Options of New. The zero value takes the kind's usual values.
type Options struct {
	// Clock to mine at, and the voltage of a chip; 0 is the kind's.
	Clock   physic.Frequency
	Voltage physic.ElectricPotential
	// WiredZeros and Ticket are for virtual chips; see bm13xx.Options.
	WiredZeros int
	Baud       int // of the chips' line; 0 is the chips' usual one
	Ticket     uint64
	Bridge     bitaxeraw.Options // of a board on USB
	Log        *slog.Logger
}

// New looks for the board's parts, and returns it without power, its fans at full
// speed. The error says what was found, and what was not. A board of another kind
// is not changed.
func New(p Parts, k Kind, o Options) (*board.Board, error) {
	if err := p.Reset(true); err != nil {
		return nil, fmt.Errorf("bitaxe: cannot hold the chips in reset: %w", err)
	}
	f := look(p.I2C)
	if err := k.fits(f); err != nil {
		return nil, err
	}
	rail, onRail, err := k.power(p.I2C, f)
	if err != nil {
		return nil, fmt.Errorf("bitaxe: %w", err)
	}
	fans, onChips, err := k.cooling(p.I2C, f)
	if err != nil {
		return nil, fmt.Errorf("bitaxe: %w", err)
	}
	reset := board.NewReset(p.Reset, o.Log)
	least, most := k.rail()
	b := &board.Board{
		Name: k.Name, Rails: []*board.Rail{rail}, Resets: []*board.Reset{reset},
		Clamps: board.Clamps{MinClock: k.Clamps.MinClock, MaxClock: k.Clamps.MaxClock, MinVolts: board.InVolts(least), MaxVolts: board.InVolts(most)},
		Chains: []board.Chain{board.NewBM13xx(k.Model.String(), p.Line, reset, k.Model, bm13xx.Options{
			Chips: k.Chips, Domains: k.Domains, Short: true, Frequency: k.Clock,
			WiredZeros: o.WiredZeros, Baud: o.Baud, Ticket: o.Ticket, Log: o.Log,
		})},
		Fans: fans, Thermometers: slices.Concat(onChips, onRail),
	}
	if err := b.Check(); err != nil {
		return nil, err
	}
	return b, k.choose(b, o)
}

// choose takes what the user wants, within the kind's clamps.
func (k *Kind) choose(b *board.Board, o Options) error {
	if o.Clock != 0 {
		if err := b.SetClock(board.MHz(float64(o.Clock) / float64(mhz))); err != nil {
			return err
		}
	}
	if o.Voltage != 0 {
		return b.SetVolts(board.InVolts(k.output(o.Voltage)))
	}
	return nil
}

// fromBridge are the parts of a board whose controller runs bitaxe-raw. Of its pins
// only the reset is the same in all of its versions.
func fromBridge(control bitaxeraw.Port, data bm13xx.Port, o bitaxeraw.Options) (Parts, error) {
	bridge, err := bitaxeraw.New(control, o)
	if err != nil {
		return Parts{}, fmt.Errorf("bitaxe: %w", err)
	}
	pin := bridge.Pin(bitaxeraw.PinReset)
	return Parts{
		Line: data, I2C: bridge.I2C(),
		Reset: func(low bool) error { return pin.Out(gpio.Level(!low)) },
	}, nil
}

// FromUSB is a board whose controller runs bitaxe-raw: control is the first of its
// two ports, data the second.
func FromUSB(control bitaxeraw.Port, data bm13xx.Port, k Kind, o Options) (*board.Board, error) {
	p, err := fromBridge(control, data, o.Bridge)
	if err != nil {
		return nil, err
	}
	return New(p, k, o)
}
