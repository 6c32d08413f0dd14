package virtual

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/lodefw/lode/board/s9"
	"github.com/lodefw/lode/drivers/pic16"
	"github.com/lodefw/lode/drivers/zynqio"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/fpgasim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// S9 is a virtual Antminer S9: three hash boards behind the cores of an FPGA.
type S9 struct {
	*Board
	Cores       []*fpgasim.Core
	Controllers []*i2csim.PIC16
	Sensors     []*ChipSensor
	Fans        *fpgasim.Fans

	mu      sync.Mutex // guards what follows
	volts   []float64  // mV that each chain was told
	air     float64
	ambient float64
	hot     float64 // °C that the first sensor has above its usual
	rand    *rand.Rand
}

// ChipSensor is the thermometer behind a chip. The chip's chain asks it with its
// lock held, so it knows the temperature that was last put into it.
type ChipSensor struct {
	chip    int
	celsius atomic.Uint64 // bits of a float64

	mu     sync.Mutex
	sensor *i2csim.TMP451
	nak    bool
}

// Tx is a transaction of the chip's I²C master.
func (s *ChipSensor) Tx(chip int, address, register byte, write bool, data byte) (byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if chip != s.chip || address != 0x98>>1 || s.nak {
		return 0, false
	}
	w, r := []byte{register}, []byte{0}
	if write {
		w, r = append(w, data), nil
	}
	if err := s.sensor.Tx(w, r); err != nil || write {
		return data, err == nil
	}
	return r[0], true
}

func (s *ChipSensor) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func newChipSensor(chip int, ambient float64) *ChipSensor {
	s := &ChipSensor{chip: chip}
	s.celsius.Store(math.Float64bits(ambient))
	remote := func() physic.Temperature { return celsius(math.Float64frombits(s.celsius.Load())) }
	local := func() physic.Temperature { return remote() - 15*physic.Kelvin }
	s.sensor = i2csim.NewTMP451(i2csim.MakerOnsemi, local, remote)
	return s
}

// fanWindow is the fan core: whoever looks at it lets the air move.
type fanWindow struct {
	*fpgasim.Fans
	s *S9
}

// Read32 reads a register of the fan core.
func (w fanWindow) Read32(offset uint32) uint32 {
	w.s.change(func() {})
	return w.Fans.Read32(offset)
}

// Write32 writes one.
func (w fanWindow) Write32(offset, v uint32) {
	w.Fans.Write32(offset, v)
	w.s.change(func() {})
}

func s9s() []kind {
	return []kind{{s9.Name, func(cfg Config) (*Board, error) {
		b, err := NewS9(cfg)
		if err != nil {
			return nil, err
		}
		return b.Board, nil
	}}}
}

