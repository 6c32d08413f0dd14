// Package rpi is a Raspberry Pi with SPI mining chips on its header: chains of
// Bitmine A1 (rpi-a1: a single chain, or the five boards of a CoinCraft Desk) and of
// Bitfury 55 nm (rpi-bitfury: a single chain, or the banks of a BFSB backplane).
//
// Nothing on these boards can turn the chips' supply off: a board that is down has
// chips without a job. A1 chips are held in reset, Bitfury chips have their
// oscillators off. After a kill -9 A1 chips run out of jobs within half a second,
// but Bitfury chips repeat their last one for ever.
//
// The chips tell no temperature. The Pi's own is watched, which says how warm the
// air around it is and nothing of the chips; an LM75 or TMP75 at the chips is what
// protects them. The setting "sensor" has to say where there is one, or "none".
//
// Dragonmint T1 boards hang on the SPI core of a Zynq whose reset, enable and
// voltage pins nobody has published whole: there is no board for them.
package rpi

import (
	"fmt"
	"log/slog"

	"github.com/lodefw/lode/board"
	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// A Thermometer reads a temperature.
type Thermometer func() (physic.Temperature, error)

// Limits. The Pi slows itself down between 80 and 85 °C (its documentation); for
// chips these are guesses, of which is known only that hot A1 chips stop answering.
var (
	computerHeat = board.Heat{Target: 65, Throttle: 78, Max: 84}
	chipHeat     = board.Heat{Target: 60, Throttle: 70, Max: 80}
)

// thermometers are the Pi's own, and one at the chips if there is any.
func thermometers(computer, chips Thermometer, log *slog.Logger) []*board.Thermometer {
	list := []*board.Thermometer{board.NewThermometer("computer", computer, computerHeat, 0)}
	if chips == nil {
		if log != nil {
			log.Warn("no sensor at the chips: they can get too hot without anybody knowing")
		}
		return list
	}
	return append(list, board.NewThermometer("chips", chips, chipHeat, 0))
}

// A bus is an SPI bus that several chains share, of which one at a time hears it.
type bus struct {
	conn spi.Conn
	pick func(chain int) error // lets that chain hear

	lock lock
	now  int // chain that hears; negative: not known
}

func newBus(c spi.Conn, pick func(chain int) error) *bus {
	return &bus{conn: c, pick: pick, lock: newLock(), now: -1}
}

// A lock is a channel, as it is held while bytes are on a slow wire.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

// take returns what gives the lock back.
func (l lock) take() (back func()) {
	l <- struct{}{}
	return func() { <-l }
}

// A branch is the bus as one of its chains has it.
type branch struct {
	bus   *bus
	chain int
}

var _ spi.Conn = branch{}

// do calls f while the chain hears.
func (b branch) do(f func() error) error {
	defer b.bus.lock.take()()
	if b.bus.now != b.chain {
		b.bus.now = -1
		if err := b.bus.pick(b.chain); err != nil {
			return fmt.Errorf("rpi: chain %d cannot be selected: %w", b.chain+1, err)
		}
		b.bus.now = b.chain
	}
	return f()
}

// String names the branch.
func (b branch) String() string { return fmt.Sprintf("%v, chain %d", b.bus.conn, b.chain+1) }

// Duplex is part of conn.Conn.
func (b branch) Duplex() conn.Duplex { return conn.Full }

// Tx is part of conn.Conn.
func (b branch) Tx(w, r []byte) error { return b.do(func() error { return b.bus.conn.Tx(w, r) }) }

// TxPackets is part of spi.Conn.
func (b branch) TxPackets(p []spi.Packet) error {
	return b.do(func() error { return b.bus.conn.TxPackets(p) })
}
