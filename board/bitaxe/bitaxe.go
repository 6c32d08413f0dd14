// Package bitaxe is the Bitaxe boards with one chip, an EMC2101 and a TPS546: Ultra
// 207, Supra 402 and 403, Gamma 600 to 603. Earlier Ultras and Supras have another
// regulator; New finds none and says so.
//
// The board's own controller (an ESP32) must run bitaxe-raw, which gives a computer
// the board's buses over USB: FromUSB. The same code drives the virtual board.
package bitaxe

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bitaxeraw"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/drivers/emc2101"
	"github.com/lodefw/lode/drivers/tps546"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Addresses on the board's I²C bus.
const (
	AddrFan       = 0x4c
	AddrRegulator = 0x24
)

// Kind is one kind of board: what the boards differ in.
type Kind struct {
	Name   string
	Model  bm13xx.Model
	Clock  physic.Frequency
	Output physic.ElectricPotential
	Diode  *emc2101.Diode // of the chip, where it is not the usual one
}

// Kinds lists the boards with their usual clock and voltage (ESP-Miner,
// device_config.h; boards.md there gives the same voltages).
func Kinds() []Kind {
	return []Kind{
		{"bitaxe-gamma", bm13xx.BM1370, 525 * physic.MegaHertz, 1150 * physic.MilliVolt, &emc2101.Diode{Ideality: 0x24, Beta: 0x00}},
		{"bitaxe-supra", bm13xx.BM1368, 490 * physic.MegaHertz, 1166 * physic.MilliVolt, nil},
		{"bitaxe-ultra", bm13xx.BM1366, 485 * physic.MegaHertz, 1200 * physic.MilliVolt, nil},
	}
}

// KindOf finds a kind by its name.
func KindOf(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("bitaxe: no board %q; there are %v", name, names)
}

// Limits of all these boards.
const (
	minVolts, maxVolts = 1000 * physic.MilliVolt, 1350 * physic.MilliVolt // ESP-Miner offers 1.0 to 1.3 V
	settle             = 50 * time.Millisecond                            // the output rises in 3 ms
	stuckAfter         = 3 * time.Minute                                  // 1/8 °C always moves a little
	fanLeast           = 0.25
	fanLeastRPM        = 300 // guess: a fan that turns at all is above it
)

// heat: ESP-Miner aims at 60 °C and stops at 75 °C of the diode, and at 105 °C of
// the regulator (power_management_task.c). Where to throttle is our choice.
var (
	chipHeat      = board.Heat{Target: 60, Throttle: 68, Max: 75}
	regulatorHeat = board.Heat{Target: 80, Throttle: 95, Max: 105}
)

// supply is the board's 5 V input; the stage turns itself off outside of 4.5 to
// 6.5 V, and at 30 A.
var supply = board.PowerLimits{MinInput: 4.6, MaxInput: 5.6, Current: 25, Tolerance: 0.06}

// clamps are a little more than what ESP-Miner's page offers: 400 to 625 MHz, and
// 1.0 to 1.3 V. What the supply gives ends sooner.
var clamps = board.Clamps{MinClock: 400, MaxClock: 650, MinVolts: 1.0, MaxVolts: 1.3}

// stage is the power stage around the TPS546 (ESP-Miner TPS546.c, single chip).
func stage() *tps546.Stage {
	return &tps546.Stage{
		Sync: 0x10, Frequency: 650 * physic.KiloHertz, ScaleLoop: 250,
		VinOn: 4800 * physic.MilliVolt, VinOff: 4500 * physic.MilliVolt, VinHighFault: 6500 * physic.MilliVolt,
		OverCurrentWarning: 25 * physic.Ampere, OverCurrentFault: 30 * physic.Ampere,
		HeatWarning: physic.ZeroCelsius + 105*physic.Celsius, HeatFault: physic.ZeroCelsius + 145*physic.Celsius,
	}
}

