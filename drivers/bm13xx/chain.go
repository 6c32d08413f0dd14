package bm13xx

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/physic"
)

// Chain is a chain of chips on one line. One goroutine at a time may be in Run;
// Status and SetFrequency can be called by any.
type Chain struct {
	port   Port
	queue  *queued // of the port, nil if it has none
	model  Model
	spec   *spec
	opts   Options
	log    *slog.Logger
	ticket TicketMask
	target bitcoin.Target // of the ticket

	// Owned by New, then by Run.
	up        bool // the chips are set up
	reader    *Reader
	count     int // chips that answered; written under mu
	offsets   bool
	clocks    []physic.Frequency // of the chips
	hashCount HashCount          // the smallest of the chips
	mask      uint32             // version bits that the chips roll
	out       [jobSize]byte
	jobs      jobs

	requests chan request

	mu     sync.Mutex // guards what follows, which Status reads
	status counters
}

var _ hashing.Hasher = (*Chain)(nil)

// New resets the chain on a port, counts its chips, gives them addresses and sets
// them up at a low clock; Run walks on from there. An error says what was found and
// what was expected, and leaves the chips idle.
func New(ctx context.Context, port Port, model Model, opts Options) (*Chain, error) {
	opts = opts.withDefaults(model)
	if err := opts.check(model); err != nil {
		return nil, err
	}
	ticket, err := NewTicketMask(opts.Ticket)
	if err != nil {
		return nil, err
	}
	c := &Chain{
		port: port, model: model, spec: model.spec(), opts: opts, log: opts.Log,
		ticket: ticket, target: ticket.Target(opts.WiredZeros),
		requests: make(chan request),
	}
	if c.queue, err = queueOf(port, model); err != nil {
		return nil, err
	}
	c.reader = NewReader(port, c.spec.answer)
	if err := c.bringUp(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// String names the chain, its chips and their clock.
func (c *Chain) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%d x %v", c.count, c.model)
}

// Model is the chips' model.
func (c *Chain) Model() Model { return c.model }

// Chips is how many there are.
func (c *Chain) Chips() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// address is the address of chip i.
func (c *Chain) address(i int) uint8 { return uint8(i * c.spec.addresses(c.count)) }

// chipOf is the chip that has an address, or -1.
func (c *Chain) chipOf(address uint8) int {
	step := c.spec.addresses(c.count)
	if i := int(address) / step; i < c.count && int(address)%step == 0 {
		return i
	}
	return -1
}

// hashRate is what the chain should do at its clocks, in hashes per second.
func (c *Chain) hashRate() float64 {
	var sum physic.Frequency
	for _, f := range c.clocks {
		sum += f
	}
	rate := float64(sum) / float64(physic.Hertz) * float64(c.spec.engines)
	// A chip that wants fewer zero bits makes fewer hashes for what it finds.
	return rate / float64(uint64(1)<<(32-c.opts.WiredZeros))
}
