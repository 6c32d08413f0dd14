package rpi

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bitfury"
	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"
)

// BitfuryChain is one chain of Bitfury chips: its end of the bus, and the reset of
// its links, which toggles the bus's own wires.
type BitfuryChain struct {
	Conn  spi.Conn
	Links func() error
}

// BitfuryOptions of NewBitfury. Chips is needed.
type BitfuryOptions struct {
	Chips int // on each chain
	Cores int // of a chip; 0 is the first generation's
	// Ticket and Scale are for virtual chips; see bitfury.Options.
	Ticket bitcoin.Target
	Scale  float64
	Log    *slog.Logger
}

// NewBitfury returns the board of some chains, with their oscillators off. The
// chips' thermometer may be nil.
func NewBitfury(chains []BitfuryChain, computer, chips Thermometer, o BitfuryOptions) (*board.Board, error) {
	if o.Chips < 1 || o.Chips > bitfury.MaxChips {
		return nil, fmt.Errorf("rpi: %d Bitfury chips on a chain, want 1 to %d: set chips", o.Chips, bitfury.MaxChips)
	}
	b := &board.Board{Name: "rpi-bitfury", Thermometers: thermometers(computer, chips, o.Log)}
	for i, c := range chains {
		g := &gate{conn: c.Conn, links: c.Links, chips: o.Chips, lock: newLock()}
		if err := g.drive(true); err != nil {
			return nil, fmt.Errorf("rpi: cannot stop the chips of chain %d: %w", i+1, err)
		}
		reset := board.NewReset(g.drive, o.Log)
		if len(chains) > 1 {
			reset.Chain = i + 1
		}
		b.Resets = append(b.Resets, reset)
		b.Chains = append(b.Chains, board.NewBitfury(g, reset, bitfury.Options{
			Name: fmt.Sprintf("chain %d", i+1), Chips: o.Chips, Reset: g.resetLinks, Cores: o.Cores,
			Ticket: o.Ticket, Scale: o.Scale, Log: o.Log,
		}))
	}
	return b, b.Check()
}

// A gate stands for the reset line that the chips do not have: while it is low they
// are stopped, and their driver does not reach them.
type gate struct {
	conn  spi.Conn
	links func() error
	chips int

	lock lock
	shut bool
}

var (
	_       spi.Conn = (*gate)(nil)
	errShut          = errors.New("rpi: the board is off")
)

// drive is the line.
func (g *gate) drive(low bool) error {
	defer g.lock.take()()
	g.shut = low
	if !low {
		return nil
	}
	return bitfury.Stop(g.conn, g.links, g.chips)
}

func (g *gate) pass(f func() error) error {
	defer g.lock.take()()
	if g.shut {
		return errShut
	}
	return f()
}

func (g *gate) resetLinks() error {
	if g.links == nil {
		return nil
	}
	return g.pass(g.links)
}

// String names the bus.
func (g *gate) String() string { return fmt.Sprint(g.conn) }

// Duplex is part of conn.Conn.
func (g *gate) Duplex() conn.Duplex { return conn.Full }

// Tx is part of conn.Conn.
func (g *gate) Tx(w, r []byte) error { return g.pass(func() error { return g.conn.Tx(w, r) }) }

// TxPackets is part of spi.Conn.
func (g *gate) TxPackets(p []spi.Packet) error {
	return g.pass(func() error { return g.conn.TxPackets(p) })
}

// Banks are the chains behind the level shifters of a BFSB backplane, each of which
// has a pin that enables it (BFGMiner; high, as its code drives them). used are the
// numbers of those to use; all others stay disabled. links resets those that hear.
func Banks(conn spi.Conn, links func() error, enable []gpio.PinOut, used []int) ([]BitfuryChain, error) {
	pick := func(n int) (err error) {
		for i, p := range enable { // all others first
			if i != n {
				err = errors.Join(err, p.Out(gpio.Low))
			}
		}
		if n < 0 || err != nil {
			return err
		}
		return enable[n].Out(gpio.High)
	}
	if err := pick(-1); err != nil {
		return nil, fmt.Errorf("rpi: banks: %w", err)
	}
	shared := newBus(conn, pick)
	var chains []BitfuryChain
	for _, n := range used {
		if n < 0 || n >= len(enable) {
			return nil, fmt.Errorf("rpi: no bank %d, there are %d", n+1, len(enable))
		}
		b := branch{shared, n}
		chains = append(chains, BitfuryChain{Conn: b, Links: func() error { return b.do(links) }})
	}
	return chains, nil
}
