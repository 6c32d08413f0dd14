package bm13xx

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Port is the serial line to a chain; serial.Port is one.
type Port interface {
	// Read returns at least one byte, or an error: one whose Timeout method
	// is true when the deadline has passed.
	io.ReadWriter
	SetReadDeadline(t time.Time) error
	// SetBaud waits until all that was written has left, switches the rate,
	// and drops the input that was not read.
	SetBaud(baud int) error
}

// Options say how a chain is built and how to run it. The zero value takes
// whatever number of chips there is and the chip's usual values.
type Options struct {
	// Chips is how many there must be; 0 for any number.
	Chips int
	// Domains is in how many voltage domains the chips stand, each with as
	// many chips; 0 for one. It also selects what long chains need: relays and
	// pin drive at the ends of domains, nonce offsets on the BM1370.
	Domains int
	// Short says that a chain of several domains needs none of that: the domains
	// are for its status alone. Boards with up to twelve chips are run so by their
	// own firmware (ESP-Miner, mujina).
	Short bool
	// Frequency is the hash clock to walk to; 0 for the usual one.
	Frequency physic.Frequency
	// Ticket is the difficulty from which chips report a nonce, rounded down to
	// a power of two; 0 for one with which each chip reports every two seconds.
	Ticket uint64
	// Baud is the line's rate after the set-up; 0 for the chip's usual one. The
	// chips take their nearest, and the host exactly this.
	Baud int
	// Reset drives the chain's reset line. Without it the chips must be fresh
	// from their reset when New is called, and they stay powered at their lowest
	// clock when Run returns.
	Reset func(low bool)
	// Settle is how long the chips need after reset; 0 for 200 ms, or 2 s on a
	// chain of more than twelve (S19k Pro).
	Settle time.Duration
	// WiredZeros is how many zero bits a hash needs before the ticket counts. It
	// is 32 in silicon, and 0 means that; a virtual chip has fewer.
	WiredZeros int
	// Log is where state changes go; nil for silence.
	Log *slog.Logger
}

// maxChips bounds a chain of any model: the address has eight bits.
const maxChips = 256

func (o Options) check(m Model) error {
	s := m.spec()
	switch {
	case s == nil:
		return fmt.Errorf("bm13xx: chip %v is not known; there are %v", m, Models())
	case o.Chips < 0 || o.Chips > s.maxChips:
		return fmt.Errorf("bm13xx: %d chips on a chain of %v, want 1 to %d", o.Chips, m, s.maxChips)
	case o.Domains < 0 || o.Domains > 1 && (o.Chips == 0 || o.Chips%o.Domains != 0):
		return fmt.Errorf("bm13xx: %d chips cannot stand in %d equal domains", o.Chips, o.Domains)
	case o.WiredZeros < 0 || o.WiredZeros > 32:
		return fmt.Errorf("bm13xx: %d wired zero bits, want 1 to 32", o.WiredZeros)
	}
	if _, err := m.PLL(o.Frequency); err != nil {
		return err
	}
	_, err := s.line(o.Baud)
	return err
}

func (o Options) withDefaults(m Model) Options {
	s := m.spec()
	if s == nil {
		return o
	}
	o.Domains = max(o.Domains, 1)
	if o.Frequency == 0 {
		o.Frequency = s.nominal
	}
	if o.Ticket == 0 {
		o.Ticket = s.usualTicket(o.Frequency)
	}
	if o.Baud == 0 {
		o.Baud = s.baud
	}
	if o.Settle == 0 {
		o.Settle = 200 * ms
		if o.Chips > 12 {
			o.Settle = 2 * time.Second
		}
	}
	if o.WiredZeros == 0 {
		o.WiredZeros = 32
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// usualTicket is the difficulty at which one chip reports every two seconds at
// least: enough to see it die within a minute, little enough for the line.
func (s *spec) usualTicket(f physic.Frequency) uint64 {
	rate := float64(s.engines) * float64(f) / float64(physic.Hertz)
	return uint64(max(1, 2*rate/(1<<32)))
}

// line finds the setting of the chips that is nearest to a rate.
func (s *spec) line(baud int) (line, error) {
	best, off := s.lines[0], math.Inf(1)
	for _, l := range s.lines {
		if d := math.Abs(float64(baud)/float64(l.baud) - 1); d < off {
			best, off = l, d
		}
	}
	if off > maxBaudError {
		return best, fmt.Errorf("bm13xx: the chips have no rate near %d baud, only %v", baud, s.rates())
	}
	return best, nil
}

// maxBaudError is how far host and chip may be apart: every Bitaxe runs 1 000 000
// against 1 041 667, 4.0 %.
const maxBaudError = 0.045

func (s *spec) rates() (rates []int) {
	for _, l := range s.lines {
		rates = append(rates, l.baud)
	}
	return rates
}

// isTimeout tells a deadline that has passed from a line that is broken.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
