package described

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/drivers/emc2101"
	"github.com/lodefw/lode/drivers/emc2302"
	"github.com/lodefw/lode/drivers/fan"
	"github.com/lodefw/lode/drivers/tmp451"
	"github.com/lodefw/lode/drivers/tmp75"
	"github.com/lodefw/lode/drivers/tps546"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Parts opens what the file names. Bus and Pin may be called again for the same
// number, and give the same.
type Parts interface {
	Line(uart string) (bm13xx.Port, error)
	Bus(number int) (i2c.Bus, error) // behind at24c02.Guard
	BareBus(number int) (i2c.Bus, error)
	Pin(number int) (gpio.PinIO, error)
	PWM(fan.PWMOptions) (antminer.Duty, error)
}

// Options of New.
type Options struct {
	Clock   physic.Frequency         // to mine at; 0: the file's
	Voltage physic.ElectricPotential // refused: a file says its volts
	Log     *slog.Logger
}

// New looks for the parts that the file names, and returns the board without power.
func New(ctx context.Context, f *File, p Parts, o Options) (*board.Board, error) {
	if o.Voltage != 0 {
		return nil, errors.New("described: the voltage of such a board is in its file")
	}
	m := &maker{ctx: ctx, f: f, p: p, o: o, emc2101: map[[2]int]*emc2101.Fan{}, emc2302: map[[2]int]*emc2302.Controller{},
		tps546: map[[2]int]*tps546.Regulator{}}
	m.b = &board.Board{Name: f.Name, Poll: f.Poll.Duration, Rest: f.Rest.Duration}
	m.each("chain", len(f.Chains), m.chain) // first: their resets are held
	m.each("rail", len(f.Rails), m.rail)
	m.each("fan", len(f.Fans), m.fan)
	m.each("thermometer", len(f.Thermometers), m.thermometer)
	if m.errs != nil {
		return nil, fmt.Errorf("described: %s: not all of it is there: %w", f.Name, errors.Join(m.errs...))
	}
	return m.b, m.b.Check()
}

// maker makes a board.
type maker struct {
	ctx  context.Context
	f    *File
	p    Parts
	o    Options
	b    *board.Board
	errs []error

	// chips that are several parts, by bus and address
	emc2101 map[[2]int]*emc2101.Fan
	emc2302 map[[2]int]*emc2302.Controller
	tps546  map[[2]int]*tps546.Regulator
}

func (m *maker) each(table string, n int, f func(int) error) {
	for i := range n {
		if err := f(i); err != nil {
			m.errs = append(m.errs, fmt.Errorf("[[%s]] %d: %w", table, i+1, err))
		}
	}
}

// chip returns the chip at a place, made once.
func chip[T any](known map[[2]int]*T, bus int, addr uint16, create func() (*T, error)) (*T, error) {
	key := [2]int{bus, int(addr)}
	if c := known[key]; c != nil {
		return c, nil
	}
	c, err := create()
	if err == nil {
		known[key] = c
	}
	return c, err
}

// options of a chain.
func (c *Chain) options(o Options) bm13xx.Options {
	opts := bm13xx.Options{
		Chips: c.Chips, Domains: c.Domains, Frequency: c.frequency(), Baud: c.Baud, Settle: c.Settle.Duration,
		Ticket: c.Ticket, WiredZeros: c.Zeros, Log: o.Log,
	}
	if o.Clock != 0 {
		opts.Frequency = o.Clock
	}
	return opts
}

func (c *Chain) name(i int) string {
	if c.Name != "" {
		return c.Name
	}
	return fmt.Sprintf("chain %d", i+1)
}

func (m *maker) chain(i int) error {
	c := &m.f.Chains[i]
	drive, err := reset(m.p, c)
	if err != nil {
		return err
	}
	line, err := m.p.Line(c.UART)
	if err != nil {
		return err
	}
	model, err := bm13xx.ParseModel(c.Model)
	if err != nil {
		return err
	}
	r := board.NewReset(drive, m.o.Log)
	r.Chain = i + 1
	m.b.Resets = append(m.b.Resets, r)
	m.b.Chains = append(m.b.Chains, board.NewBM13xx(c.name(i), line, r, model, c.options(m.o)))
	return nil
}

// reset holds a chain's chips, and returns what moves their line.
func reset(p Parts, c *Chain) (func(low bool) error, error) {
	pin, err := p.Pin(*c.Reset)
	if err != nil {
		return nil, err
	}
	drive := func(hold bool) error { return pin.Out(gpio.Level(hold == (c.Active == "high"))) }
	return drive, drive(true)
}

