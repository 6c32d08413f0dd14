package board

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/physic"
)

// A Chain is a hasher of chips that a board powers. Its Run brings the chips up
// from reset, mines, and leaves them in reset.
type Chain interface {
	hashing.Hasher
	// HashRate is what to expect of it, in hashes per second.
	HashRate() float64
	// SetClock asks for a share of the full clock. It returns at once; the clock
	// walks there at the pace that the chips stand.
	SetClock(share float64)
	Status() ChainStatus
}

// Phase is what a chain does.
type Phase string

// Phases of a chain.
const (
	Resting  Phase = "resting"  // not in Run
	Starting Phase = "starting" // counting chips, walking the clock
	Hashing  Phase = "hashing"
)

// ChainStatus is a chain at one moment. Its counters begin when the chips were
// last brought up.
type ChainStatus struct {
	Model          string       `json:"model"`
	Phase          Phase        `json:"phase"`
	MHz            float64      `json:"clock_mhz"`
	HashRate       float64      `json:"hash_rate"` // to expect, hashes per second
	Good           uint64       `json:"good"`
	HardwareErrors uint64       `json:"hardware_errors"`
	Duplicates     uint64       `json:"duplicates"`
	Lost           uint64       `json:"lost"`
	Chips          []ChipStatus `json:"chips"`
}

// ChipStatus is one chip.
type ChipStatus struct {
	Domain         int    `json:"domain"`
	Health         string `json:"health"` // alive, silent or dead
	Good           uint64 `json:"good"`
	HardwareErrors uint64 `json:"hardware_errors"`
}

// Alive is how many chips answer and find what they should.
func (s *ChainStatus) Alive() (n int) {
	for _, c := range s.Chips {
		if c.Health == string(bm13xx.Alive) {
			n++
		}
	}
	return n
}

// BM13xx is a chain of Bitmain's chips on a serial line.
type BM13xx struct {
	name  string
	port  bm13xx.Port
	model bm13xx.Model
	opts  bm13xx.Options
	reset *Reset
	log   *slog.Logger
	clock chan float64 // the newest share that was asked for

	mu    sync.Mutex
	share float64
	phase Phase
	chain *bm13xx.Chain // of the last bring-up
}

// NewBM13xx returns a chain that is brought up by each Run. The options need
// Chips and Frequency; their Reset is ours.
func NewBM13xx(name string, port bm13xx.Port, reset *Reset, model bm13xx.Model, opts bm13xx.Options) *BM13xx {
	opts.Reset = reset.Set
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.WiredZeros == 0 {
		opts.WiredZeros = 32
	}
	return &BM13xx{
		name: name, port: port, model: model, opts: opts, reset: reset, log: opts.Log,
		clock: make(chan float64, 1), share: 1, phase: Resting,
	}
}

// String names the chain and its chips.
func (c *BM13xx) String() string { return c.name }

// HashRate is the rate at full clock.
func (c *BM13xx) HashRate() float64 {
	hz := float64(c.opts.Frequency) / float64(physic.Hertz)
	return hz * float64(c.model.HashesPerClock()*c.opts.Chips) / float64(uint64(1)<<(32-c.opts.WiredZeros))
}

// RollBits is part of hashing.Roller.
func (c *BM13xx) RollBits() int { return c.model.RollBits() }

// SetClock is part of Chain.
func (c *BM13xx) SetClock(share float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share = share
	select {
	case <-c.clock: // replaced
	default:
	}
	c.clock <- share // has room: only we send
}

// Run is part of hashing.Hasher.
func (c *BM13xx) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	opts, begin := c.starting()
	defer c.enter(Resting, nil)
	chain, err := bm13xx.New(ctx, c.port, c.model, opts)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	c.enter(Hashing, chain)
	inner, stop := context.WithCancel(ctx)
	var walking sync.WaitGroup
	walking.Go(func() { c.walk(inner, chain, begin) })
	err = chain.Run(ctx, feed, found)
	stop()
	walking.Wait()
	if !c.reset.isLow() {
		c.log.Error("the chips are not in reset; their clock goes down", "chain", c.name)
		err = errors.Join(err, chain.Slow())
	}
	return err
}

// starting gives the options for the clock that was asked for last.
func (c *BM13xx) starting() (bm13xx.Options, float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = Starting
	opts := c.opts
	opts.Frequency = c.at(c.share)
	return opts, c.share
}

func (c *BM13xx) at(share float64) physic.Frequency {
	return physic.Frequency(float64(c.opts.Frequency) * share)
}

func (c *BM13xx) enter(p Phase, chain *bm13xx.Chain) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = p
	if chain != nil {
		c.chain = chain
	}
}

// walk moves the clock to where it is wanted, until ctx ends.
func (c *BM13xx) walk(ctx context.Context, chain *bm13xx.Chain, is float64) {
	for {
		select {
		case <-ctx.Done():
			return
		case share := <-c.clock:
			if share == is {
				continue
			}
			if err := chain.SetFrequency(ctx, c.at(share)); err != nil {
				if ctx.Err() == nil {
					c.log.Warn("the clock cannot be changed", "chain", c.name, "err", err)
				}
				continue
			}
			is = share
		}
	}
}

// Status is part of Chain.
func (c *BM13xx) Status() ChainStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := ChainStatus{Model: c.model.String(), Phase: c.phase}
	if c.chain == nil {
		return s
	}
	from := c.chain.Status()
	s.Good, s.HardwareErrors, s.Duplicates, s.Lost = from.Good, from.HardwareErrors, from.Duplicates, from.Lost
	if c.phase == Hashing {
		s.HashRate = from.HashRate
	}
	for _, chip := range from.ChipStatus {
		if c.phase == Hashing {
			s.MHz += float64(chip.Clock) / float64(physic.MegaHertz) / float64(len(from.ChipStatus))
		}
		s.Chips = append(s.Chips, ChipStatus{
			Domain: chip.Domain, Health: string(chip.Health), Good: chip.Good, HardwareErrors: chip.HardwareErrors,
		})
	}
	return s
}
