// Package s9 is the Antminer S9 whose Zynq control board runs Braiins' open FPGA
// design: three hash boards of 63 BM1387 at the connectors J6 to J8, each with a
// PIC voltage controller and a thermometer behind one of its chips, two fans.
//
//	supply 12 V (nobody can ask it) ---> PIC at 0x54+i -- 7.95 to 9.4 V --> 21 domains of 3 chips
//	FPGA core, chain 6, 7, 8 <-- line --> chips --- I²C of chip 61 --> thermometer
//
// Facts are Braiins' bosminer-am1-s9 and zynq-io-am1-s9 (3c1a16f) if not said
// otherwise. Stock bitstreams have other registers: New finds no core and says so.
package s9

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/drivers/pic16"
	"github.com/lodefw/lode/drivers/zynqio"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Name of the kind.
const Name = "s9"

// What a hash board has.
const (
	Chips   = 63
	Domains = 21
	// SensorChip is the one with the thermometer.
	SensorChip = 61
)

// Connectors are those that hash boards can have, which are the chains' numbers.
func Connectors() []int { return []int{6, 7, 8} }

// Clock and voltages: 650 MHz at 8.8 V are bosminer's usual. Cores are opened at
// 9.4 V (0.448 V a chip); from there the guard walks down.
const (
	usualClock  = 650 * physic.MegaHertz
	openVolts   = 9400 * physic.MilliVolt
	usualVolts  = 8800 * physic.MilliVolt
	leastVolts  = 7950 * physic.MilliVolt
	mostVolts   = 9400 * physic.MilliVolt
	voltsStep   = 100 * physic.MilliVolt // guess: a quarter of a chip's 20 mV
	voltsDwell  = time.Second
	railSettle  = 2 * time.Second // before the chips leave their reset
	chainSettle = time.Second     // after
	railLimit   = 900 * time.Millisecond
	fanLeast    = 0.3  // guess
	fanLeastRPM = 1000 // guess: fans of 6000 rpm, 0.3 of which is 1800
)

// clamps of the tuner. bosminer allows 200 to 900 MHz; these are nearer to what
// owners run (guess).
var clamps = board.Clamps{MinClock: 300, MaxClock: 750, MinVolts: 8.1, MaxVolts: 9.4}

// heat of the chip beside the sensor. bosminer aims at 89 °C, is at full fans from
// 100 °C and stops at 110 °C. These are on the safe side of them: a chip
// without air gains 8 K in a second.
var heat = board.Heat{Target: 75, Throttle: 88, Max: 98}

// HashBoard is where a hash board's parts are.
type HashBoard struct {
	Connector int
	Core      bm13xx.Port // zynqio.Core
	Reset     gpio.PinOut // low holds the chips, and not the PIC
}

// Parts are what the control board has.
type Parts struct {
	HashBoards []HashBoard // those that are plugged in
	I2C        i2c.Bus
	Fans       *zynqio.Fans
}

// fanCount is how many fans an S9 has.
const fanCount = 2

// Options of New. The zero value takes the usual values.
type Options struct {
	Clock physic.Frequency
	// Voltage of a chip; its hash board gets that of all domains.
	Voltage physic.ElectricPotential
	// Chips of a hash board, of which a virtual one may have fewer.
	Chips int
	// WiredZeros and Ticket are for virtual chips; see bm13xx.Options.
	WiredZeros int
	Ticket     uint64
	Log        *slog.Logger
}