func (m *maker) fan(i int) error {
	f := &m.f.Fans[i]
	b := &board.Fan{Name: f.Name, MinDuty: f.MinDuty / 100, MinRPM: f.MinRPM}
	var err error
	switch f.Kind {
	case "emc2101":
		b.Driver, err = m.cooler(f.Bus, f.Address)
	case "pwm":
		return m.pwmFan(f, b)
	default:
		b.Driver, err = m.output(f)
	}
	if err == nil {
		m.b.Fans = append(m.b.Fans, b)
	}
	return err
}

// pwmFan is a fan at this computer's own outputs.
func (m *maker) pwmFan(f *Fan, b *board.Fan) error {
	pwm, err := m.p.PWM(fan.PWMOptions{Chip: f.Chip, Channel: f.Channel, Period: f.Period.Duration})
	if err != nil {
		return err
	}
	pin, err := m.p.Pin(*f.Tach)
	if err != nil {
		return err
	}
	fans, keepers, err := antminer.Fans([]antminer.Duty{pwm}, []gpio.PinIn{pin}, b.MinDuty, b.MinRPM)
	if err != nil {
		return err
	}
	fans[0].Name, keepers[0].Name = f.Name, f.Name+" tachometer"
	m.b.Fans, m.b.Keepers = append(m.b.Fans, fans...), append(m.b.Keepers, keepers...)
	return nil
}

func (m *maker) cooler(bus int, addr uint16) (*emc2101.Fan, error) {
	return chip(m.emc2101, bus, addr, func() (*emc2101.Fan, error) {
		b, err := m.p.Bus(bus)
		if err != nil {
			return nil, err
		}
		return emc2101.New(b, addr, emc2101.Options{})
	})
}

// output is one of the fans of an EMC2302, or the one of an EMC2103.
func (m *maker) output(f *Fan) (board.FanDriver, error) {
	c, err := chip(m.emc2302, f.Bus, f.Address, func() (*emc2302.Controller, error) {
		b, err := m.p.Bus(f.Bus)
		if err != nil {
			return nil, err
		}
		return emc2302.New(b, f.Address, emc2302.Options{})
	})
	if err != nil {
		return nil, err
	}
	fans := c.Fans()
	if f.Output >= len(fans) {
		return nil, fmt.Errorf("%v has %d outputs, none is number %d", c, len(fans), f.Output)
	}
	return fans[f.Output], nil
}

// stuckAfter is how long a sensor finer than its noise may show the same.
const stuckAfter = 3 * time.Minute

func (m *maker) thermometer(i int) error {
	t := &m.f.Thermometers[i]
	read, err := m.reader(t)
	if err != nil {
		return err
	}
	still := time.Duration(0)
	if t.Kind == "emc2101" && t.Sensor == "external" {
		still = stuckAfter
	}
	heat := board.Heat{Target: board.Celsius(t.Target), Throttle: board.Celsius(t.Throttle), Max: board.Celsius(t.Max)}
	b := board.NewThermometer(t.Name, read, heat, still)
	b.Chain = t.Chain
	m.b.Thermometers = append(m.b.Thermometers, b)
	return nil
}

func (m *maker) reader(t *Thermometer) (func() (physic.Temperature, error), error) {
	bus, err := m.p.Bus(t.Bus)
	if err != nil {
		return nil, err
	}
	switch t.Kind {
	case "tmp451":
		s, err := tmp451.New(bus, t.Address, tmp451.Options{})
		if err != nil {
			return nil, err
		}
		if t.Sensor == "internal" {
			return s.Local, nil
		}
		return s.Remote, nil
	case "emc2101":
		c, err := m.cooler(t.Bus, t.Address)
		if err != nil {
			return nil, err
		}
		if t.Sensor == "internal" {
			return c.Internal, nil
		}
		return c.External, nil
	case "tps546":
		r := m.tps546[[2]int{t.Bus, int(t.Address)}]
		if r == nil {
			return nil, fmt.Errorf("there is no [[rail]] of kind tps546 at %#02x", t.Address)
		}
		return r.Temperature, nil
	}
	model := map[string]tmp75.Model{"tmp75": tmp75.TMP75, "tmp1075": tmp75.TMP1075, "lm75a": tmp75.LM75A}[t.Kind]
	s, err := tmp75.New(bus, t.Address, tmp75.Options{Model: model})
	if err != nil {
		return nil, err
	}
	return s.Temperature, nil
}
