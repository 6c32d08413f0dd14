// Package bitaxe is the Bitaxe boards: Max, Ultra, Supra, Gamma, with two or six
// chips too. A row of Kinds says what each has; New composes it from drivers, and
// asks the board where a name covers versions with different parts.
//
// The board's own controller (an ESP32) must run bitaxe-raw, which gives a computer
// the board's buses over USB: FromUSB. The same code drives the virtual board.
package bitaxe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

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
	b, _, err := k.open(p, o)
	return b, err
}

// open is New, and tells which parts were found.
func (k *Kind) open(p Parts, o Options) (*board.Board, found, error) {
	if err := p.Reset(true); err != nil {
		return nil, nil, fmt.Errorf("bitaxe: cannot hold the chips in reset: %w", err)
	}
	f := look(p.I2C)
	if err := k.fits(f); err != nil {
		return nil, nil, err
	}
	b, err := k.compose(p, f, o)
	return b, f, err
}

// renew is New once more: the parts must be those that were found then.
func (k *Kind) renew(ctx context.Context, p Parts, was found) error {
	if err := p.Reset(true); err != nil {
		return fmt.Errorf("bitaxe: cannot hold the chips in reset: %w", err)
	}
	bus := board.BusUntil(ctx, p.I2C)
	now := look(bus)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("bitaxe: it took too long to look at the board: %w", err)
	}
	if !slices.Equal(now, was) {
		return fmt.Errorf("bitaxe: this is another board, or not all of it has power: found %v, want %v", now, was)
	}
	_, _, err := k.power(bus, was)
	_, _, err2 := k.cooling(bus, was)
	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("bitaxe: %w", err)
	}
	return nil
}

// compose makes the board of the parts that were found.
func (k *Kind) compose(p Parts, f found, o Options) (*board.Board, error) {
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
		Renew: func(ctx context.Context) (string, error) { return "", k.renew(ctx, p, f) },
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
func fromBridge(control bitaxeraw.Port, data bm13xx.Port, o bitaxeraw.Options) (Parts, bitaxeraw.Format, error) {
	bridge, err := bitaxeraw.New(control, o)
	if err != nil {
		return Parts{}, bitaxeraw.Probe, fmt.Errorf("bitaxe: %w", err)
	}
	pin := bridge.Pin(bitaxeraw.PinReset)
	return Parts{
		Line: data, I2C: bridge.I2C(),
		Reset: func(low bool) error { return pin.Out(gpio.Level(!low)) },
	}, bridge.Format(), nil
}

// FromUSB is a board whose controller runs bitaxe-raw: control is the first of its
// two ports, data the second.
func FromUSB(control bitaxeraw.Port, data bm13xx.Port, k Kind, o Options) (*board.Board, error) {
	p, _, err := fromBridge(control, data, o.Bridge)
	if err != nil {
		return nil, err
	}
	return New(p, k, o)
}

// FromCable is FromUSB for a cable that may be pulled out and plugged in again. Without
// a kind the board is asked for it.
func FromCable(c *board.Cable, k *Kind, o Options) (*board.Board, error) {
	p, format, err := fromBridge(c.Control(), c.Data(), o.Bridge)
	if err != nil {
		return nil, err
	}
	if k == nil {
		ctx, stop := context.WithTimeout(context.Background(), askWithin)
		defer stop()
		asked, err := Ask(ctx, p, o)
		if err != nil {
			return nil, err
		}
		k = &asked
	}
	b, was, err := k.open(p, o)
	if err != nil {
		return nil, err
	}
	b.Renew = c.RenewOver(b.Renew, func(ctx context.Context, control, data board.Line) error {
		p, now, err := fromBridge(control, data, o.Bridge)
		switch {
		case err != nil:
			return err
		case now != format:
			return fmt.Errorf("bitaxe: its controller answers in format %v, it was %v: start anew with other firmware", now, format)
		}
		return k.renew(ctx, p, was)
	})
	return b, nil
}

// askWithin bounds how long a board may be asked for its kind.
const askWithin = 10 * time.Second
