// Package antminer is what Antminers with plain serial lines have in common: hash
// boards with a chain, thermometers and an EEPROM each, one supply whose voltage
// reaches their chips in series, four fans. The folders beside it say which pins
// and buses a control board has for them.
//
//	supply (APW, 0x10) --- volts ---> hash board 1: chain, reset, sensors [dsPIC]
//	  ^ I²C, enable pin               hash board 2 ...
package antminer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/apw"
	"github.com/lodefw/lode/drivers/at24c02"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/drivers/dspic"
	"github.com/lodefw/lode/drivers/tmp75"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// AddrSupply is where the supply sits on its bus.
const AddrSupply = 0x10

// Kind is what the machines differ in.
type Kind struct {
	Name, About string
	Model       bm13xx.Model
	Chips       int // of a hash board
	Domains     int // of a hash board: they are in series at the supply
	Clock       physic.Frequency
	// Start and Output are the supply's volts, before and after the chips hash.
	Start, Output physic.ElectricPotential
	Clamps        board.Clamps
}

// HashBoard is where a hash board's parts are.
type HashBoard struct {
	Name         string
	Line         bm13xx.Port
	Reset        gpio.PinOut // low holds the chips
	Thermometers []uint16    // TMP75, on the bus of hash boards
	EEPROM       uint16
	Controller   uint16 // dsPIC; 0: there is none
}

// Slots are the hash boards that a control board has room for, with the addresses
// that their place gives them (Amlogic boards; others are taken to be the same).
func Slots() []HashBoard {
	return []HashBoard{
		{Name: "hash board 1", EEPROM: 0x50, Thermometers: []uint16{0x48, 0x4c}},
		{Name: "hash board 2", EEPROM: 0x51, Thermometers: []uint16{0x4d, 0x49}},
		{Name: "hash board 3", EEPROM: 0x52, Thermometers: []uint16{0x4e, 0x4a}},
	}
}

// Parts are what a machine hangs on.
type Parts struct {
	HashBoards []HashBoard // those that are there
	Missing    []gpio.PinOut
	I2C        i2c.Bus // of hash boards
	Supply     i2c.Bus
	Enable     gpio.PinIO // of the supply
	EnableLow  bool       // it is on when the pin is low
	PWM        []Duty     // all fans get the same
	Tachs      []gpio.PinIn
}

// Options of New. The zero value takes the kind's usual values.
type Options struct {
	Clock   physic.Frequency         // to mine at
	Voltage physic.ElectricPotential // of a chip
	// Chips of a hash board, of which a virtual one may have fewer.
	Chips int
	// WiredZeros and Ticket are for virtual chips; see bm13xx.Options.
	WiredZeros int
	Ticket     uint64
	Log        *slog.Logger
}

// Numbers of all machines.
const (
	fanLeast    = 0.3
	fanLeastRPM = 500 // guess: Antminers' fans turn at 1500 to 6000 rpm

	supplyStep  = 500 * physic.MilliVolt // S19k Pro, log of its bring-up
	supplyDwell = 4 * time.Second        // guess: what was measured is 3.5 s old at most
	// supplySettle is longer than the oldest measurement that counts.
	supplySettle = 4 * time.Second
	// supplyTolerance: one step while what was measured is still older (3.6 %).
	supplyTolerance = 0.06

	// rest is what apw.Supply.On would wait for, and a little more.
	rest = apw.Rest + time.Second
)

// heat of the board beside the chips, at its hottest end. Vendor firmware stops at
// 80 °C of the board (guess from its logs); chips are about 15 K hotter.
var heat = board.Heat{Target: 58, Throttle: 68, Max: 78}

// New looks for all parts, and returns the machine without power, its fans at full
// speed. The error says what was not found.
func New(ctx context.Context, p Parts, k Kind, o Options) (*board.Board, error) {
	m := &machine{p: p, k: k, o: o, b: &board.Board{Name: k.Name, Rest: rest, Clamps: k.Clamps}}
	m.p.I2C, m.p.Supply = at24c02.Guard(p.I2C), at24c02.Guard(p.Supply)
	if err := m.hold(); err != nil {
		return nil, fmt.Errorf("antminer: cannot hold the chips in reset: %w", err)
	}
	if len(p.HashBoards) == 0 {
		return nil, fmt.Errorf("antminer: %s: no hash board answers: check their flat cables", k.Name)
	}
	err := errors.Join(m.cool(), m.power(ctx))
	for i := range p.HashBoards {
		err = errors.Join(err, m.hashBoard(ctx, i))
	}
	if err != nil {
		return nil, fmt.Errorf("antminer: this is no %s, or not all of it has power: %w", k.Name, err)
	}
	return m.b, m.b.Check()
}

// A machine is being put together.
type machine struct {
	p Parts
	k Kind
	o Options
	b *board.Board
}

func (m *machine) hold() (err error) {
	for _, h := range m.p.HashBoards {
		err = errors.Join(err, h.Reset.Out(gpio.Low))
	}
	for _, pin := range m.p.Missing {
		err = errors.Join(err, pin.Out(gpio.Low))
	}
	return err
}

