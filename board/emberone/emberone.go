// Package emberone is the emberOne/00 of the 256 Foundation: twelve BM1362 in
// series on a board that hangs on USB. Its RP2040 runs emberone-usbserial-fw. The
// board has no fan: something else must move the air.
//
// There are two power stages, which New tells apart by what answers: a TPS546 (v5),
// or an LM25119 that a DS4432U bends, with an INA260 (v2 to v4).
//
// The pins of the first hardware versions are fed with 5 V, from which the last chips
// of the series get too little once all have more than 3.16 V; a boost regulator to
// 6 V came after v5 (emberone00-pcb issue 53). No part tells which one a board has,
// so it is asked for: without an answer the chips stay below that.
package emberone

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
	"github.com/lodefw/lode/drivers/tmp451"
	"github.com/lodefw/lode/drivers/tmp75"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Name of the board.
const Name = "emberone"

// Chips is how many there are, each a voltage domain of its own (issue 53).
const Chips = 12

// Addresses on the board's I²C bus (schematic of v3; mujina's emberone00.rs for v5).
const (
	AddrRegulator = 0x24
	AddrMeter     = 0x40
	AddrDAC       = 0x48
	AddrDiode     = 0x49 // TMP451, from v4 on
	AddrLeft      = 0x4a // TMP1075
	AddrRight     = 0x4b // TMP1075, before v4
)

// Parts are what a board hangs on.
type Parts struct {
	Line bm13xx.Port
	I2C  i2c.Bus
	// Reset of the chips, and the two enables: of the core regulator, and of the
	// supply of the chips' pins.
	Reset          func(low bool) error
	Enable, PinsOn func(on bool) error
}

// Options of New.
type Options struct {
	// SixVolts says that the chips' pins are fed from 6 V.
	SixVolts bool
	// Clock to mine at, and the voltage of a chip; 0 is the usual.
	Clock   physic.Frequency
	Voltage physic.ElectricPotential
	// WiredZeros and Ticket are for virtual chips; see bm13xx.Options.
	WiredZeros int
	Baud       int // of the chips' line; 0 is the chips' usual one
	Ticket     uint64
	Log        *slog.Logger
}

// stand is what the chips stand, in volts of all together.
type stand struct {
	clock  physic.Frequency
	output physic.ElectricPotential
	clamps board.Clamps
}

// Issue 53: with 5 V at the pins 3.1 V and 225 MHz were stable, and from 3.12 V on
// nothing was. With 6 V 3.6 V and 500 MHz were seen mining; a tenth less is our
// choice to begin with. 240 to 360 mV for a chip are what the DAC was laid out for
// (issue 21), 3 to 4 V what firmware gives the TPS546.
func (o *Options) stand() stand {
	if o.SixVolts {
		return stand{450 * physic.MegaHertz, 3600 * physic.MilliVolt, board.Clamps{MinClock: 100, MaxClock: 525, MinVolts: 3.0, MaxVolts: 3.9}}
	}
	return stand{225 * physic.MegaHertz, 3100 * physic.MilliVolt, board.Clamps{MinClock: 100, MaxClock: 225, MinVolts: 3.0, MaxVolts: 3.1}}
}

// Heat of the board and of the first chip's diode. Nobody publishes limits for this
// board: these are those of a Bitaxe, and for its board less. The regulator's are
// the Bitaxe's, which is the same part. There is no fan to aim with.
var (
	chipHeat      = board.Heat{Target: 60, Throttle: 70, Max: 80}
	boardHeat     = board.Heat{Target: 55, Throttle: 65, Max: 75}
	regulatorHeat = board.Heat{Target: 80, Throttle: 95, Max: 105}
)

// stuckAfter: 1/16 °C always moves a little.
const stuckAfter = 3 * time.Minute

// New looks for the board's parts, and returns it without power. The error says
// what was found, and what was not.
func New(p Parts, o Options) (*board.Board, error) {
	s := o.stand()
	rail, places, err := look(p, s)
	if err != nil {
		return nil, err
	}
	reset := board.NewReset(p.Reset, o.Log)
	b := &board.Board{
		Name: Name, Rails: []*board.Rail{rail}, Resets: []*board.Reset{reset}, Clamps: s.clamps,
		Chains: []board.Chain{board.NewBM13xx("BM1362", p.Line, reset, bm13xx.BM1362, bm13xx.Options{
			Chips: Chips, Domains: Chips, Short: true, Frequency: s.clock,
			WiredZeros: o.WiredZeros, Baud: o.Baud, Ticket: o.Ticket, Log: o.Log,
		})},
		Thermometers: places,
	}
	b.Renew = func(ctx context.Context) (string, error) { return "", renew(ctx, p, s, b) }
	if err := b.Check(); err != nil {
		return nil, err
	}
	return b, choose(b, o)
}

