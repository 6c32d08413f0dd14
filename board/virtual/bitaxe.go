package virtual

import (
	"fmt"
	"slices"
	"time"

	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/physic"
)

// Bitaxe is a virtual Bitaxe.
type Bitaxe struct {
	*Board
	powered
	Cooler *i2csim.EMC2101 // nil on boards with another fan controller

	kind bitaxe.Kind
	fans []*i2csim.Fan
	// diodes breaks the wires to the chips' diodes; nil if there are none.
	diodes func(open bool)
	usual  float64 // volts of the supply

	air float64 // guarded by the bus's lock
}

// bitaxeVersion is a virtual board: a kind, with the DAC of its early versions or not.
type bitaxeVersion struct {
	name string
	kind bitaxe.Kind
	bent bool
}

// bitaxeVersions are all kinds as they are made today, and the last versions with a
// DAC of those that had one.
func bitaxeVersions() (list []bitaxeVersion) {
	for _, k := range bitaxe.Kinds() {
		list = append(list, bitaxeVersion{k.Name, k, k.Stage == nil})
	}
	for _, old := range [...]struct{ kind, name string }{{"bitaxe-supra", "bitaxe-supra-401"}, {"bitaxe-ultra", "bitaxe-ultra-205"}} {
		i := slices.IndexFunc(list, func(v bitaxeVersion) bool { return v.name == old.kind })
		list = append(list, bitaxeVersion{old.name, list[i].kind, true})
	}
	return list
}

func bitaxes() (list []kind) {
	for _, v := range bitaxeVersions() {
		list = append(list, kind{v.name, func(cfg Config) (*Board, error) {
			b, err := newBitaxe(v, cfg)
			if err != nil {
				return nil, err
			}
			return b.Board, nil
		}})
	}
	return list
}

// NewBitaxe is New for the boards whose parts a test wants to touch.
func NewBitaxe(cfg Config) (*Bitaxe, error) {
	if cfg.Ambient == 0 {
		cfg.Ambient = 25
	}
	for _, v := range bitaxeVersions() {
		if v.name == cfg.Board {
			return newBitaxe(v, cfg)
		}
	}
	return nil, fmt.Errorf("virtual: no Bitaxe %q", cfg.Board)
}

// regulatorRest is for regulators beside the chips, whose inductors are empty by then.
const regulatorRest = 10 * time.Millisecond