// cool adds the fans.
func (m *machine) cool() error {
	fans, keepers, err := Fans(m.p.PWM, m.p.Tachs, fanLeast, fanLeastRPM)
	m.b.Fans, m.b.Keepers = fans, append(m.b.Keepers, keepers...)
	return err
}

// Volts of the supply that such a machine may get, whatever it is told.
const leastVolts, mostVolts = 12 * physic.Volt, 15200 * physic.MilliVolt

// power adds the supply.
func (m *machine) power(ctx context.Context) error {
	output, start := m.k.Output, m.k.Start
	if m.o.Voltage != 0 {
		output = m.o.Voltage * physic.ElectricPotential(m.k.Domains)
		start = max(start, output)
	}
	if output < leastVolts || output > mostVolts {
		return fmt.Errorf("%d domains of %v want %v of the supply, which gives %v to %v", m.k.Domains, m.o.Voltage, output, leastVolts, mostVolts)
	}
	before := m.p.Enable.Read()
	s, err := apw.New(ctx, m.p.Supply, AddrSupply, apw.Options{
		Min: leastVolts, Max: mostVolts, Enable: m.p.Enable, ActiveLow: m.p.EnableLow,
	})
	if err != nil {
		return err
	}
	on, err := s.State(ctx)
	if err == nil && on {
		err = fmt.Errorf("%v is on although its enable pin is %v: is psu-enable the other way round?", s, level(m.p.EnableLow))
		err = errors.Join(err, m.p.Enable.Out(before))
	}
	if err != nil {
		return err
	}
	rail := &board.Rail{
		Name: "supply", Output: output, Start: start, Step: supplyStep, Dwell: supplyDwell, Settle: supplySettle,
		Min: leastVolts, Max: mostVolts, Limits: board.PowerLimits{Tolerance: supplyTolerance},
	}
	m.b.Keepers = append(m.b.Keepers, Supply(s, rail)...)
	m.b.Rails = append(m.b.Rails, rail)
	return nil
}

func level(l bool) gpio.Level { return gpio.Level(l) }

// hashBoard adds chain i+1 and what belongs to it.
func (m *machine) hashBoard(ctx context.Context, i int) (err error) {
	h, number := m.p.HashBoards[i], i+1
	for j, addr := range h.Thermometers {
		s, terr := tmp75.New(m.p.I2C, addr, tmp75.Options{})
		if terr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", h.Name, terr))
			continue
		}
		t := board.NewThermometer(fmt.Sprintf("%s, sensor %d", h.Name, j+1), s.Temperature, heat, 0)
		if h.Controller != 0 {
			t.Chain = number // which can be turned off alone
		}
		m.b.Thermometers = append(m.b.Thermometers, t)
	}
	if h.Controller != 0 {
		c, cerr := dspic.New(ctx, m.p.I2C, h.Controller, dspic.Options{})
		if cerr != nil {
			return errors.Join(err, fmt.Errorf("%s: %w", h.Name, cerr))
		}
		rail := &board.Rail{Name: h.Name + " voltage controller", Chain: number, Settle: controllerSettle}
		m.b.Rails = append(m.b.Rails, rail)
		m.b.Keepers = append(m.b.Keepers, Controller(c, rail))
	}
	reset := board.NewReset(m.reset(i), m.o.Log)
	reset.Chain = number
	m.b.Resets = append(m.b.Resets, reset)
	m.b.Chains = append(m.b.Chains, board.NewBM13xx(h.Name, h.Line, reset, m.k.Model, m.chain()))
	return err
}

// reset drives chain i's pin. The first chain also drives those of hash boards that
// are missing: an S19k Pro answers on no chain unless all three lines are high.
func (m *machine) reset(i int) func(low bool) error {
	pins := []gpio.PinOut{m.p.HashBoards[i].Reset}
	if i == 0 {
		pins = append(pins, m.p.Missing...)
	}
	return func(low bool) (err error) {
		for _, pin := range pins {
			err = errors.Join(err, pin.Out(gpio.Level(!low)))
		}
		return err
	}
}

func (m *machine) chain() bm13xx.Options {
	o := bm13xx.Options{
		Chips: m.k.Chips, Domains: m.k.Domains, Frequency: m.k.Clock,
		WiredZeros: m.o.WiredZeros, Ticket: m.o.Ticket, Log: m.o.Log,
	}
	if m.o.Clock != 0 {
		o.Frequency = m.o.Clock
	}
	if m.o.Chips != 0 {
		o.Chips, o.Domains = m.o.Chips, Domains(m.k, m.o.Chips)
	}
	return o
}

// Domains of a hash board with fewer chips than usual: whole ones, as large as
// usual if the number allows it.
func Domains(k Kind, chips int) int {
	size := k.Chips / k.Domains
	for chips%size != 0 {
		size--
	}
	return chips / size
}

// Present tells whether a hash board is there: its EEPROM or one of its
// thermometers answers. Plug pins are not asked: no source says which level means
// that something is plugged in.
func Present(bus i2c.Bus, h HashBoard) bool {
	bus = at24c02.Guard(bus)
	if _, err := at24c02.New(bus, h.EEPROM, at24c02.Options{}); err == nil {
		return true
	}
	for _, addr := range h.Thermometers {
		if _, err := tmp75.New(bus, addr, tmp75.Options{}); err == nil {
			return true
		}
	}
	return false
}
