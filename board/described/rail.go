package described

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/drivers/apw"
	"github.com/lodefw/lode/drivers/ds4432u"
	"github.com/lodefw/lode/drivers/dspic"
	"github.com/lodefw/lode/drivers/ina260"
	"github.com/lodefw/lode/drivers/pic16"
	"github.com/lodefw/lode/drivers/tps546"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

func potential(v float64) physic.ElectricPotential {
	return physic.ElectricPotential(math.Round(v * float64(physic.Volt)))
}

// usualSettle is long enough for a regulator; a supply that takes half a second
// for an answer has its own.
const (
	usualSettle  = 100 * time.Millisecond
	supplySettle = 4 * time.Second
)

func (m *maker) rail(i int) error {
	r := &m.f.Rails[i]
	b := &board.Rail{
		Name: r.Name, Chain: r.Chain, Output: potential(r.Volts), Start: potential(r.Start), Step: potential(r.Step), Dwell: r.Dwell.Duration,
		Min: potential(r.Min), Max: potential(r.Max), Settle: r.Settle.Duration,
		Limits: board.PowerLimits{
			MinInput: board.Volts(r.MinInput), MaxInput: board.Volts(r.MaxInput), Current: board.Amps(r.MaxAmps), Tolerance: r.Tolerance / 100,
		},
		Measure: func() (board.Power, error) { return board.Power{}, nil }, // of kinds that cannot
	}
	if b.Settle == 0 {
		b.Settle = usualSettle
	}
	if err := m.drive(r, b); err != nil {
		return err
	}
	if err := m.monitor(r, b); err != nil {
		return err
	}
	m.b.Rails = append(m.b.Rails, b)
	return nil
}

// drive gives a rail its driver.
func (m *maker) drive(r *Rail, b *board.Rail) error {
	switch r.Kind {
	case "tps546":
		return m.regulator(r, b)
	case "ds4432u":
		return m.bent(r, b)
	case "apw":
		return m.supply(r, b)
	case "gpio":
		enable, err := m.enable(r)
		b.Driver = switched{enable: enable}
		return err
	}
	return m.controller(r, b)
}

// controller is a voltage controller with a heartbeat.
func (m *maker) controller(r *Rail, b *board.Rail) error {
	bus, err := m.p.BareBus(r.Bus) // a PIC16 has an EEPROM's address
	if err != nil {
		return err
	}
	if r.Kind == "dspic" {
		c, err := dspic.New(m.ctx, bus, r.Address, dspic.Options{})
		if err != nil {
			return err
		}
		m.b.Keepers = append(m.b.Keepers, antminer.Controller(c, b))
		return nil
	}
	c, err := pic16.New(m.ctx, bus, r.Address, pic16.Options{Min: b.Min, Max: b.Max})
	if err != nil {
		return err
	}
	m.b.Keepers = append(m.b.Keepers, antminer.PIC16(c, b))
	return nil
}

func (m *maker) supply(r *Rail, b *board.Rail) error {
	bus, err := m.p.Bus(r.Bus)
	if err != nil {
		return err
	}
	pin, err := m.p.Pin(*r.Enable)
	if err != nil {
		return err
	}
	s, err := apw.New(m.ctx, bus, r.Address, apw.Options{Min: b.Min, Max: b.Max, Enable: pin, ActiveLow: r.Active == "low"})
	if err != nil {
		return err
	}
	m.b.Keepers = append(m.b.Keepers, antminer.Supply(s, b)...)
	m.b.Rest = max(m.b.Rest, apw.Rest+time.Second)
	b.Settle = max(b.Settle, supplySettle)
	return nil
}

func (m *maker) regulator(r *Rail, b *board.Rail) error {
	bus, err := m.p.Bus(r.Bus)
	if err != nil {
		return err
	}
	d, err := chip(m.tps546, r.Bus, r.Address, func() (*tps546.Regulator, error) {
		return tps546.New(bus, r.Address, tps546.Options{Min: b.Min, Max: b.Max})
	})
	if err != nil {
		return err
	}
	b.Driver, b.Clear = d, d.ClearFaults
	b.Measure = func() (board.Power, error) { return board.MeasureTPS546(d) }
	return nil
}

// bent is a regulator whose voltage a DS4432U bends, and which a pin turns on.
func (m *maker) bent(r *Rail, b *board.Rail) error {
	bus, err := m.p.Bus(r.Bus)
	if err != nil {
		return err
	}
	enable, err := m.enable(r)
	if err != nil {
		return err
	}
	dac, err := ds4432u.New(bus, r.Address, ds4432u.Options{Min: b.Min, Max: b.Max})
	b.Driver = switched{enable, dac.SetVoltage}
	return err
}

// switched is a rail that a pin turns on.
type switched struct {
	enable func(on bool) error
	set    func(physic.ElectricPotential) error // nil: its voltage is fixed
}

// SetVoltage is part of board.RailDriver.
func (s switched) SetVoltage(v physic.ElectricPotential) error {
	if s.set == nil {
		return nil
	}
	return s.set(v)
}

// On is part of board.RailDriver.
func (s switched) On() error { return s.enable(true) }

// Off is part of board.RailDriver.
func (s switched) Off() error { return s.enable(false) }

// enable turns a rail off, and returns what turns it on.
func (m *maker) enable(r *Rail) (func(on bool) error, error) {
	pin, err := m.p.Pin(*r.Enable)
	if err != nil {
		return nil, err
	}
	set := func(on bool) error { return pin.Out(gpio.Level(on == (r.Active == "high"))) }
	return set, set(false)
}

// monitor adds what an INA260 before the rail measures.
func (m *maker) monitor(r *Rail, b *board.Rail) error {
	if r.Monitor == 0 {
		if (r.Kind == "gpio" || r.Kind == "ds4432u") && b.Limits != (board.PowerLimits{}) {
			return errors.New("limits of what nobody measures: it needs monitor, the address of an INA260")
		}
		return nil
	}
	bus, err := m.p.Bus(r.Bus)
	if err != nil {
		return err
	}
	ina, err := ina260.New(bus, r.Monitor, ina260.Options{})
	if err != nil {
		return err
	}
	inner := b.Measure
	b.Measure = func() (board.Power, error) {
		p, err := inner()
		if err != nil {
			return p, err
		}
		in, err := ina.Voltage()
		if err != nil {
			return p, fmt.Errorf("what feeds it: %w", err)
		}
		current, err := ina.Current()
		p.Input, p.Current = board.InVolts(in), board.InAmps(current)
		return p, err
	}
	return nil
}
