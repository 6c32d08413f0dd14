package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/physic"
)

// BM13xx is a chain of Bitmain's chips on a serial line.
type BM13xx struct {
	name  string
	port  bm13xx.Port
	model bm13xx.Model
	opts  bm13xx.Options
	reset *Reset
	log   *slog.Logger
	moved chan struct{} // something about the wanted clocks has changed

	mu      sync.Mutex
	share   float64
	full    []physic.Frequency // of each chip
	abort   func()             // ends the walk that is under way; or nil
	walking bool
	phase   Phase
	chain   *bm13xx.Chain // of the last bring-up
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
		full:  slices.Repeat([]physic.Frequency{opts.Frequency}, opts.Chips),
		moved: make(chan struct{}, 1), share: 1, phase: Resting,
	}
}

// String names the chain and its chips.
func (c *BM13xx) String() string { return c.name }

// HashRate is the rate at full clock.
func (c *BM13xx) HashRate() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var sum physic.Frequency
	for _, f := range c.full {
		sum += f
	}
	hz := float64(sum) / float64(physic.Hertz)
	return hz * float64(c.model.HashesPerClock()) / float64(uint64(1)<<(32-c.opts.WiredZeros))
}

// RollBits is part of hashing.Roller.
func (c *BM13xx) RollBits() int { return c.model.RollBits() }

// SetClock is part of Chain.
func (c *BM13xx) SetClock(share float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share = share
	c.move()
}

// Clocks is part of Tunable.
func (c *BM13xx) Clocks() (list []MHz) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.full {
		list = append(list, megahertz(f))
	}
	return list
}

// Tune is part of Tunable.
func (c *BM13xx) Tune(clocks []MHz) error {
	full := make([]physic.Frequency, len(clocks))
	for i, f := range clocks {
		full[i] = f.Frequency()
		if _, err := c.model.PLL(full[i]); err != nil {
			return fmt.Errorf("board: %s: chip %d: %w", c.name, i, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(full) != len(c.full) {
		return fmt.Errorf("board: %s: clocks for %d chips, it has %d", c.name, len(full), len(c.full))
	}
	c.full = full
	c.move()
	return nil
}

// move has the walk begin anew, towards what is wanted now. It wants the lock.
func (c *BM13xx) move() {
	c.walking = true // until walk says otherwise
	if c.abort != nil {
		c.abort()
	}
	select {
	case c.moved <- struct{}{}:
	default: // it will look anyway
	}
}

// Run is part of hashing.Hasher.
func (c *BM13xx) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	opts := c.starting()
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
	walking.Go(func() { c.walk(inner, chain) })
	err = chain.Run(ctx, feed, found)
	stop()
	walking.Wait()
	if !c.reset.isLow() {
		c.log.Error("the chips are not in reset; their clock goes down", "chain", c.name)
		err = errors.Join(err, chain.Slow())
	}
	return err
}

// starting gives the options for the slowest clock that is wanted.
func (c *BM13xx) starting() bm13xx.Options {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = Starting
	opts := c.opts
	opts.Frequency = slices.Min(c.wanted())
	return opts
}

// wanted are the clocks for now. It wants the lock.
func (c *BM13xx) wanted() []physic.Frequency {
	list := make([]physic.Frequency, len(c.full))
	for i, f := range c.full {
		list[i] = physic.Frequency(float64(f) * c.share)
	}
	return list
}

func (c *BM13xx) enter(p Phase, chain *bm13xx.Chain) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = p
	if chain != nil {
		c.chain, c.walking = chain, true
	}
}

// walk moves the clocks to where they are wanted, until ctx ends.
func (c *BM13xx) walk(ctx context.Context, chain *bm13xx.Chain) {
	var at []physic.Frequency // nil until they are somewhere
	for ctx.Err() == nil {
		to, on, done := c.leave(ctx, at)
		if to != nil {
			at = nil
			switch err := chain.SetFrequencies(on, to); {
			case err == nil:
				at = to
			case on.Err() == nil:
				c.log.Warn("the clock cannot be changed", "chain", c.name, "err", err)
			}
		}
		if done() {
			continue
		}
		select {
		case <-ctx.Done():
		case <-c.moved:
		}
	}
}

// leave tells where to walk, nil if the clocks are there, and until when. done
// tells that something else has been asked for meanwhile.
func (c *BM13xx) leave(ctx context.Context, at []physic.Frequency) (to []physic.Frequency, on context.Context, done func() (again bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to = c.wanted(); slices.Equal(to, at) {
		to = nil
	}
	on, stop := context.WithCancel(ctx)
	c.abort, c.walking = stop, to != nil
	return to, on, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		again := on.Err() != nil
		stop()
		c.abort, c.walking = nil, again
		return again
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
	s.Noise, s.Unasked = from.Noise, from.Unasked
	if c.phase == Hashing {
		s.HashRate, s.ResultHashes, s.Walking = from.HashRate, from.ResultHashes, c.walking
	}
	for _, chip := range from.ChipStatus {
		one := ChipStatus{
			Domain: chip.Domain, Health: string(chip.Health), Good: chip.Good, HardwareErrors: chip.HardwareErrors,
		}
		if c.phase == Hashing {
			one.MHz = float64(megahertz(chip.Clock))
			s.MHz += one.MHz / float64(len(from.ChipStatus))
		}
		s.Chips = append(s.Chips, one)
	}
	return s
}