func newBitaxe(v bitaxeVersion, cfg Config) (*Bitaxe, error) {
	b := &Bitaxe{Board: new(Board), powered: newPowered(&cfg), kind: v.kind, usual: 5.1}
	if v.kind.Input.MinInput > 10 {
		b.usual = 12.1
	}
	b.input = b.usual
	var err error
	b.Chip, err = cfg.chain(chipsim.Config{
		Model: v.kind.Model.String(), Chips: v.kind.Chips, Domains: v.kind.Domains,
		Seed: cfg.Seed, HashBudget: cfg.HashBudget, Ambient: cfg.Ambient,
		Off: true, HeldInReset: true, Rest: regulatorRest,
	})
	if err != nil {
		return nil, err
	}
	b.Chips = []*chipsim.Chain{b.Chip}
	b.wire(v.bent)
	b.Board.Board, err = bitaxe.New(b.Parts(), v.kind, bitaxe.Options{WiredZeros: b.Chip.Zeros(), Ticket: ticket, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	b.State, b.USB = b.state, b.bridge()
	b.Reports = func() []string { return append(chipReports(b.Chips), b.Bus.Reports()...) }
	b.Faults = b.faults(v.bent)
	return b, nil
}

// Parts are what the board hangs on.
func (b *Bitaxe) Parts() bitaxe.Parts {
	return bitaxe.Parts{Line: b.Chip.Port(), I2C: b.Bus, Reset: func(low bool) error { b.Chip.Reset(low); return nil }}
}

func (b *Bitaxe) state() (s State) {
	b.Bus.Do(func() { s = State{Chains: []ChainState{chainState(b.Chip)}, RPM: b.slowest()} })
	c := &s.Chains[0]
	c.Idle = b.dac != nil && c.MHz == 0 // all that can be done there
	return s
}

func (b *Bitaxe) slowest() float64 {
	rpm := b.fans[0].RPM()
	for _, f := range b.fans {
		rpm = min(rpm, f.RPM())
	}
	return rpm
}

// wire puts the devices on the bus. After each transaction the chips feel what
// has changed.
func (b *Bitaxe) wire(bent bool) {
	b.Bus = i2csim.New()
	b.wireCooler(bent)
	if bent {
		b.dac = i2csim.NewDS4432U()
		b.Bus.Add(bitaxe.AddrDAC, b.dac)
		b.Bus.Add(bitaxe.AddrMeter, i2csim.NewINA260(b.drawn, b.supply))
	} else {
		b.Regulator = i2csim.NewTPS546(b.supply, b.load, b.atRegulator)
		b.Bus.Add(bitaxe.AddrRegulator, b.Regulator)
	}
	b.Bus.Trace = func(i2csim.IO) { b.couple() }
	b.Bus.Do(b.couple)
}

func (b *Bitaxe) wireCooler(bent bool) {
	switch b.kind.Cooler {
	case bitaxe.EMC2101:
		b.Cooler = i2csim.NewEMC2101(b.atBoard, b.atChip(0))
		if bent && b.kind.Beside != 0 {
			b.Cooler = i2csim.NewEMC2101(b.beside(0, 1, float64(b.kind.Beside)), b.atBoard)
			b.Cooler.Open = true
		} else {
			b.diodes = func(open bool) { b.Cooler.Open = open }
		}
		b.fans = []*i2csim.Fan{&b.Cooler.Fan}
		b.Bus.Add(bitaxe.AddrFan, b.Cooler)
	case bitaxe.EMC2103:
		c := i2csim.NewEMC2103([3]i2csim.Temperature{b.atBoard, b.atChip(1), b.atChip(0)})
		b.diodes = func(open bool) { c.Open = open }
		b.fans = []*i2csim.Fan{&c.Fans[0]}
		b.Bus.Add(bitaxe.AddrFan2103, c)
	case bitaxe.EMC2302TMP1075:
		c := i2csim.NewEMC2302()
		b.fans = []*i2csim.Fan{&c.Fans[0], &c.Fans[1]}
		b.Bus.Add(bitaxe.AddrFan2302, c)
		for i, addr := range hexSensors {
			b.Bus.Add(addr, i2csim.NewTMP75(b.beside(3*i, 3, 10), true))
		}
	}
}

// hexSensors are where ESP-Miner has them.
var hexSensors = [...]uint16{0x4a, 0x4b}

// couple passes voltage and air on to the chips. The bus's lock is held.
func (b *Bitaxe) couple() {
	if b.Regulator != nil && b.input < float64(b.kind.Stage().VinOff)/float64(physic.Volt) && b.Regulator.Output() > 0 {
		b.Regulator.Trip(0x7c, 0x08) // input too low
	}
	if v := b.output(); v != b.volts {
		b.volts = v
		b.Chip.SetVoltage(v / float64(b.kind.Domains))
	}
	air := 0.0
	for _, f := range b.fans {
		air += f.RPM() / f.MaxRPM / float64(len(b.fans))
	}
	if air != b.air {
		b.air = air
		b.Chip.SetFan(air)
	}
}

// output is what the regulator gives, in mV. With a DAC it is always on: 0.6 V at
// a divider of 4.75 and 3.32 kOhm, less the DAC's part of 98.9 µA.
func (b *Bitaxe) output() float64 { return b.given(0.6, 4750, 3320, 98.921e-6) }

func (b *Bitaxe) load() physic.ElectricCurrent {
	if b.volts == 0 {
		return amperes(b.leak)
	}
	return amperes(b.watts() / (b.volts / 1000))
}

// atChip is what a chip's diode shows, with noise as a real one has.
func (b *Bitaxe) atChip(i int) i2csim.Temperature {
	return func() physic.Temperature { return celsius(b.Chip.Temperature(i) + 0.15*b.rand.NormFloat64()) }
}

func (b *Bitaxe) atBoard() physic.Temperature {
	return celsius(b.ambient + 0.3*(b.Chip.Temperature(0)-b.ambient))
}

// SetInput sets the volts of the board's power supply.
func (b *Bitaxe) SetInput(volts float64) { b.change(func() { b.input = volts }) }

// SetLeak lets amps flow beside the chips.
func (b *Bitaxe) SetLeak(amps float64) { b.change(func() { b.leak = amps }) }

// HeatRegulator makes the regulator warmer than it should be.
func (b *Bitaxe) HeatRegulator(kelvin float64) { b.change(func() { b.heat = kelvin }) }

// StopFan blocks the rotor of the (first) fan, or lets it turn again.
func (b *Bitaxe) StopFan(stop bool) { b.change(func() { b.fans[0].Stopped = stop }) }

// OpenDiode breaks the wire to the chips' diodes.
func (b *Bitaxe) OpenDiode(open bool) { b.change(func() { b.diodes(open) }) }

// TripRegulator raises a fault in a status register (7A to 7E) of the regulator.
func (b *Bitaxe) TripRegulator(status, bits byte) {
	b.change(func() { b.Regulator.Trip(status, bits) })
}

// SetAmbient sets the temperature of the air.
func (b *Bitaxe) SetAmbient(celsius float64) {
	b.change(func() { b.ambient = celsius })
	b.Chip.SetAmbient(celsius)
}

func (b *Bitaxe) change(f func()) {
	b.Bus.Do(func() {
		f()
		b.couple()
	})
}
