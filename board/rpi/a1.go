package rpi

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/a1"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// A1Chain is one chain of A1 chips: its end of the bus, and its reset line.
type A1Chain struct {
	Conn  spi.Conn
	Reset func(low bool) error
}

// A1Options of NewA1. Chips is needed.
type A1Options struct {
	Chips int              // on each chain
	Clock physic.Frequency // 0 is 800 MHz
	// Ticket and Scale are for virtual chips; see a1.Options.
	Ticket uint32
	Scale  float64
	Log    *slog.Logger
}

// maxA1Clock is the most that cgminer's settings are known to have been used with.
const maxA1Clock = physic.GigaHertz

// NewA1 returns the board of some chains, in reset. The chips' thermometer may be
// nil.
func NewA1(chains []A1Chain, computer, chips Thermometer, o A1Options) (*board.Board, error) {
	if o.Chips < 1 || o.Chips > a1.MaxChips {
		return nil, fmt.Errorf("rpi: %d A1 chips on a chain, want 1 to %d: set chips", o.Chips, a1.MaxChips)
	}
	if o.Clock > maxA1Clock {
		return nil, fmt.Errorf("rpi: clock of %v, at most %v", o.Clock, maxA1Clock)
	}
	b := &board.Board{Name: "rpi-a1", Thermometers: thermometers(computer, chips, o.Log)}
	for i, c := range chains {
		if err := c.Reset(true); err != nil {
			return nil, fmt.Errorf("rpi: cannot hold the chips of chain %d in reset: %w", i+1, err)
		}
		reset := board.NewReset(c.Reset, o.Log)
		if len(chains) > 1 {
			reset.Chain = i + 1
		}
		b.Resets = append(b.Resets, reset)
		b.Chains = append(b.Chains, board.NewA1(c.Conn, reset, a1.Options{
			Name: fmt.Sprintf("chain %d", i+1), Chips: o.Chips, Clock: o.Clock, MaxClock: maxA1Clock,
			Ticket: o.Ticket, Scale: o.Scale, Log: o.Log,
		}))
	}
	return b, b.Check()
}

// The CoinCraft Desk's backplane (cgminer's A1-board-selector-CCD.c and its driver's
// list of trim pots): a TCA9535 whose first port selects a board, low, and whose
// second resets one, high; and on each board a trim pot for its voltage, by which it
// is known to be there. We do not turn it.
const (
	addrExpander = 0x27
	deskBoards   = 5
	allBoards    = 1<<deskBoards - 1

	expanderOut    = 0x02 // and 0x03: output ports
	expanderConfig = 0x06 // and 0x07: directions, 0 is an output

	potWiper = 0x0c // read of the first wiper
)

// potOf is the address of a board's trim pot.
func potOf(n int) uint16 { return uint16(0x2c - n) }

// desk is the backplane.
type desk struct {
	i2c i2c.Bus

	lock  lock
	reset byte // boards in reset
}

// Desk finds the boards of a CoinCraft Desk, and holds all of them in reset. buses
// is the bus with the backplane's parts, conn the one that its boards share.
func Desk(buses i2c.Bus, conn spi.Conn) ([]A1Chain, error) {
	d := &desk{i2c: buses, lock: newLock(), reset: allBoards}
	// Levels first: a pin has them from the moment when it becomes an output.
	err := errors.Join(
		d.set(expanderOut, allBoards), d.set(expanderOut+1, d.reset),
		d.set(expanderConfig, ^byte(allBoards)), d.set(expanderConfig+1, ^byte(allBoards)))
	if err != nil {
		return nil, fmt.Errorf("rpi: no CoinCraft Desk backplane (expander at %#x): %w", addrExpander, err)
	}
	shared := newBus(conn, func(n int) error { return d.set(expanderOut, allBoards&^(1<<n)) })
	var chains []A1Chain
	for n := range deskBoards {
		if d.i2c.Tx(potOf(n), []byte{potWiper}, make([]byte, 2)) != nil {
			continue // no board in this place
		}
		chains = append(chains, A1Chain{
			Conn: branch{shared, n}, Reset: func(low bool) error { return d.hold(n, low) },
		})
	}
	if chains == nil {
		return nil, fmt.Errorf("rpi: the backplane has no boards: no trim pot answers at %#x to %#x", potOf(deskBoards-1), potOf(0))
	}
	return chains, nil
}

func (d *desk) set(reg, v byte) error { return d.i2c.Tx(addrExpander, []byte{reg, v}, nil) }

func (d *desk) hold(n int, low bool) error {
	defer d.lock.take()()
	d.reset &^= 1 << n
	if low {
		d.reset |= 1 << n
	}
	return d.set(expanderOut+1, d.reset)
}
