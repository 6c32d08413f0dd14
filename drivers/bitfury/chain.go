// Package bitfury drives chains of Bitfury 55 nm chips over SPI.
//
// A Chain is a hashing.Hasher: New looks for the chips one by one; Run keeps a
// job ahead in each of them and reads their rings of nonces. A chip that fails is
// named and set up again, or given up, while the others go on. What is known of
// the chip, and from where, is in REFERENCE.md.
package bitfury

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// The bus (REFERENCE.md, "Bus").
const (
	Mode         = spi.Mode0
	DefaultSpeed = 4 * physic.MegaHertz
)

// MaxChips bounds a chain, so that a message fits into spidev's 4096 bytes and
// an answer into the poll.
const MaxChips = 256

// Oscillator settings, in bits of the thermometer.
const (
	detectBits  = 30
	DefaultBits = 54
	LowestBits  = 30
	HighestBits = 56 // of what programs are known to use
)

// Cores of the two generations; each searches 1/1024 of the nonces.
const (
	CoresRev1 = 756
	CoresRev2 = 864
)

// Options say what a chain is made of. The zero value works for a chain of the
// first generation on a bus that needs no reset by pins.
type Options struct {
	// Name is the chain's, for logs and errors; "bitfury" if empty.
	Name string
	// Chips is how many there must be; 0 takes what is found.
	Chips int
	// Reset resets the chain's links before and after each message, where the
	// bus needs it: Lines.Reset. Nil does nothing.
	Reset func() error
	// Bits is the oscillator's setting; 0 means 54.
	Bits int
	// MaxBits is the board's limit, which no setting passes; 0 means 56.
	MaxBits int
	// Cores is how many cores a chip has; 0 means 756.
	Cores int
	// Ticket is what the chips report; the zero value means all hashes below
	// 2^224, which real chips always do.
	Ticket bitcoin.Target
	// Poll is the pause between two visits; 0 means 50 ms. A chip needs a new
	// job every second.
	Poll time.Duration
	// Scale is for virtual chips: how many hashes of a chip it takes for one
	// real hash. It divides the hash rate. 0 means 1.
	Scale float64
	Log   *slog.Logger // nil: silence
}

func (o *Options) fill() error {
	setDefault(&o.Name, "bitfury")
	setDefault(&o.Bits, DefaultBits)
	setDefault(&o.MaxBits, HighestBits)
	setDefault(&o.Cores, CoresRev1)
	setDefault(&o.Ticket, below224())
	setDefault(&o.Poll, 50*time.Millisecond)
	setDefault(&o.Scale, 1)
	setDefault(&o.Log, slog.New(slog.DiscardHandler))
	switch {
	case o.Chips < 0 || o.Chips > MaxChips:
		return fmt.Errorf("bitfury: %s: %d chips, want 0 to %d", o.Name, o.Chips, MaxChips)
	case o.MaxBits < LowestBits || o.MaxBits > HighestBits:
		return fmt.Errorf("bitfury: %s: limit of %d oscillator bits, want %d to %d", o.Name, o.MaxBits, LowestBits, HighestBits)
	case o.Poll < 0 || o.Poll > 500*time.Millisecond:
		return fmt.Errorf("bitfury: %s: a pause of %v starves the chips, want up to 500ms", o.Name, o.Poll)
	}
	return o.checkBits(o.Bits)
}

func (o *Options) checkBits(bits int) error {
	if bits < LowestBits || bits > o.MaxBits {
		return fmt.Errorf("bitfury: %s: %d oscillator bits, want %d to %d", o.Name, bits, LowestBits, o.MaxBits)
	}
	return nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// below224 is the largest target whose top 32 bits are zero.
func below224() (t bitcoin.Target) {
	for i := range t[:28] {
		t[i] = 0xff
	}
	return t
}

// Connect opens a chain's end of a port; a speed of 0 is the default.
func Connect(p spi.Port, speed physic.Frequency) (spi.Conn, error) {
	if speed == 0 {
		speed = DefaultSpeed
	}
	c, err := p.Connect(speed, Mode, 8)
	if err != nil {
		return nil, fmt.Errorf("bitfury: %v: %w", p, err)
	}
	return c, nil
}

// Chain is the chips on one bus. Run's goroutine owns it; Status, HashRate and
// SetOscillator may be called by anyone.
type Chain struct {
	opts   Options
	log    *slog.Logger
	conn   spi.Conn
	msg    message
	answer [longest]byte
	timer  *time.Timer

	changed    <-chan struct{} // of the feed, for the jobs that wait
	generation uint64          // counts changes, from 1
	busErrors  int             // in a row

	mu     sync.Mutex
	chips  []chip
	bits   int // set
	wanted int // to be set
}

var _ hashing.Hasher = (*Chain)(nil)

// New looks for chips until one does not count, and leaves them off. The error
// says what was found and what was expected.
func New(ctx context.Context, conn spi.Conn, opts Options) (*Chain, error) {
	if err := opts.fill(); err != nil {
		return nil, err
	}
	c := &Chain{opts: opts, log: opts.Log.With("chain", opts.Name), conn: conn, generation: 1}
	c.bits, c.wanted = opts.Bits, opts.Bits
	c.timer = time.NewTimer(time.Hour)
	c.timer.Stop()
	if err := c.find(ctx); err != nil {
		return nil, errors.Join(err, c.off())
	}
	return c, c.off()
}

// String names the chain and its size.
func (c *Chain) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%s (%d Bitfury chips)", c.opts.Name, len(c.chips))
}

// SetOscillator sets the clock of all chips, at the next visit if the chain runs.
func (c *Chain) SetOscillator(bits int) error {
	if err := c.opts.checkBits(bits); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = bits
	return nil
}

// send sends the message between two resets of the chain's links.
func (c *Chain) send() error {
	if err := c.resetLinks(); err != nil {
		return err
	}
	if err := c.conn.Tx(c.msg.b[:c.msg.n], c.answer[:c.msg.n]); err != nil {
		return fmt.Errorf("bitfury: %s: bus: %w", c.opts.Name, err)
	}
	return c.resetLinks()
}

func (c *Chain) resetLinks() error {
	if c.opts.Reset == nil {
		return nil
	}
	if err := c.opts.Reset(); err != nil {
		return fmt.Errorf("bitfury: %s: reset of the links: %w", c.opts.Name, err)
	}
	return nil
}

// exchange gives a chip its next job and returns its answer.
func (c *Chain) exchange(chip int, words *[jobWords]uint32) (Answer, error) {
	c.msg.begin(chip)
	c.msg.write(addrJob, words[:])
	if err := c.send(); err != nil {
		return Answer{}, err
	}
	a, _ := parseAnswer(c.answer[:c.msg.n], chip)
	return a, nil
}

func (c *Chain) sleep(ctx context.Context, d time.Duration) error {
	c.timer.Reset(d)
	defer c.timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.timer.C:
		return nil
	}
}
