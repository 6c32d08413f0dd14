package virtual

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Antminer is a virtual machine of three hash boards, one supply and four fans.
type Antminer struct {
	*Board
	Kind        antminer.Kind
	Supply      *i2csim.APW
	SupplyBus   *i2csim.Bus
	Controllers []*i2csim.DSPIC // of the hash boards; nil if they have none
	EEPROMs     []*i2csim.AT24C02
	Enable      *Pin

	mu      sync.Mutex // guards what follows
	rand    *rand.Rand
	fans    []*fanModel
	duty    float64
	volts   []float64 // mV that each chain was told
	air     float64
	ambient float64
	hot     float64 // °C that the first sensor has above its usual
}

// fanModel is a fan at a control board's PWM output.
type fanModel struct {
	max           float64 // rpm
	stopped, dead bool
}

// A Pin is a pin that somebody listens to.
type Pin struct {
	gpio.PinIO // refuses what is not here
	name       string
	mu         sync.Mutex
	level      gpio.Level
	set        func(gpio.Level)
}

// String names the pin.
func (p *Pin) String() string { return p.name }

// In makes it an input: the level stays, as a resistor would keep it.
func (p *Pin) In(gpio.Pull, gpio.Edge) error { return nil }

// Read is the level.
func (p *Pin) Read() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level
}

// Out sets the level.
func (p *Pin) Out(l gpio.Level) error {
	p.mu.Lock()
	p.level = l
	p.mu.Unlock()
	if p.set != nil {
		p.set(l)
	}
	return nil
}

func newPin(name string, level gpio.Level, set func(gpio.Level)) *Pin {
	return &Pin{PinIO: gpio.INVALID, name: name, level: level, set: set}
}

// tachPin gives the edges of a fan.
type tachPin struct {
	gpio.PinIO
	a    *Antminer
	fan  *fanModel
	next time.Time // edge
}

func (p *tachPin) String() string { return "tach" }

func (p *tachPin) In(pull gpio.Pull, _ gpio.Edge) error {
	if pull != gpio.PullNoChange {
		return errors.New("virtual: a kernel's pin cannot choose a pull")
	}
	return nil
}

// WaitForEdge waits as long as the fan turns for an edge, of which it has two a turn.
func (p *tachPin) WaitForEdge(timeout time.Duration) bool {
	p.a.mu.Lock()
	rpm := p.a.rpm(p.fan)
	if p.fan.dead {
		rpm = 0
	}
	p.a.mu.Unlock()
	if rpm == 0 {
		time.Sleep(timeout)
		return false
	}
	every := time.Duration(float64(time.Minute) / rpm / 2)
	now := time.Now()
	// Edges that a busy computer comes late for are not lost, for a second.
	if now.Sub(p.next) > time.Second || p.next.After(now.Add(every)) {
		p.next = now.Add(every)
	}
	left := p.next.Sub(now)
	if left > timeout {
		time.Sleep(timeout)
		return false
	}
	time.Sleep(left)
	p.next = p.next.Add(every)
	return true
}

// rpm of a fan that is driven with the board's duty. It wants the lock.
func (a *Antminer) rpm(f *fanModel) float64 {
	if f.stopped {
		return 0
	}
	return f.max * (0.1 + 0.9*a.duty)
}

// SetDuty is the PWM output.
func (a *Antminer) SetDuty(d gpio.Duty) error {
	a.change(func() { a.duty = float64(d) / float64(gpio.DutyMax) })
	return nil
}

// wiring is what the parts of a virtual machine are called by its board's package.
type wiring struct {
	lines  []bm13xx.Port
	resets []gpio.PinOut
	tachs  []gpio.PinIn
	a      *Antminer
}

