package virtual

import (
	"fmt"
	"math/rand/v2"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/board/rpi"
	"github.com/lodefw/lode/drivers/a1"
	"github.com/lodefw/lode/drivers/bitfury"
	"github.com/lodefw/lode/drivers/tmp75"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Chips of a virtual chain: as many as on a CoinCraft Desk's board, and in a BFSB
// backplane's bank.
const (
	a1Chips      = 8
	bitfuryChips = 16
)

// What the virtual chips get from a supply that their board cannot turn off; the
// figures are guesses, and only shown.
const (
	a1Millivolts      = 820
	bitfuryMillivolts = 850
)

const addrSensor = 0x48 // of the LM75 at the chips

func rpis() []kind {
	return []kind{{"rpi-a1", newRPiA1}, {"rpi-bitfury", newRPiBitfury}}
}

// spiBus is what the virtual chains have in common.
type spiBus interface {
	SetAmbient(celsius float64)
	Temperature() float64
	SetBroken(bool)
	SetPower(bool)
	Reports() []string
	Connect(physic.Frequency, spi.Mode, int) (spi.Conn, error)
}

// rpiBoard is a virtual Pi with one chain.
type rpiBoard struct {
	*Board
	chain spiBus

	// The bus's lock guards what follows.
	rand *rand.Rand
	air  float64
	off  bool // the chips' supply
}

func newRPi(chain spiBus, cfg Config) *rpiBoard {
	b := &rpiBoard{Board: new(Board), chain: chain, air: cfg.Ambient, rand: rand.New(rand.NewPCG(cfg.Seed, 1))}
	b.Bus = i2csim.New()
	b.Bus.Add(addrSensor, i2csim.NewLM75A(b.atSensor))
	chain.SetAmbient(cfg.Ambient)
	b.Faults = b.faults()
	b.Reports = func() []string { return append(chain.Reports(), b.Bus.Reports()...) }
	return b
}

// atSensor is close to the chips.
func (b *rpiBoard) atSensor() physic.Temperature {
	return celsius(b.air + 0.8*(b.chain.Temperature()-b.air) + 0.1*b.rand.NormFloat64())
}

// computer is the Pi's own temperature.
func (b *rpiBoard) computer() (t physic.Temperature, err error) {
	b.Bus.Do(func() { t = celsius(b.air + 20 + 0.3*b.rand.NormFloat64()) })
	return t, nil
}

func (b *rpiBoard) sensor() (rpi.Thermometer, error) {
	s, err := tmp75.New(b.Bus, addrSensor, tmp75.Options{Model: tmp75.LM75A})
	if err != nil {
		return nil, err
	}
	return s.Temperature, nil
}

func (b *rpiBoard) faults() []Fault {
	sensor := func(f i2csim.Fault) func() { return func() { b.Bus.SetFault(addrSensor, f) } }
	air := func(to float64) func() { return func() { b.setAmbient(to) } }
	power := func(on bool) func() {
		return func() { b.Bus.Do(func() { b.off = !on }); b.chain.SetPower(on) }
	}
	cable := func(broken bool) func() { return func() { b.chain.SetBroken(broken) } }
	return []Fault{
		{SensorNAK, "chips", sensor(i2csim.Fault{NAK: -1}), sensor(i2csim.Fault{})},
		{HotAir, "chips", air(95), air(25)},
		{ChipsDark, "chain 1", power(false), power(true)},
		{LineBroken, "chain 1", cable(true), cable(false)},
	}
}

func (b *rpiBoard) setAmbient(celsius float64) {
	b.Bus.Do(func() { b.air = celsius })
	b.chain.SetAmbient(celsius)
}

// state is the board's, whose chips are busy or not, at a clock.
func (b *rpiBoard) state(millivolts float64, busy bool, mhz float64) (s State) {
	b.Bus.Do(func() {
		if b.off {
			millivolts = 0
		}
	})
	return State{Chains: []ChainState{{Millivolts: millivolts, Celsius: b.chain.Temperature(), MHz: mhz, Idle: !busy}}}
}

// reportTarget is one at which a chip reports every two seconds.
func reportTarget(cfg Config, chips int) bitcoin.Target {
	return bitcoin.RateTarget(cfg.HashBudget, 30*float64(chips))
}

func newRPiA1(cfg Config) (*Board, error) {
	if cfg.Chips == 0 {
		cfg.Chips = a1Chips
	}
	rate := float64(cfg.Chips) * a1.Cores * float64(a1.DefaultClock) / float64(physic.Hertz)
	scale := rate / cfg.HashBudget
	sim := spisim.NewA1(spisim.A1Config{Chips: cfg.Chips, Scale: scale, Timed: true, Seed: cfg.Seed})
	b := newRPi(sim, cfg)
	conn, err := a1.Connect(sim, 0)
	if err != nil {
		return nil, err
	}
	sensor, err := b.sensor()
	if err != nil {
		return nil, err
	}
	chain := rpi.A1Chain{Conn: conn, Reset: func(low bool) error { return sim.Reset().Out(gpio.Level(!low)) }}
	b.Board.Board, err = rpi.NewA1([]rpi.A1Chain{chain}, b.computer, sensor, rpi.A1Options{
		Chips: cfg.Chips, Ticket: reportTarget(cfg, cfg.Chips).Compact(), Scale: scale, Log: cfg.Log,
	})
	b.State = func() State {
		busy, mhz := false, 0.0
		for i := range cfg.Chips {
			s := sim.Stats(i + 1)
			busy = busy || s.Busy
			mhz = max(mhz, float64(s.Clock)/float64(physic.MegaHertz))
		}
		return b.state(a1Millivolts, busy, mhz)
	}
	return b.Board, err
}

func newRPiBitfury(cfg Config) (*Board, error) {
	if cfg.Chips == 0 {
		cfg.Chips = bitfuryChips
	}
	scale := bitfury.RateAt(bitfury.DefaultBits) * float64(cfg.Chips) / cfg.HashBudget
	target := reportTarget(cfg, cfg.Chips)
	sim := spisim.NewBitfury(spisim.BitfuryConfig{
		Chips: cfg.Chips, Target: target, Scale: scale, NeedReset: true, Timed: true, Seed: cfg.Seed,
	})
	b := newRPi(sim, cfg)
	conn, err := bitfury.Connect(sim, 0)
	if err != nil {
		return nil, err
	}
	sensor, err := b.sensor()
	if err != nil {
		return nil, err
	}
	chain := rpi.BitfuryChain{Conn: conn, Links: sim.ResetLinks}
	b.Board.Board, err = rpi.NewBitfury([]rpi.BitfuryChain{chain}, b.computer, sensor, rpi.BitfuryOptions{
		Chips: cfg.Chips, Ticket: target, Scale: scale, Log: cfg.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("rpi-bitfury: %w", err)
	}
	b.State = func() State {
		busy := false
		for i := range cfg.Chips {
			busy = busy || sim.Stats(i).Busy
		}
		return b.state(bitfuryMillivolts, busy, 0)
	}
	return b.Board, nil
}