// Parts are what a board hangs on.
type Parts struct {
	Line  bm13xx.Port          // to the chip
	I2C   i2c.Bus              // to fan and regulator
	Reset func(low bool) error // the chip's reset pin
}

// Options of New. The zero value takes the kind's usual values.
type Options struct {
	// Clock to mine at; 0 is the kind's.
	Clock physic.Frequency
	// WiredZeros and Ticket are for virtual chips; see bm13xx.Options.
	WiredZeros int
	Ticket     uint64
	Log        *slog.Logger
}

// New looks for the board's parts, and returns it without power, its fan at full
// speed. The error says what was not found.
func New(p Parts, k Kind, o Options) (*board.Board, error) {
	if o.Clock == 0 {
		o.Clock = k.Clock
	}
	if err := p.Reset(true); err != nil {
		return nil, fmt.Errorf("bitaxe: cannot hold the chip in reset: %w", err)
	}
	power, err := tps546.New(p.I2C, AddrRegulator, tps546.Options{Min: minVolts, Max: maxVolts, Stage: stage()})
	fan, err2 := emc2101.New(p.I2C, AddrFan, emc2101.Options{Diode: k.Diode})
	if err := errors.Join(err, err2); err != nil {
		return nil, fmt.Errorf("bitaxe: this is no %s, or not all of it has power: %w", k.Name, err)
	}
	reset := board.NewReset(p.Reset, o.Log)
	b := &board.Board{
		Name: k.Name,
		Rails: []*board.Rail{{
			Name: "core regulator", Driver: power, Output: k.Output, Settle: settle,
			Min: minVolts, Max: maxVolts,
			Measure: func() (board.Power, error) { return measure(power) }, Clear: power.ClearFaults, Limits: supply,
		}},
		Clamps: clamps,
		Resets: []*board.Reset{reset},
		Chains: []board.Chain{board.NewBM13xx(k.Model.String(), p.Line, reset, k.Model, bm13xx.Options{
			Chips: 1, Frequency: o.Clock, WiredZeros: o.WiredZeros, Ticket: o.Ticket, Log: o.Log,
		})},
		Fans: []*board.Fan{{Name: "fan", Driver: fan, MinDuty: fanLeast, MinRPM: fanLeastRPM}},
		Thermometers: []*board.Thermometer{
			board.NewThermometer("chip", fan.External, chipHeat, stuckAfter),
			board.NewThermometer("regulator", power.Temperature, regulatorHeat, 0),
		},
	}
	return b, b.Check()
}

// measure asks the regulator for everything that it knows.
func measure(r *tps546.Regulator) (p board.Power, err error) {
	out, err := r.Voltage()
	if err != nil {
		return p, err
	}
	in, err := r.Input()
	if err != nil {
		return p, err
	}
	current, err := r.Current()
	if err != nil {
		return p, err
	}
	status, err := r.Status()
	if err != nil {
		return p, err
	}
	p.Output = board.Volts(float64(out) / float64(physic.Volt))
	p.Input = board.Volts(float64(in) / float64(physic.Volt))
	p.Current = board.Amps(float64(current) / float64(physic.Ampere))
	if status.Err() != nil {
		p.Fault = status.String()
	}
	return p, nil
}

// bridgeTimeout bounds one request to the board's controller: three that fail in a
// row, and what goes with them, must fit into the guard's two seconds.
const bridgeTimeout = 100 * time.Millisecond

// FromUSB is a board whose controller runs bitaxe-raw: control is the first of its
// two ports, data the second.
func FromUSB(control bitaxeraw.Port, data bm13xx.Port, k Kind, o Options) (*board.Board, error) {
	bridge, err := bitaxeraw.New(control, bitaxeraw.Options{Timeout: bridgeTimeout})
	if err != nil {
		return nil, fmt.Errorf("bitaxe: %w", err)
	}
	pin := bridge.Pin(bitaxeraw.PinReset)
	return New(Parts{
		Line: data, I2C: bridge.I2C(),
		Reset: func(low bool) error { return pin.Out(gpio.Level(!low)) },
	}, k, o)
}
