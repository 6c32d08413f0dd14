package virtual

import (
	"math/rand/v2"

	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/physic"
)

// Bitaxe is a virtual Bitaxe with one chip.
type Bitaxe struct {
	*Board
	Chip      *chipsim.Chain
	Cooler    *i2csim.EMC2101
	Regulator *i2csim.TPS546

	// The bus's lock guards what follows.
	rand    *rand.Rand
	input   float64 // V
	leak    float64 // A that flow beside the chips
	heat    float64 // °C that the regulator has above its usual
	volts   float64 // mV that the chips were told
	air     float64
	ambient float64
}

func bitaxes() (list []kind) {
	for _, k := range bitaxe.Kinds() {
		list = append(list, kind{k.Name, func(cfg Config) (*Board, error) {
			b, err := newBitaxe(k, cfg)
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
	k, err := bitaxe.KindOf(cfg.Board)
	if err != nil {
		return nil, err
	}
	if cfg.Ambient == 0 {
		cfg.Ambient = 25
	}
	return newBitaxe(k, cfg)
}

func newBitaxe(kind bitaxe.Kind, cfg Config) (*Bitaxe, error) {
	b := &Bitaxe{Board: new(Board), input: 5.1, ambient: cfg.Ambient, rand: rand.New(rand.NewPCG(cfg.Seed, 1))}
	var err error
	b.Chip, err = chipsim.New(chipsim.Config{
		Model: kind.Model.String(), Seed: cfg.Seed, HashBudget: cfg.HashBudget, Ambient: cfg.Ambient,
		Off: true, HeldInReset: true,
	})
	if err != nil {
		return nil, err
	}
	b.Chips = []*chipsim.Chain{b.Chip}
	b.wire()
	parts := bitaxe.Parts{Line: b.Chip.Port(), I2C: b.Bus, Reset: func(low bool) error { b.Chip.Reset(low); return nil }}
	b.Board.Board, err = bitaxe.New(parts, kind, bitaxe.Options{WiredZeros: b.Chip.Zeros(), Ticket: ticket, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	b.State = b.state
	b.Reports = func() []string { return append(chipReports(b.Chips), b.Bus.Reports()...) }
	b.Faults = b.faults()
	return b, nil
}

func (b *Bitaxe) state() (s State) {
	b.Bus.Do(func() { s = State{Chains: []ChainState{chainState(b.Chip)}, RPM: b.Cooler.Fan.RPM()} })
	return s
}

// faults are what a Bitaxe can have beside its chip's.
func (b *Bitaxe) faults() []Fault {
	fault := func(addr uint16, f i2csim.Fault) func() { return func() { b.Bus.SetFault(addr, f) } }
	both := func(f i2csim.Fault) func() {
		return func() { b.Bus.SetFault(bitaxe.AddrFan, f); b.Bus.SetFault(bitaxe.AddrRegulator, f) }
	}
	none := i2csim.Fault{}
	return []Fault{
		{FanStops, "fan", func() { b.StopFan(true) }, func() { b.StopFan(false) }},
		{TachLost, "fan", func() { b.Bus.Do(func() { b.Cooler.Fan.Dead = true }) }, func() { b.Bus.Do(func() { b.Cooler.Fan.Dead = false }) }},
		{SensorLost, "chip", func() { b.OpenDiode(true) }, func() { b.OpenDiode(false) }},
		{SensorNAK, "chip", fault(bitaxe.AddrFan, i2csim.Fault{NAK: -1}), fault(bitaxe.AddrFan, none)},
		{SensorStuck, "chip", fault(bitaxe.AddrFan, i2csim.Fault{Stuck: true}), fault(bitaxe.AddrFan, none)},
		{SensorHot, "regulator", func() { b.HeatRegulator(60) }, func() { b.HeatRegulator(0) }},
		{HotAir, "chip", func() { b.SetAmbient(95) }, func() { b.SetAmbient(25) }},
		{RegulatorNAK, "core regulator", fault(bitaxe.AddrRegulator, i2csim.Fault{NAK: -1}), fault(bitaxe.AddrRegulator, none)},
		{RegulatorTrip, "core regulator", func() { b.TripRegulator(0x7b, 0x80) }, func() {}},
		{OverCurrent, "core regulator", func() { b.SetLeak(20) }, func() { b.SetLeak(0) }},
		{SupplyLow, "core regulator", func() { b.SetInput(4.4) }, func() { b.SetInput(5) }},
		{SupplyHigh, "core regulator", func() { b.SetInput(6) }, func() { b.SetInput(5) }},
		{BusDead, "", both(i2csim.Fault{NAK: -1}), both(none)},
		{BusHangs, "", fault(bitaxe.AddrFan, i2csim.Fault{Late: 3e9, NAK: -1}), fault(bitaxe.AddrFan, none)},
	}
}

// wire puts the devices on the bus. After each transaction the chips feel what
// has changed.
func (b *Bitaxe) wire() {
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
func (b *Bitaxe) couple() {
	if b.input < 4.5 && b.Regulator.Output() > 0 {
		b.Regulator.Trip(0x7c, 0x08) // input too low
	}
	if v := float64(b.Regulator.Output()) / float64(physic.MilliVolt); v != b.volts {
		b.volts = v
		b.Chip.SetVoltage(v)
	}
	if air := b.Cooler.Fan.RPM() / b.Cooler.Fan.MaxRPM; air != b.air {
		b.air = air
		b.Chip.SetFan(air)
	}
}

func (b *Bitaxe) load() physic.ElectricCurrent {
	amps := b.leak
	if b.volts > 0 {
		amps += b.Chip.Watts() / (b.volts / 1000)
	}
	return physic.ElectricCurrent(amps * float64(physic.Ampere))
}

// atChip is what the chip's diode shows, with noise as a real one has.
func (b *Bitaxe) atChip() physic.Temperature {
	return celsius(b.Chip.Temperature(0) + 0.15*b.rand.NormFloat64())
}

func (b *Bitaxe) atBoard() physic.Temperature {
	return celsius(b.ambient + 0.3*(b.Chip.Temperature(0)-b.ambient))
}

// atRegulator is warmer than the chip, as the maker's boards show.
func (b *Bitaxe) atRegulator() physic.Temperature {
	return celsius(b.ambient + 1.2*(b.Chip.Temperature(0)-b.ambient) + b.heat)
}

func celsius(v float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(v*float64(physic.Celsius))
}

// SetInput sets the volts of the board's power supply.
func (b *Bitaxe) SetInput(volts float64) { b.change(func() { b.input = volts }) }

// SetLeak lets amps flow beside the chips.
func (b *Bitaxe) SetLeak(amps float64) { b.change(func() { b.leak = amps }) }

// HeatRegulator makes the regulator warmer than it should be.
func (b *Bitaxe) HeatRegulator(kelvin float64) { b.change(func() { b.heat = kelvin }) }

// StopFan blocks the rotor, or lets it turn again.
func (b *Bitaxe) StopFan(stop bool) { b.change(func() { b.Cooler.Fan.Stopped = stop }) }

// OpenDiode breaks the wire to the chip's diode.
func (b *Bitaxe) OpenDiode(open bool) { b.change(func() { b.Cooler.Open = open }) }

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
