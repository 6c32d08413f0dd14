// Package s19bbb is the Antminer S19j Pro with a BeagleBone (AM335x) control board:
// three hash boards with a dsPIC voltage controller each, an APW12 supply.
//
// There are two carriers, which use the same pins for different things: what resets
// chips on one is the supply's bus on the other. Numbers come from public notes on
// both (DCENT_OS, device trees); where they leave a gap, the board asks.
package s19bbb

import (
	"context"
	"errors"
	"fmt"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/drivers/bm13xx"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Name of the kind.
const Name = "s19bbb"

// Kind is the machine. 126 chips in 42 domains (bm13xx-rs). The supply
// starts at 15 V, as on an S19, and ends at 0.32 V a chip, with which BM1362 are
// said to run (guess, on the low side of what owners report). 104 TH/s, as sold,
// are 529 MHz.
func Kind() antminer.Kind {
	return antminer.Kind{
		Name: Name, About: "Antminer S19j Pro with a BeagleBone control board",
		Model: bm13xx.BM1362, Chips: 126, Domains: 42, Clock: 525 * physic.MegaHertz,
		Start: 15 * physic.Volt, Output: 13500 * physic.MilliVolt,
		Clamps: board.Clamps{MinClock: 300, MaxClock: 575, MinVolts: 12.6, MaxVolts: 14.4},
	}
}

// A Carrier is the board below the BeagleBone. Numbers are sysfs's.
type Carrier struct {
	Name   string
	Model  string // in the device tree's model, where it has its name there
	Enable int    // of the supply
	Resets []int  // of the chains
	Plugs  []int
	Tachs  []int
	Lines  []string // of the chains
	Boards int      // I²C bus of the hash boards
	Supply int      // I²C bus of the supply
}

// Carriers lists both. The second's sources name no serial lines and tachometers:
// they are taken to be the first's. If that is wrong, chains or fans do not answer,
// and the board stays off.
func Carriers() []Carrier {
	lines, tachs := []string{"1", "2", "4"}, []int{7, 20, 110, 112}
	return []Carrier{
		{
			Name: "stock", Enable: 65, Resets: []int{5, 4, 27}, Plugs: []int{51, 48, 47},
			Tachs: tachs, Lines: lines, Boards: 0, Supply: 1,
		},
		{
			Name: "s19j-io-v2", Model: "S19J_IO_BOARD_V2_0", Enable: 59, Resets: []int{49, 60, 27}, Plugs: []int{51, 48, 47},
			Tachs: tachs, Lines: lines, Boards: 0, Supply: 1, // bit-banged by the kernel: gpio 4 and 5
		},
	}
}

// Parts are what the control board has.
type Parts struct {
	Lines     []bm13xx.Port
	Resets    []gpio.PinOut
	I2C       i2c.Bus // of hash boards
	Supply    i2c.Bus
	Enable    gpio.PinIO
	EnableLow bool
	PWM       []antminer.Duty
	Tachs     []gpio.PinIn
}

// firstController is hash board 1's dsPIC.
const firstController = 0x20

// New looks for the machine's parts and returns it without power.
func New(ctx context.Context, p Parts, o antminer.Options) (*board.Board, error) {
	parts := antminer.Parts{
		I2C: p.I2C, Supply: p.Supply, Enable: p.Enable, EnableLow: p.EnableLow, PWM: p.PWM, Tachs: p.Tachs,
	}
	for i, h := range antminer.Slots() {
		h.Reset, h.Line, h.Controller = p.Resets[i], p.Lines[i], uint16(firstController+i)
		if antminer.Present(p.I2C, h) {
			parts.HashBoards = append(parts.HashBoards, h)
			continue
		}
		parts.Missing = append(parts.Missing, h.Reset)
		if o.Log != nil {
			o.Log.Warn("a hash board is missing", "missing", h.Name, "eeprom", fmt.Sprintf("%#02x", h.EEPROM))
		}
	}
	b, err := antminer.New(ctx, parts, Kind(), o)
	if err != nil {
		return nil, errors.Join(errors.New("s19bbb"), err)
	}
	return b, nil
}
