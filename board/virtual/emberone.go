package virtual

import (
	"fmt"

	"github.com/lodefw/lode/board/emberone"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/physic"
)

// EmberOne is a virtual emberOne/00. Air moves over it at a steady pace: the board
// has no fan of its own.
type EmberOne struct {
	*Board
	powered // by a TPS546 from v5 on
	Diode   *i2csim.TMP451

	enabled, pins bool // guarded by the bus's lock
}

// emberAir is the share of full air that somebody's fan makes.
const emberAir = 0.6

func emberones() []kind {
	version := func(name string, bent bool) kind {
		return kind{name, func(cfg Config) (*Board, error) {
			b, err := newEmberOne(bent, cfg)
			if err != nil {
				return nil, err
			}
			return b.Board, nil
		}}
	}
	return []kind{version("emberone", false), version("emberone-v4", true)}
}

// NewEmberOne is New for an emberOne whose parts a test wants to touch.
func NewEmberOne(cfg Config) (*EmberOne, error) {
	switch cfg.Board {
	case "emberone", "emberone-v4":
		return newEmberOne(cfg.Board == "emberone-v4", cfg.usual())
	}
	return nil, fmt.Errorf("virtual: no emberOne %q", cfg.Board)
}

func newEmberOne(bent bool, cfg Config) (*EmberOne, error) {
	b := &EmberOne{Board: new(Board), powered: newPowered(&cfg)}
	b.input = 12.1
	var err error
	b.Chip, err = cfg.chain(chipsim.Config{
		Model: "BM1362", Chips: emberone.Chips, Domains: emberone.Chips,
		Seed: cfg.Seed, HashBudget: cfg.HashBudget, Ambient: cfg.Ambient,
		Off: true, HeldInReset: true, Rest: regulatorRest,
	})
	if err != nil {
		return nil, err
	}
	b.Chip.SetFan(emberAir)
	b.Chips = []*chipsim.Chain{b.Chip}
	b.wire(bent)
	b.Board.Board, err = emberone.New(b.Parts(), b.Options(cfg))
	if err != nil {
		return nil, err
	}
	b.State, b.USB = b.state, b.bridge()
	b.Reports = func() []string { return append(chipReports(b.Chips), b.Bus.Reports()...) }
	b.Faults = b.faults(bent)
	return b, nil
}

// Parts are what the board hangs on.
func (b *EmberOne) Parts() emberone.Parts {
	pin := func(is *bool) func(bool) error {
		return func(on bool) error { b.change(func() { *is = on }); return nil }
	}
	return emberone.Parts{
		Line: b.Chip.Port(), I2C: b.Bus, Reset: func(low bool) error { b.Chip.Reset(low); return nil },
		Enable: pin(&b.enabled), PinsOn: pin(&b.pins),
	}
}

// Drive is a pin of the bridge.
func (b *EmberOne) Drive(pin uint8, high bool) {
	p := b.Parts()
	switch pin {
	case 0:
		p.Reset(!high)
	case 1:
		p.Enable(high)
	case 2:
		p.PinsOn(high)
	}
}

// Options are those of a board whose chips' pins are fed from 6 V.
func (b *EmberOne) Options(cfg Config) emberone.Options {
	return emberone.Options{SixVolts: true, WiredZeros: b.Chip.Zeros(), Ticket: ticket, Log: cfg.Log}
}

func (b *EmberOne) state() (s State) {
	b.Bus.Do(func() { s = State{Chains: []ChainState{chainState(b.Chip)}} })
	return s
}