// newAntminer wires a machine of a kind, and has open make the board of it.
func newAntminer(k antminer.Kind, cfg Config, dspics, activeLow bool, open func(wiring, antminer.Options) (*board.Board, error)) (*Antminer, error) {
	a := &Antminer{
		Board: new(Board), Kind: k, ambient: cfg.Ambient, duty: 1, air: -1,
		rand:      rand.New(rand.NewPCG(cfg.Seed, 2)),
		Supply:    &i2csim.APW{Kind: 0x71, Firmware: 0x19}, // as in the S19k Pro's log
		SupplyBus: i2csim.New(),
	}
	a.Bus = i2csim.New()
	w := wiring{a: a}
	a.Enable = newPin("enable", gpio.Level(activeLow), func(l gpio.Level) {
		a.Supply.Enable(bool(l) != activeLow)
		a.change(func() {})
	})
	for i, slot := range antminer.Slots() {
		if err := a.addHashBoard(i, slot, cfg, dspics); err != nil {
			return nil, err
		}
		chain := a.Chips[i]
		w.lines = append(w.lines, chain.Port())
		w.resets = append(w.resets, newPin(fmt.Sprint("reset ", i+1), gpio.Low, func(l gpio.Level) { chain.Reset(l == gpio.Low) }))
	}
	for range 4 {
		f := &fanModel{max: 3000} // slower than real ones: each edge costs time
		a.fans = append(a.fans, f)
		w.tachs = append(w.tachs, &tachPin{PinIO: gpio.INVALID, a: a, fan: f})
	}
	a.SupplyBus.Add(antminer.AddrSupply, a.Supply)
	a.Bus.Trace = func(i2csim.IO) { a.change(func() {}) }
	a.SupplyBus.Trace = a.Bus.Trace
	a.change(func() {})
	var err error
	a.Board.Board, err = open(w, antminer.Options{
		Chips: cfg.Chips, WiredZeros: a.Chips[0].Zeros(), Ticket: ticket, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	a.State, a.Reports, a.Faults = a.state, a.reports, a.faults()
	return a, nil
}

// addHashBoard puts a hash board into a slot.
func (a *Antminer) addHashBoard(i int, slot antminer.HashBoard, cfg Config, dspics bool) error {
	chips, domains := a.Kind.Chips, a.Kind.Domains
	if cfg.Chips != 0 {
		chips, domains = cfg.Chips, antminer.Domains(a.Kind, cfg.Chips)
	}
	c, err := chipsim.New(chipsim.Config{
		Model: a.Kind.Model.String(), Chips: chips, Domains: domains, Seed: cfg.Seed + uint64(i), HashBudget: cfg.HashBudget / 3,
		Ambient: cfg.Ambient, Off: true, HeldInReset: true,
	})
	if err != nil {
		return err
	}
	a.Chips, a.volts = append(a.Chips, c), append(a.volts, 0)
	for j, addr := range slot.Thermometers {
		chip := j * (chips - 1) // the ends of the chain
		a.Bus.Add(addr, i2csim.NewTMP75(func() physic.Temperature { return a.sensor(i, j, chip) }, false))
	}
	rom := &i2csim.AT24C02{Data: [256]byte{0x04, 0x11, byte(i)}}
	a.EEPROMs = append(a.EEPROMs, rom)
	a.Bus.Add(slot.EEPROM, rom)
	if dspics {
		d := &i2csim.DSPIC{}
		a.Controllers = append(a.Controllers, d)
		a.Bus.Add(uint16(0x20+i), d)
	}
	return nil
}

// sensor is on the board beside a chip. Its bus's lock is held.
func (a *Antminer) sensor(board, number, chip int) physic.Temperature {
	at := a.Chips[board].Temperature(chip)
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.ambient + 0.7*(at-a.ambient) + 0.1*a.rand.NormFloat64()
	if board == 0 && number == 0 {
		v += a.hot
	}
	return celsius(v)
}

// change changes something, and lets the chips feel it.
func (a *Antminer) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	turning := 0.0
	for _, f := range a.fans {
		turning += a.rpm(f) / f.max / float64(len(a.fans))
	}
	for i, c := range a.Chips {
		if v := a.millivolts(i); v != a.volts[i] {
			a.volts[i] = v
			c.SetVoltage(v)
		}
		if turning != a.air {
			c.SetFan(turning)
		}
	}
	a.air = turning
}

// millivolts of a chip: the domains of a hash board are in series.
func (a *Antminer) millivolts(i int) float64 {
	if !a.Supply.On() || a.Controllers != nil && !a.Controllers[i].Enabled() {
		return 0
	}
	return a.Supply.Volts() * 1000 / float64(a.Kind.Domains)
}

func (a *Antminer) state() (s State) {
	a.change(func() {}) // a watchdog may have come to its end
	for _, c := range a.Chips {
		s.Chains = append(s.Chains, chainState(c))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.RPM = a.rpm(a.fans[0])
	for _, f := range a.fans {
		s.RPM = min(s.RPM, a.rpm(f))
	}
	return s
}

func (a *Antminer) reports() []string {
	list := append(chipReports(a.Chips), a.Bus.Reports()...)
	return append(append(list, a.SupplyBus.Reports()...), a.Supply.Reports()...)
}

// SetAmbient sets the temperature of the air.
func (a *Antminer) SetAmbient(celsius float64) {
	a.change(func() { a.ambient = celsius })
	for _, c := range a.Chips {
		c.SetAmbient(celsius)
	}
}

// onBus sets a fault of each address.
func onBus(b *i2csim.Bus, f i2csim.Fault, addrs ...uint16) func() {
	return func() {
		for _, addr := range addrs {
			b.SetFault(addr, f)
		}
	}
}

// faults are what such a machine can have beside its chips'.
func (a *Antminer) faults() []Fault {
	set := func(f func()) func() { return func() { a.change(f) } }
	supply := func(f func()) func() { return func() { a.SupplyBus.Do(f); a.change(func() {}) } }
	first := a.fans[0]
	nak, fine := i2csim.Fault{NAK: -1}, i2csim.Fault{}
	var all []uint16
	for _, s := range antminer.Slots() {
		all = append(all, s.Thermometers...)
	}
	list := []Fault{
		{FanStops, a.Board.Fans[0].Name, set(func() { first.stopped = true }), set(func() { first.stopped = false })},
		{TachLost, a.Board.Fans[0].Name, set(func() { first.dead = true }), set(func() { first.dead = false })},
		{SensorNAK, a.Thermometers[0].Name, onBus(a.Bus, nak, all[0]), onBus(a.Bus, fine, all[0])},
		{SensorHot, a.Thermometers[0].Name, set(func() { a.hot = 60 }), set(func() { a.hot = 0 })},
		{HotAir, a.Thermometers[0].Name, func() { a.SetAmbient(90) }, func() { a.SetAmbient(25) }},
		{SupplyNAK, a.Rails[0].Name, onBus(a.SupplyBus, nak, antminer.AddrSupply), onBus(a.SupplyBus, fine, antminer.AddrSupply)},
		{SupplyMute, a.Rails[0].Name, supply(func() { a.Supply.Mute = true }), supply(func() { a.Supply.Mute = false })},
		{SupplySags, a.Rails[0].Name, supply(func() { a.Supply.Sag(0.15) }), supply(func() { a.Supply.Sag(0) })},
		{SupplyHangs, a.Rails[0].Name, onBus(a.SupplyBus, i2csim.Fault{Late: 3e9, NAK: -1}, antminer.AddrSupply), onBus(a.SupplyBus, fine, antminer.AddrSupply)},
		{BusDead, "", onBus(a.Bus, nak, all...), onBus(a.Bus, fine, all...)},
		{BusHangs, "", onBus(a.Bus, i2csim.Fault{Late: 3e9, NAK: -1}, all...), onBus(a.Bus, fine, all...)},
	}
	if a.Controllers != nil {
		list = append(list, Fault{HeartbeatLost, a.Rails[1].Name, onBus(a.Bus, nak, 0x20), onBus(a.Bus, fine, 0x20)})
	}
	return list
}

// patience of New with a machine's controllers.
func opening() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}