// New looks for the machine's parts and returns it without power, its fans at full
// speed. The error says what was not found.
func New(ctx context.Context, p Parts, o Options) (*board.Board, error) {
	if len(p.HashBoards) == 0 {
		return nil, errors.New("s9: no hash board is plugged in at J6, J7 or J8")
	}
	o, output, err := o.usual()
	if err != nil {
		return nil, err
	}
	b := &board.Board{Name: Name, Clamps: clamps}
	for _, h := range p.HashBoards {
		if rerr := h.Reset.Out(gpio.Low); rerr != nil {
			err = errors.Join(err, fmt.Errorf("connector J%d: the chips cannot be held in reset: %w", h.Connector, rerr))
		}
	}
	err = errors.Join(err, addFans(b, p.Fans))
	for _, h := range p.HashBoards {
		if aerr := addHashBoard(ctx, b, p.I2C, h, output, o); aerr != nil {
			err = errors.Join(err, fmt.Errorf("connector J%d: %w", h.Connector, aerr))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("s9: this is no S9, or not all of it has power: %w", err)
	}
	return b, b.Check()
}

// usual fills in what is zero, and refuses what the hash boards do not stand.
func (o Options) usual() (Options, physic.ElectricPotential, error) {
	output := usualVolts
	if o.Voltage != 0 {
		output = o.Voltage * Domains
	}
	if o.Clock == 0 {
		o.Clock = usualClock
	}
	if o.Chips == 0 {
		o.Chips = Chips
	}
	if output < leastVolts || output > mostVolts {
		return o, 0, fmt.Errorf("s9: %v a chip are %v a hash board, which has %v to %v", o.Voltage, output, leastVolts, mostVolts)
	}
	return o, output, nil
}

func addFans(b *board.Board, core *zynqio.Fans) error {
	for i := range fanCount {
		f, err := core.Fan(i)
		if err == nil {
			err = f.SetDuty(gpio.DutyMax)
		}
		if err != nil {
			return fmt.Errorf("fan %d: %w", i+1, err)
		}
		b.Fans = append(b.Fans, &board.Fan{Name: fmt.Sprintf("fan %d", i+1), Driver: f, MinDuty: fanLeast, MinRPM: fanLeastRPM})
	}
	return nil
}

// addHashBoard adds a chain and what belongs to it.
func addHashBoard(ctx context.Context, b *board.Board, bus i2c.Bus, h HashBoard, output physic.ElectricPotential, o Options) error {
	name, number := fmt.Sprintf("hash board J%d", h.Connector), len(b.Chains)+1
	c, err := pic16.New(ctx, bus, pic16.Address(h.Connector), pic16.Options{Min: leastVolts, Max: mostVolts})
	if err != nil {
		return err
	}
	reset := board.NewReset(func(low bool) error { return h.Reset.Out(gpio.Level(!low)) }, o.Log)
	reset.Chain = number
	chain := board.NewBM13xx(name, h.Core, reset, bm13xx.BM1387, bm13xx.Options{
		Chips: o.Chips, Domains: domains(o.Chips), Frequency: o.Clock, Settle: chainSettle,
		WiredZeros: o.WiredZeros, Ticket: o.Ticket, Log: o.Log,
	})
	probe := &probe{chain: chain, chip: min(SensorChip, o.Chips-1)}
	place := board.NewThermometer(name+", chips", probe.read, heat, 0)
	place.Chain, place.Live = number, true
	b.Rails = append(b.Rails, &board.Rail{
		Name: name + " voltage controller", Chain: number, Driver: controller{c},
		Output: output, Start: max(openVolts, output), Step: voltsStep, Dwell: voltsDwell, Settle: railSettle,
		Min: leastVolts, Max: mostVolts, Measure: unmeasured,
	})
	b.Keepers = append(b.Keepers,
		&board.Keeper{Name: name + " voltage controller", Chain: number, Run: c.Run},
		&board.Keeper{Name: name + " thermometer", Chain: number, Always: true, Run: probe.Run})
	b.Resets = append(b.Resets, reset)
	b.Chains = append(b.Chains, chain)
	b.Thermometers = append(b.Thermometers, place)
	return nil
}

// domains of a hash board that may be a virtual one with fewer chips.
func domains(chips int) int {
	if per := Chips / Domains; chips%per == 0 {
		return chips / per
	}
	return 1
}
