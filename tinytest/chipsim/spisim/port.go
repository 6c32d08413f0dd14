package spisim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Bus is what chains have in common: the host's end of the wires.
type Bus struct {
	name  string
	mode  spi.Mode
	chain chain

	mu        sync.Mutex
	rand      *rand.Rand
	connected bool
	speed     physic.Frequency
	timed     bool
	errorRate float64
	broken    bool
	off       bool // no supply
	heat      heat
	trace     *Trace
	reports   []string
}

// chain is what a Bus ends at. It is called with the lock held.
type chain interface {
	// transfer answers one transfer.
	transfer(w, r []byte)
	// working is how many hashes per second a chip makes, on the mean.
	working(now time.Time) float64
	// forget makes all chips as new.
	forget(now time.Time)
}

// maxReports bounds the list of what the chain found wrong.
const maxReports = 100

var (
	errTwice  = errors.New("spisim: connected twice")
	errClosed = errors.New("spisim: bus fault")
	errLength = errors.New("spisim: transfer whose two lengths differ")
)

// String names the bus.
func (b *Bus) String() string { return b.name }

// Connect is part of spi.Port; it reports a wrong mode or speed like the chips
// would show them: by not understanding.
func (b *Bus) Connect(f physic.Frequency, mode spi.Mode, bits int) (spi.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.connected {
		return nil, errTwice
	}
	b.connected = true
	b.speed = f
	if mode&spi.Mode3 != b.mode || bits != 8 {
		b.report("connected with %v and %d bits, the chips want %v and 8", mode, bits, b.mode)
	}
	if b.trace != nil {
		b.trace.Open(mode, bits, f)
	}
	return (*busConn)(b), nil
}

// Close is part of spi.PortCloser.
func (b *Bus) Close() error { return nil }

// LimitSpeed is part of spi.PortCloser; the speed only sets how long transfers
// take, if they take any time.
func (b *Bus) LimitSpeed(f physic.Frequency) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f <= 0 {
		return fmt.Errorf("spisim: speed limit of %v", f)
	}
	if b.speed == 0 || f < b.speed {
		b.speed = f
	}
	return nil
}

// SetErrorRate makes each byte that comes back wrong with this probability.
func (b *Bus) SetErrorRate(p float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errorRate = p
}

// SetBroken makes every transfer fail, as an unplugged bridge does.
func (b *Bus) SetBroken(broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = broken
}

// Record puts every transfer into t from now on; nil ends it.
func (b *Bus) Record(t *Trace) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trace = t
}

// Reports are what the host did that no program should: wrong modes, commands
// that are none, registers that the chip cannot take.
func (b *Bus) Reports() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.reports...)
}

func (b *Bus) report(format string, args ...any) {
	if len(b.reports) < maxReports {
		b.reports = append(b.reports, fmt.Sprintf(format, args...))
	}
}

// busConn is the Bus as a spi.Conn.
type busConn Bus

func (c *busConn) String() string { return c.name }

func (c *busConn) Duplex() conn.Duplex { return conn.Full }

func (c *busConn) Tx(w, r []byte) error {
	if len(w) != len(r) {
		return errLength
	}
	c.wait(len(w))
	b := (*Bus)(c)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken {
		return errClosed
	}
	b.warm(time.Now())
	if b.off {
		clear(r)
	} else {
		b.chain.transfer(w, r)
	}
	for i := range r {
		if b.errorRate > 0 && b.rand.Float64() < b.errorRate {
			r[i] ^= byte(1 + b.rand.UintN(255))
		}
	}
	if b.trace != nil {
		b.trace.Transfer(w, r)
	}
	return nil
}

// wait takes the time that n bytes need on the wire.
func (c *busConn) wait(n int) {
	c.mu.Lock()
	timed, speed := c.timed, c.speed
	c.mu.Unlock()
	if timed && speed > 0 {
		time.Sleep(time.Duration(8*n) * speed.Period())
	}
}

func (c *busConn) TxPackets(p []spi.Packet) error {
	for i := range p {
		if err := c.Tx(p[i].W, p[i].R); err != nil {
			return err
		}
	}
	return nil
}
