// Package a1 drives chains of Bitmine A1 chips (CoinCraft boards and kin) over
// SPI.
//
// A Chain is a hashing.Hasher: New resets the chips, counts them and sets their
// clock; Run keeps two jobs in each of them and collects what they find. A chip
// that fails is named, rests, and is tried again while the others go on. What is
// known of the chip, and from where, is in REFERENCE.md.
package a1

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// DefaultClock is the cores' usual clock.
const DefaultClock = 800 * physic.MegaHertz

// Options say what a chain is made of. The zero value works where the board has
// just reset the chips.
type Options struct {
	// Name is the chain's, for logs and errors; "a1" if empty.
	Name string
	// Chips is how many there must be; 0 takes what is found.
	Chips int
	// Reset is the chips' reset line, active low. Without it New works once
	// after the board's own reset, and Run leaves the chips merely without jobs.
	Reset gpio.PinOut
	// Reference is the crystal; 0 means 16 MHz.
	Reference physic.Frequency
	// Clock is the cores' clock; 0 means DefaultClock.
	Clock physic.Frequency
	// MaxClock is the board's limit, which no setting passes; 0 means 1 GHz.
	MaxClock physic.Frequency
	// Ticket is the compact target of what the chips report; 0 means
	// 0x1d00ffff, difficulty 1: the only one that programs are known to use.
	Ticket uint32
	// Poll is the pause between two visits when there is nothing to do; 0
	// means 10 ms. A chip needs a job every 168 ms at 800 MHz.
	Poll time.Duration
	// Scale is for virtual chips: how many hashes of a chip it takes for one
	// real hash. It divides the hash rate. 0 means 1.
	Scale float64
	Log   *slog.Logger // nil: silence
}

func (o *Options) fill() error {
	setDefault(&o.Name, "a1")
	setDefault(&o.Reference, 16*physic.MegaHertz)
	setDefault(&o.Clock, DefaultClock)
	setDefault(&o.MaxClock, physic.GigaHertz)
	setDefault(&o.Ticket, 0x1d00ffff)
	setDefault(&o.Poll, 10*time.Millisecond)
	setDefault(&o.Scale, 1)
	setDefault(&o.Log, slog.New(slog.DiscardHandler))
	if o.Chips < 0 || o.Chips > MaxChips {
		return fmt.Errorf("a1: %s: %d chips, want 0 to %d", o.Name, o.Chips, MaxChips)
	}
	if o.Poll < 0 || o.Poll > time.Second {
		return fmt.Errorf("a1: %s: a pause of %v starves the chips, want up to 1s", o.Name, o.Poll)
	}
	return nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Chain is the chips behind one chip select. Run's goroutine owns it; Status,
// HashRate and SetClock may be called by anyone.
type Chain struct {
	opts   Options
	log    *slog.Logger
	ticket bitcoin.Target
	link   link
	up     bool // enumerated and clocked

	changed    <-chan struct{} // of the feed, for the jobs that are queued
	generation uint64          // counts flushes, from 1
	job        [jobSize]byte
	work       hashing.Work
	order      wordOrder
	deaf       int // reads of the results in a row without an answer
	busErrors  int // in a row
	timer      *time.Timer

	mu          sync.Mutex
	chips       []chip
	clock       physic.Frequency // set
	wanted      physic.Frequency // to be set; differs from clock for a moment
	noise, lost uint64
}

var _ hashing.Hasher = (*Chain)(nil)

// New resets the chips, counts them, sets their clock and reads how many cores
// each has. The error names the chip, and what was expected of it.
func New(ctx context.Context, conn spi.Conn, opts Options) (*Chain, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	ticket, err := bitcoin.CompactTarget(opts.Ticket)
	if err != nil || ticket == (bitcoin.Target{}) {
		return nil, fmt.Errorf("a1: %s: ticket %#08x is no target: %v", opts.Name, opts.Ticket, err)
	}
	c := &Chain{opts: opts, log: opts.Log.With("chain", opts.Name), ticket: ticket, generation: 1}
	c.link.conn = conn
	c.timer = time.NewTimer(time.Hour)
	c.timer.Stop()
	if err := c.SetClock(opts.Clock); err != nil {
		return nil, err
	}
	if err := c.bringUp(ctx); err != nil {
		return nil, errors.Join(err, c.rest())
	}
	return c, nil
}

// String names the chain and its size.
func (c *Chain) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%s (%d A1 chips)", c.opts.Name, len(c.chips))
}

// SetClock sets the clock of the good chips, at the next visit if the chain
// runs. Weak and broken chips keep their lower one.
func (c *Chain) SetClock(f physic.Frequency) error {
	if f > c.opts.MaxClock {
		return fmt.Errorf("a1: %s: clock of %v is above the board's limit of %v", c.opts.Name, f, c.opts.MaxClock)
	}
	if _, err := SolvePLL(c.opts.Reference, f); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = f
	return nil
}