func (b *EmberOne) wire(bent bool) {
	b.Bus = i2csim.New()
	b.Diode = i2csim.NewTMP451(i2csim.MakerTI, b.beside(6, 6, 10), b.beside(0, 1, 0))
	b.Bus.Add(emberone.AddrDiode, b.Diode)
	b.Bus.Add(emberone.AddrLeft, i2csim.NewTMP75(b.beside(0, 6, 10), true))
	if bent {
		b.dac = i2csim.NewDS4432U()
		b.Bus.Add(emberone.AddrDAC, b.dac)
		b.Bus.Add(emberone.AddrMeter, i2csim.NewINA260(b.drawn, b.supply))
	} else {
		b.Regulator = i2csim.NewTPS546(b.supply, b.load, b.atRegulator)
		b.Bus.Add(emberone.AddrRegulator, b.Regulator)
	}
	b.Bus.Trace = func(i2csim.IO) { b.couple() }
	b.Bus.Do(b.couple)
}

// couple passes the voltage on to the chips. The bus's lock is held. Chips whose pins
// have no supply are as good as off.
func (b *EmberOne) couple() {
	if b.Regulator != nil && b.input < 10.5 && b.Regulator.Output() > 0 {
		b.Regulator.Trip(0x7c, 0x08) // input too low
	}
	v := 0.0
	if b.enabled && b.pins {
		v = b.output()
	}
	if v != b.volts {
		b.volts = v
		b.Chip.SetVoltage(v / emberone.Chips)
	}
	b.Diode.Open = v == 0
}

// output is what the regulator gives when it is enabled, in mV. With a DAC: 0.8 V at
// a divider of 3.57 and 1.02 kOhm, less the DAC's part of 203 µA.
func (b *EmberOne) output() float64 { return b.given(0.8, 3570, 1020, 202.91e-6) }

func (b *EmberOne) load() physic.ElectricCurrent {
	if b.volts == 0 {
		return 0
	}
	return amperes(b.watts() / (b.volts / 1000))
}

func (b *EmberOne) change(f func()) {
	b.Bus.Do(func() {
		f()
		b.couple()
	})
}

// faults are what an emberOne can have beside its chips'.
func (b *EmberOne) faults(bent bool) []Fault {
	none, nak := i2csim.Fault{}, i2csim.Fault{NAK: -1}
	set := func(f i2csim.Fault, addrs ...uint16) func() {
		return func() {
			for _, a := range addrs {
				b.Bus.SetFault(a, f)
			}
		}
	}
	input := func(v float64) func() { return func() { b.change(func() { b.input = v }) } }
	leak := func(v float64) func() { return func() { b.change(func() { b.leak = v }) } }
	air := func(c float64) func() {
		return func() { b.change(func() { b.ambient = c }); b.Chip.SetAmbient(c) }
	}
	power := uint16(emberone.AddrRegulator)
	if bent {
		power = emberone.AddrDAC
	}
	all := []uint16{power, emberone.AddrMeter, emberone.AddrLeft, emberone.AddrDiode}
	list := []Fault{
		{SensorNAK, "board left", set(nak, emberone.AddrLeft), set(none, emberone.AddrLeft)},
		{SensorStuck, "board left", set(i2csim.Fault{Stuck: true}, emberone.AddrLeft), set(none, emberone.AddrLeft)},
		{HotAir, "board left", air(95), air(25)},
		{RegulatorNAK, railName, set(nak, power), set(none, power)},
		{OverCurrent, railName, leak(float64(b.Rails[0].Limits.Current)), leak(0)},
		{SupplyLow, railName, input(10), input(12.1)},
		{SupplyHigh, railName, input(18), input(12.1)},
		{BusDead, "", set(nak, all...), set(none, all...)},
		{BusHangs, "", set(i2csim.Fault{Late: 3e9, NAK: -1}, emberone.AddrLeft), set(none, emberone.AddrLeft)},
	}
	if bent {
		return append(list, Fault{SupplyNAK, railName, set(nak, emberone.AddrMeter), set(none, emberone.AddrMeter)})
	}
	heat := func(k float64) func() { return func() { b.change(func() { b.heat = k }) } }
	return append(list,
		Fault{SensorHot, "regulator", heat(90), heat(0)},
		Fault{RegulatorTrip, railName, func() { b.change(func() { b.Regulator.Trip(0x7b, 0x80) }) }, func() {}})
}
