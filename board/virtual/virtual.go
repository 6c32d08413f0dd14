// Package virtual has boards that exist in this process only: the code of a real
// board, wired to virtual chips, sensors and regulators instead of wires. Their
// chips find real nonces at a difficulty that a laptop's core can be the chip for;
// they get warm from their clock and voltage, and cool by their fan.
//
//	board/bitaxe -- line ---> chipsim.Chain (chips, heat) <--- reset line
//	      |                      ^ voltage  ^ air
//	      +------- I²C ---> i2csim: TPS546, EMC2101 with a fan
package virtual

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/physic"
)

// Config says which board. Only Board is needed.
type Config struct {
	Board string // a name of Names
	// HashBudget is how many hashes per second this computer may make for the
	// chips; 0 is 400 000, a few percent of a core: a board that is
	// late because the computer is busy looks like one that does not answer.
	HashBudget float64
	Seed       uint64  // of silicon and noise
	Ambient    float64 // °C; 0 is 25
	Log        *slog.Logger
}

// Names lists the boards that there are a virtual one of.
func Names() (names []string) {
	for _, k := range bitaxe.Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// Board is a virtual board, and what only a simulation lets one touch.
type Board struct {
	*board.Board
	Chips     *chipsim.Chain
	Bus       *i2csim.Bus
	Cooler    *i2csim.EMC2101
	Regulator *i2csim.TPS546

	// The bus's lock guards what follows.
	rand    *rand.Rand
	input   float64 // V
	leak    float64 // A that flow beside the chips
	heat    float64 // °C that the regulator has above its usual
	volts   float64 // that the chips were told
	air     float64
	ambient float64
}

// New builds the board, without power.
func New(cfg Config) (*Board, error) {
	kind, err := bitaxe.KindOf(cfg.Board)
	if err != nil {
		return nil, fmt.Errorf("virtual: no board %q; there are %s", cfg.Board, strings.Join(Names(), ", "))
	}
	if cfg.HashBudget == 0 {
		cfg.HashBudget = 400e3
	}
	if cfg.Ambient == 0 {
		cfg.Ambient = 25
	}
	b := &Board{input: 5.1, ambient: cfg.Ambient, rand: rand.New(rand.NewPCG(cfg.Seed, 1))}
	b.Chips, err = chipsim.New(chipsim.Config{
		Model: kind.Model.String(), Seed: cfg.Seed, HashBudget: cfg.HashBudget, Ambient: cfg.Ambient,
		Off: true, HeldInReset: true,
	})
	if err != nil {
		return nil, fmt.Errorf("virtual: %w", err)
	}
	b.wire()
	parts := bitaxe.Parts{Line: b.Chips.Port(), I2C: b.Bus, Reset: func(low bool) error { b.Chips.Reset(low); return nil }}
	b.Board, err = bitaxe.New(parts, kind, bitaxe.Options{WiredZeros: b.Chips.Zeros(), Ticket: ticket, Log: cfg.Log})
	if err != nil {
		return nil, fmt.Errorf("virtual: %w", err)
	}
	b.Name = "virtual:" + kind.Name
	return b, nil
}

// ticket is a difficulty at which a chip reports a few times a second: enough to
// look at.
const ticket = 64

// wire puts the devices on the bus. After each transaction the chips feel what
// has changed.
func (b *Board) wire() {
	b.Bus = i2csim.New()
	b.Cooler = i2csim.NewEMC2101(b.atBoard, b.atChip)
	b.Regulator = i2csim.NewTPS546(
		func() physic.ElectricPotential { return physic.ElectricPotential(b.input * float64(physic.Volt)) },
		b.load, b.atRegulator)
	b.Bus.Add(bitaxe.AddrFan, b.Cooler)
	b.Bus.Add(bitaxe.AddrRegulator, b.Regulator)
	b.Bus.Trace = func(i2csim.IO) { b.couple() }
	b.Bus.Do(b.couple)
}

// couple passes voltage and air on to the chips. The bus's lock is held.
func (b *Board) couple() {
	if b.input < 4.5 && b.Regulator.Output() > 0 {
		b.Regulator.Trip(0x7c, 0x08) // input too low
	}
	if v := float64(b.Regulator.Output()) / float64(physic.MilliVolt); v != b.volts {
		b.volts = v
		b.Chips.SetVoltage(v)
	}
	if air := b.Cooler.Fan.RPM() / b.Cooler.Fan.MaxRPM; air != b.air {
		b.air = air
		b.Chips.SetFan(air)
	}
}

func (b *Board) load() physic.ElectricCurrent {
	amps := b.leak
	if b.volts > 0 {
		amps += b.Chips.Watts() / (b.volts / 1000)
	}
	return physic.ElectricCurrent(amps * float64(physic.Ampere))
}

// atChip is what the chip's diode shows, with noise as a real one has.
func (b *Board) atChip() physic.Temperature {
	return celsius(b.Chips.Temperature(0) + 0.15*b.rand.NormFloat64())
}

func (b *Board) atBoard() physic.Temperature {
	return celsius(b.ambient + 0.3*(b.Chips.Temperature(0)-b.ambient))
}

// atRegulator is warmer than the chip, as the maker's boards show.
func (b *Board) atRegulator() physic.Temperature {
	return celsius(b.ambient + 1.2*(b.Chips.Temperature(0)-b.ambient) + b.heat)
}

func celsius(v float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(v*float64(physic.Celsius))
}

// SetInput sets the volts of the board's power supply.
func (b *Board) SetInput(volts float64) { b.change(func() { b.input = volts }) }

// SetLeak lets amps flow beside the chips.
func (b *Board) SetLeak(amps float64) { b.change(func() { b.leak = amps }) }

// HeatRegulator makes the regulator warmer than it should be.
func (b *Board) HeatRegulator(kelvin float64) { b.change(func() { b.heat = kelvin }) }

// StopFan blocks the rotor, or lets it turn again.
func (b *Board) StopFan(stop bool) { b.change(func() { b.Cooler.Fan.Stopped = stop }) }

// OpenDiode breaks the wire to the chip's diode.
func (b *Board) OpenDiode(open bool) { b.change(func() { b.Cooler.Open = open }) }

// TripRegulator raises a fault in a status register (7A to 7E) of the regulator.
func (b *Board) TripRegulator(status, bits byte) { b.change(func() { b.Regulator.Trip(status, bits) }) }

// SetAmbient sets the temperature of the air.
func (b *Board) SetAmbient(celsius float64) {
	b.change(func() { b.ambient = celsius })
	b.Chips.SetAmbient(celsius)
}

func (b *Board) change(f func()) {
	b.Bus.Do(func() {
		f()
		b.couple()
	})
}

// State is the board as nobody can see it from outside.
type State struct {
	Millivolts float64 // at the chips
	RPM        float64
	Celsius    float64 // of the chip
	MHz        float64
}

// State gives the state now.
func (b *Board) State() State {
	var s State
	b.Bus.Do(func() {
		chip := b.Chips.Status().Chips[0]
		s = State{Millivolts: b.volts, RPM: b.Cooler.Fan.RPM(), Celsius: chip.Celsius, MHz: chip.MHz}
	})
	return s
}

// Safe tells whether the board may be left alone: no power at the chips, or
// turning air and no clock worth the name.
func (s State) Safe() bool { return s.Millivolts == 0 || s.RPM > 0 && s.MHz <= idleMHz }

// idleMHz is where chips rest that cannot be turned off.
const idleMHz = 60