// look turns the chips off, and looks for what powers and measures them.
func look(p Parts, s stand) (*board.Rail, []*board.Thermometer, error) {
	off := &switches{p: p}
	if err := errors.Join(p.Reset(true), off.off()); err != nil {
		return nil, nil, fmt.Errorf("emberone: cannot turn the chips off: %w", err)
	}
	rail, heat, err := power(p, off, s)
	if err != nil {
		return nil, nil, err
	}
	places, err := thermometers(p.I2C)
	return rail, append(places, heat...), err
}

// renew is look once more: the parts must be those of the board.
func renew(ctx context.Context, p Parts, s stand, b *board.Board) error {
	p.I2C = board.BusUntil(ctx, p.I2C)
	rail, places, err := look(p, s)
	if err != nil {
		return err
	}
	same := func(a, b *board.Thermometer) bool { return a.Name == b.Name && a.Live == b.Live }
	if rail.Stays != b.Rails[0].Stays || !slices.EqualFunc(places, b.Thermometers, same) {
		return errors.New("emberone: this is another version of the board: start anew with it")
	}
	return nil
}

// choose takes what the user wants, within the clamps.
func choose(b *board.Board, o Options) error {
	if o.Clock != 0 {
		if err := b.SetClock(board.MHz(float64(o.Clock) / float64(physic.MegaHertz))); err != nil {
			return err
		}
	}
	if o.Voltage != 0 {
		return b.SetVolts(board.InVolts(o.Voltage * Chips))
	}
	return nil
}

// thermometers are a TMP1075 at the left, and at the right another one or, from v4
// on, a TMP451 with the first chip's diode. That shows nothing before the chip has
// power (mujina takes it as missing then).
func thermometers(bus i2c.Bus) ([]*board.Thermometer, error) {
	left, err := tmp75.New(bus, AddrLeft, tmp75.Options{Model: tmp75.TMP1075})
	if err != nil {
		return nil, fmt.Errorf("emberone: this is no emberOne/00, or not all of it has power: %w", err)
	}
	list := []*board.Thermometer{board.NewThermometer("board left", left.Temperature, boardHeat, stuckAfter)}
	right, err := tmp451.New(bus, AddrDiode, tmp451.Options{Maker: tmp451.TI})
	if err == nil {
		chip := board.NewThermometer("first chip", right.Remote, chipHeat, stuckAfter)
		chip.Live, chip.Chain = true, 1
		return append(list, board.NewThermometer("board right", right.Local, boardHeat, stuckAfter), chip), nil
	}
	second, err2 := tmp75.New(bus, AddrRight, tmp75.Options{Model: tmp75.TMP1075})
	if err2 != nil {
		return nil, fmt.Errorf("emberone: no second temperature: %w", errors.Join(err, err2))
	}
	return append(list, board.NewThermometer("board right", second.Temperature, boardHeat, stuckAfter)), nil
}

// FromUSB is a board on USB: control is the first of its two ports, data the second.
func FromUSB(control bitaxeraw.Port, data bm13xx.Port, o Options) (*board.Board, error) {
	p, _, err := fromBridge(control, data)
	if err != nil {
		return nil, err
	}
	return New(p, o)
}

// FromCable is FromUSB for a cable that may be pulled out and plugged in again.
func FromCable(c *board.Cable, o Options) (*board.Board, error) {
	p, format, err := fromBridge(c.Control(), c.Data())
	if err != nil {
		return nil, err
	}
	b, err := New(p, o)
	if err != nil {
		return nil, err
	}
	b.Renew = c.RenewOver(b.Renew, func(ctx context.Context, control, data board.Line) error {
		p, now, err := fromBridge(control, data)
		switch {
		case err != nil:
			return err
		case now != format:
			return fmt.Errorf("emberone: its controller answers in format %v, it was %v: start anew with other firmware", now, format)
		}
		return renew(ctx, p, o.stand(), b)
	})
	return b, nil
}

func fromBridge(control bitaxeraw.Port, data bm13xx.Port) (Parts, bitaxeraw.Format, error) {
	bridge, err := bitaxeraw.New(control, bitaxeraw.Options{})
	if err != nil {
		return Parts{}, bitaxeraw.Probe, fmt.Errorf("emberone: %w", err)
	}
	high := func(pin uint8) func(bool) error {
		p := bridge.Pin(pin)
		return func(on bool) error { return p.Out(gpio.Level(on)) }
	}
	reset := high(bitaxeraw.PinReset)
	return Parts{
		Line: data, I2C: bridge.I2C(), Reset: func(low bool) error { return reset(!low) },
		Enable: high(bitaxeraw.PinPower), PinsOn: high(bitaxeraw.PinIOPower),
	}, bridge.Format(), nil
}
