package board

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"

	"github.com/lodefw/lode/drivers/a1"
	"github.com/lodefw/lode/drivers/bitfury"
	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/pin"
	"periph.io/x/conn/v3/spi"
)

// SPI is a chain of chips on SPI: Bitmine A1 or Bitfury.
type SPI struct {
	name, model string
	rate        float64 // at full clock
	reset       *Reset
	log         *slog.Logger
	begin       func(context.Context) (spiDriver, error)

	mu     sync.Mutex
	share  float64
	phase  Phase
	driver spiDriver // of the last bring-up
}

// spiDriver is what the chips' drivers have in common.
type spiDriver interface {
	Run(context.Context, *hashing.Feed, func(hashing.Solution)) error
	// setShare asks for a share of the full clock.
	setShare(share float64) error
	status() ChainStatus
	HashRate() float64
}

// NewA1 returns a chain of A1 chips that is brought up by each Run. The options
// need Chips; their Reset is ours.
func NewA1(conn spi.Conn, reset *Reset, opts a1.Options) *SPI {
	if opts.Clock == 0 {
		opts.Clock = a1.DefaultClock
	}
	if opts.Scale == 0 {
		opts.Scale = 1
	}
	opts.Reset = &resetPin{BasicPin: pin.BasicPin{N: "reset"}, reset: reset}
	rate := float64(opts.Clock) / float64(physic.Hertz) * float64(a1.Cores*opts.Chips) / opts.Scale
	return newSPI(opts.Name, "A1", rate, reset, opts.Log, func(ctx context.Context) (spiDriver, error) {
		chain, err := a1.New(ctx, conn, opts)
		return a1Driver{chain, opts.Clock}, err
	})
}

// NewBitfury returns a chain of Bitfury chips that is brought up by each Run. The
// options need Chips. The chips have no reset line: who drives reset stops them by
// messages, and keeps the driver from the bus while it is low.
func NewBitfury(conn spi.Conn, reset *Reset, opts bitfury.Options) *SPI {
	if opts.Bits == 0 {
		opts.Bits = bitfury.DefaultBits
	}
	if opts.Scale == 0 {
		opts.Scale = 1
	}
	rate := bitfury.RateAt(opts.Bits) * float64(opts.Chips) / opts.Scale
	return newSPI(opts.Name, "Bitfury", rate, reset, opts.Log, func(ctx context.Context) (spiDriver, error) {
		reset.Set(false)
		chain, err := bitfury.New(ctx, conn, opts)
		return bitfuryDriver{chain, opts.Bits}, err
	})
}

func newSPI(name, model string, rate float64, reset *Reset, log *slog.Logger, begin func(context.Context) (spiDriver, error)) *SPI {
	if name == "" {
		name = model
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &SPI{name: name, model: model, rate: rate, reset: reset, log: log, begin: begin, share: 1, phase: Resting}
}

// String names the chain.
func (c *SPI) String() string { return c.name }

// HashRate is the rate at full clock.
func (c *SPI) HashRate() float64 { return c.rate }

// SetClock is part of Chain. The chips take a new clock at once.
func (c *SPI) SetClock(share float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share = share
	c.tell()
}

// tell passes the wanted clock on. It wants the lock.
func (c *SPI) tell() {
	if c.phase != Hashing {
		return
	}
	if err := c.driver.setShare(c.share); err != nil {
		c.log.Warn("the clock cannot be changed", "chain", c.name, "err", err)
	}
}

// Run is part of hashing.Hasher.
func (c *SPI) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	c.enter(Starting, nil)
	defer c.enter(Resting, nil)
	defer c.reset.Set(true)
	driver, err := c.begin(ctx)
	if err == nil {
		c.enter(Hashing, driver)
		err = driver.Run(ctx, feed, found)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (c *SPI) enter(p Phase, d spiDriver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = p
	if d == nil {
		return
	}
	c.driver = d
	c.tell()
}

// Status is part of Chain.
func (c *SPI) Status() ChainStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	var s ChainStatus
	if c.driver != nil {
		s = c.driver.status()
	}
	s.Model, s.Phase = c.model, c.phase
	if c.phase != Hashing {
		s.MHz = 0
		return s
	}
	s.HashRate = c.driver.HashRate()
	return s
}

// add counts a chip.
func (s *ChainStatus) add(chip ChipStatus, duplicates uint64) {
	s.Good += chip.Good
	s.HardwareErrors += chip.HardwareErrors
	s.Duplicates += duplicates
	s.Chips = append(s.Chips, chip)
}

type a1Driver struct {
	*a1.Chain
	full physic.Frequency
}

func (d a1Driver) setShare(share float64) error {
	return d.SetClock(physic.Frequency(float64(d.full) * share))
}

func (d a1Driver) status() (s ChainStatus) {
	from := d.Status()
	s.MHz, s.Lost, s.ResultHashes = float64(megahertz(from.Clock)), from.Lost, from.ResultHashes
	for _, chip := range from.Chips {
		health := bm13xx.Dead
		switch chip.State {
		case a1.Good, a1.Weak:
			health = bm13xx.Alive
		case a1.Resting:
			health = bm13xx.Silent
		}
		s.add(ChipStatus{
			Health: string(health), MHz: float64(megahertz(chip.Clock)), Good: chip.Good, HardwareErrors: chip.HardwareErrors,
		}, chip.Duplicates)
	}
	return s
}

type bitfuryDriver struct {
	*bitfury.Chain
	full int // bits of the oscillator
}

// setShare goes by the oscillator's bits, of which the rate is about a multiple.
func (d bitfuryDriver) setShare(share float64) error {
	bits := int(math.Floor(float64(d.full) * share))
	return d.SetOscillator(max(bitfury.LowestBits, bits))
}

// status has no clock: nobody knows what an oscillator's bit is in hertz.
func (d bitfuryDriver) status() (s ChainStatus) {
	from := d.Status()
	s.ResultHashes = from.ResultHashes
	for _, chip := range from.Chips {
		health := bm13xx.Alive
		if chip.State == bitfury.Resting {
			health = bm13xx.Silent
		}
		s.Lost += chip.Noise
		s.add(ChipStatus{Health: string(health), Good: chip.Good, HardwareErrors: chip.HardwareErrors}, chip.Duplicates)
	}
	return s
}

// resetPin is a Reset as the pin that a driver wants.
type resetPin struct {
	pin.BasicPin
	reset *Reset
}

// Out is part of gpio.PinOut.
func (p *resetPin) Out(l gpio.Level) error {
	p.reset.Set(l == gpio.Low)
	return nil
}

// PWM is part of gpio.PinOut.
func (p *resetPin) PWM(gpio.Duty, physic.Frequency) error {
	return errors.New("board: a reset line has no PWM")
}