// NewS9 is New for a test that wants to touch the machine's parts.
func NewS9(cfg Config) (*S9, error) {
	cfg = cfg.usual()
	if cfg.Chips == 0 {
		cfg.Chips = s9.Chips
	}
	s := &S9{
		Board: new(Board), Fans: fpgasim.NewFans(2), air: -1, ambient: cfg.Ambient,
		rand: rand.New(rand.NewPCG(cfg.Seed, 3)),
	}
	s.Bus = i2csim.New()
	parts := s9.Parts{I2C: s.Bus, Fans: zynqio.NewFans(fanWindow{s.Fans, s})}
	for i, n := range s9.Connectors() {
		h, err := s.plug(i, n, cfg)
		if err != nil {
			return nil, err
		}
		parts.HashBoards = append(parts.HashBoards, h)
	}
	s.Bus.Trace = func(i2csim.IO) { s.change(func() {}) }
	s.change(func() {})
	ctx, cancel := opening()
	defer cancel()
	var err error
	s.Board.Board, err = s9.New(ctx, parts, s9.Options{
		Chips: cfg.Chips, WiredZeros: s.Chips[0].Zeros(), Ticket: ticket / 2, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	s.State, s.Reports, s.Faults = s.state, s.reports, s.faults()
	return s, nil
}

// plug puts a hash board on a connector.
func (s *S9) plug(i, connector int, cfg Config) (h s9.HashBoard, err error) {
	domains := max(1, cfg.Chips*s9.Domains/s9.Chips)
	c, err := chipsim.New(chipsim.Config{
		Model: "BM1387", Chips: cfg.Chips, Domains: domains, Seed: cfg.Seed + uint64(i), HashBudget: cfg.HashBudget / 3,
		Ambient: cfg.Ambient, Off: true, HeldInReset: true,
	})
	if err != nil {
		return h, err
	}
	sensor := newChipSensor(min(s9.SensorChip, cfg.Chips-1), cfg.Ambient)
	c.AttachI2C(sensor.Tx)
	fpga, pic := fpgasim.New(c, fpgasim.Config{}), &i2csim.PIC16{}
	s.Bus.Add(pic16.Address(connector), pic)
	s.Chips, s.volts = append(s.Chips, c), append(s.volts, 0)
	s.Cores, s.Controllers, s.Sensors = append(s.Cores, fpga), append(s.Controllers, pic), append(s.Sensors, sensor)
	core, err := zynqio.New(zynqio.Windows{Common: fpga.Common(), Command: fpga.Command(), WorkRx: fpga.WorkRx(), WorkTx: fpga.WorkTx()})
	reset := newPin(fmt.Sprint("reset ", connector), gpio.Low, func(l gpio.Level) { c.Reset(l == gpio.Low) })
	return s9.HashBoard{Connector: connector, Core: core, Reset: reset}, err
}

// change changes something, and lets chips and sensors feel it.
func (s *S9) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	air := (s.Fans.RPS(0) + s.Fans.RPS(1)) / (s.Fans.MaxRPS[0] + s.Fans.MaxRPS[1])
	for i, c := range s.Chips {
		if v := s.millivolts(i); v != s.volts[i] {
			s.volts[i] = v
			c.SetVoltage(v)
		}
		if air != s.air {
			c.SetFan(air)
		}
		t := c.Temperature(s.Sensors[i].chip) + 0.1*s.rand.NormFloat64()
		if i == 0 {
			t += s.hot
		}
		s.Sensors[i].celsius.Store(math.Float64bits(t))
	}
	s.air = air
}

// millivolts of a chip: the domains of a hash board are in series.
func (s *S9) millivolts(i int) float64 {
	pic := s.Controllers[i]
	if !pic.Enabled() {
		return 0
	}
	return (1608.420446 - float64(pic.Code())) / 170.423497 * 1000 / s9.Domains
}

func (s *S9) state() (st State) {
	s.change(func() {}) // a heartbeat may have been missed
	for _, c := range s.Chips {
		st.Chains = append(st.Chains, chainState(c))
	}
	st.RPM = 60 * min(s.Fans.RPS(0), s.Fans.RPS(1))
	return st
}

func (s *S9) reports() []string {
	list := append(chipReports(s.Chips), s.Bus.Reports()...)
	for i, core := range s.Cores {
		for _, r := range core.Reports() {
			list = append(list, fmt.Sprintf("core %d: %s", i, r))
		}
	}
	return list
}

// SetAmbient sets the temperature of the air.
func (s *S9) SetAmbient(celsius float64) {
	for _, c := range s.Chips {
		c.SetAmbient(celsius)
	}
}

// faults are what an S9 can have beside its chips'.
func (s *S9) faults() []Fault {
	first := s.Sensors[0]
	sensor := func(f func()) func() { return func() { first.set(f) } }
	fan := func(f func()) func() { return func() { f(); s.change(func() {}) } }
	all := []uint16{pic16.Address(6), pic16.Address(7), pic16.Address(8)}
	nak, fine := i2csim.Fault{NAK: -1}, i2csim.Fault{}
	chips := func(k chipsim.FaultKind) func() {
		return func() { _ = s.Chips[0].Inject(chipsim.Fault{Kind: k, Chip: -1}) } // kind and chip are good
	}
	const place, pic = "hash board J6, chips", "hash board J6 voltage controller"
	return []Fault{
		{FanStops, "fan 1", fan(func() { s.Fans.Stop(0, true) }), fan(func() { s.Fans.Stop(0, false) })},
		{TachLost, "fan 1", func() { s.Fans.Deafen(0, true) }, func() { s.Fans.Deafen(0, false) }},
		{SensorNAK, place, sensor(func() { first.nak = true }), sensor(func() { first.nak = false })},
		{SensorLost, place, sensor(func() { first.sensor.Short = true }), sensor(func() { first.sensor.Short = false })},
		{SensorHot, place, func() { s.change(func() { s.hot = 90 }) }, func() { s.change(func() { s.hot = 0 }) }},
		{HotAir, place, func() { s.SetAmbient(100) }, func() { s.SetAmbient(25) }},
		{HeartbeatLost, pic, onBus(s.Bus, nak, all[0]), onBus(s.Bus, fine, all[0])},
		{BusDead, pic, onBus(s.Bus, nak, all...), onBus(s.Bus, fine, all...)},
		{ChipsDark, "hash board J6", chips(chipsim.DeadChip), s.Chips[0].Heal},
		{LineBroken, "hash board J6", func() { s.Cores[0].Stop(true) }, func() { s.Cores[0].Stop(false) }},
	}
}
