package virtual

import (
	"fmt"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/board/described"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/drivers/fan"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
)

func describeds() []kind {
	return []kind{{"described", func(cfg Config) (*Board, error) {
		a, err := NewDescribed(described.Example(), cfg)
		if err != nil {
			return nil, err
		}
		return a.Board, nil
	}}}
}

// NewDescribed is a board that a file describes, with its parts from a virtual S19j
// Pro: one chain on /dev/ttyS1 whose reset is pin 454, hash boards' bus 0, supply's
// bus 1, enable pin 437, which is low when on, fans at PWM 0.1 with tachometer 447.
func NewDescribed(text []byte, cfg Config) (*Antminer, error) {
	f, err := described.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("virtual: %w", err)
	}
	c := &f.Chains[0]
	model, err := bm13xx.ParseModel(c.Model)
	if err != nil {
		return nil, fmt.Errorf("virtual: %w", err)
	}
	k := antminer.Kind{Name: f.Name, Model: model, Chips: c.Chips, Domains: max(1, c.Domains), Clock: board.MHz(c.Clock).Frequency()}
	return newAntminer(k, cfg.usual(), true, true, func(w wiring, o antminer.Options) (*board.Board, error) {
		if o.Chips != 0 {
			c.Chips, c.Domains = o.Chips, antminer.Domains(k, o.Chips)
		}
		c.Zeros, c.Ticket = o.WiredZeros, o.Ticket
		ctx, cancel := opening()
		defer cancel()
		return described.New(ctx, f, wired{w}, described.Options{Log: o.Log})
	})
}

// wired are the parts of a virtual machine by their names in a file.
type wired struct{ wiring }

func (w wired) Line(uart string) (bm13xx.Port, error) {
	if uart != "/dev/ttyS1" {
		return nil, fmt.Errorf("virtual: no line %s", uart)
	}
	return w.lines[0], nil
}

func (w wired) Bus(n int) (i2c.Bus, error) { return w.BareBus(n) }

func (w wired) BareBus(n int) (i2c.Bus, error) {
	switch n {
	case 0:
		return w.a.Bus, nil
	case 1:
		return w.a.SupplyBus, nil
	}
	return nil, fmt.Errorf("virtual: no bus %d", n)
}

func (w wired) Pin(n int) (gpio.PinIO, error) {
	switch n {
	case 437:
		return w.a.Enable, nil
	case 447:
		return w.tachs[0].(*tachPin), nil
	case 454:
		return w.resets[0].(*Pin), nil
	}
	return nil, fmt.Errorf("virtual: no pin %d", n)
}

func (w wired) PWM(o fan.PWMOptions) (antminer.Duty, error) {
	if o.Chip != 0 || o.Channel != 1 {
		return nil, fmt.Errorf("virtual: no PWM %d.%d", o.Chip, o.Channel)
	}
	return w.a, nil
}
