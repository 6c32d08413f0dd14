// Package amlogic is Antminers with the Amlogic A113D control board: S19k Pro, S21,
// S21 Pro. Each hash board hangs on a serial line of its own; all share the supply.
//
// Sources: the log of an S19k Pro's bring-up (tronsington/mujina), skot's tools, and
// what others report of S21. Where they differ, the board asks.
package amlogic

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/drivers/bm13xx"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Kinds lists the machines.
func Kinds() []antminer.Kind {
	return []antminer.Kind{
		{
			// 77 chips, 15.2 to 13.9 V: log of its bring-up. Domains end at each 7th
			// chip there. Clock: 120 TH/s, as sold, are 581 MHz.
			Name: "s19kpro", About: "Antminer S19k Pro with the Amlogic control board",
			Model: bm13xx.BM1366, Chips: 77, Domains: 11, Clock: 575 * physic.MegaHertz,
			Start: 15200 * physic.MilliVolt, Output: 13900 * physic.MilliVolt,
			// A chip gets 1.1 to 1.3 V, as on a Bitaxe.
			Clamps: board.Clamps{MinClock: 300, MaxClock: 625, MinVolts: 12.2, MaxVolts: 14.3},
		},
		{
			// Chips and domains are guesses: 200 TH/s, as sold, are 108 chips at 484
			// MHz. The voltage is a Bitaxe's chip's, 1.166 V, times domains.
			Name: "s21", About: "Antminer S21 with the Amlogic control board",
			Model: bm13xx.BM1368, Chips: 108, Domains: 12, Clock: 490 * physic.MegaHertz,
			Start: 14500 * physic.MilliVolt, Output: 14 * physic.Volt,
			Clamps: board.Clamps{MinClock: 300, MaxClock: 525, MinVolts: 13.2, MaxVolts: 14.8},
		},
		{
			// 65 chips in 13 domains: bm13xx-rs. The voltage is a Bitaxe's chip's,
			// 1.15 V, times domains: about the most that the supply has.
			Name: "s21pro", About: "Antminer S21 Pro with the Amlogic control board",
			Model: bm13xx.BM1370, Chips: 65, Domains: 13, Clock: 525 * physic.MegaHertz,
			Start: 14950 * physic.MilliVolt, Output: 14950 * physic.MilliVolt,
			Clamps: board.Clamps{MinClock: 300, MaxClock: 590, MinVolts: 13.6, MaxVolts: 15},
		},
	}
}

// KindOf finds a kind by its name.
func KindOf(name string) (antminer.Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return antminer.Kind{}, fmt.Errorf("amlogic: no board %q; there are %v", name, names)
}

// Order is which serial line goes to which hash board. Sources differ.
type Order string

// Orders of serial lines.
const (
	Unknown  Order = ""
	Straight Order = "straight" // hash board 1 on ttyS1
	Reversed Order = "reversed" // hash board 1 on ttyS3 (skot's tools)
)

// Parts are what the control board has.
type Parts struct {
	Lines  []bm13xx.Port // ttyS1, ttyS2, ttyS3
	Resets []gpio.PinOut // 454, 455, 456
	Plugs  []gpio.PinIn  // 439, 440, 441: for the log only; may be nil
	I2C    i2c.Bus       // of hash boards
	Supply i2c.Bus       // of the supply
	Enable gpio.PinIO    // 437
	// EnableLow: low on S19k Pro, reported high on S21.
	EnableLow bool
	Order     Order
	PWM       []antminer.Duty
	Tachs     []gpio.PinIn
}

// New looks for the machine's parts and returns it without power.
func New(ctx context.Context, p Parts, k antminer.Kind, o antminer.Options) (*board.Board, error) {
	parts := antminer.Parts{
		I2C: p.I2C, Supply: p.Supply, Enable: p.Enable, EnableLow: p.EnableLow, PWM: p.PWM, Tachs: p.Tachs,
	}
	var absent []string
	for i, h := range antminer.Slots() {
		h.Reset, h.Line = p.Resets[i], p.Lines[i]
		if p.Order == Reversed {
			h.Line = p.Lines[len(p.Lines)-1-i]
		}
		if !antminer.Present(p.I2C, h) {
			absent = append(absent, h.Name)
			parts.Missing = append(parts.Missing, h.Reset)
			continue
		}
		parts.HashBoards = append(parts.HashBoards, h)
	}
	if len(absent) > 0 {
		if o.Log != nil {
			o.Log.Warn("hash boards are missing", "missing", strings.Join(absent, ", "), "plug_pins", plugs(p.Plugs))
		}
		if p.Order == Unknown && len(parts.HashBoards) > 0 {
			return nil, fmt.Errorf("amlogic: %s does not answer, and sources differ about which serial line goes to which hash board: "+
				"plug it in, or say uarts=straight (hash board 1 on ttyS1) or uarts=reversed (on ttyS3)", strings.Join(absent, " and "))
		}
	}
	b, err := antminer.New(ctx, parts, k, o)
	if err != nil {
		return nil, errors.Join(errors.New("amlogic: "+k.Name), err)
	}
	return b, nil
}

// plugs are the levels of the plug pins, for people.
func plugs(pins []gpio.PinIn) string {
	var words []string
	for _, p := range pins {
		words = append(words, p.String()+" "+p.Read().String())
	}
	return strings.Join(words, ", ")
}
