package fpgasim

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// Sizes of the FIFOs, in words.
const (
	commandRxSize = 256
	commandTxSize = 1024
	workRxSize    = 1024
	workTxSize    = 2048
)

// tick is one clock of the bus, which all counters count.
const tick = 20 * time.Nanosecond

// Config says how a core differs from the usual one.
type Config struct {
	// Version and Build are what the registers say: 00901000 and 5D5E7158 if zero.
	Version, Build uint32
}

// Core is the core of one chain. Its methods may be called from any goroutine.
type Core struct {
	chain *chipsim.Chain
	cfg   Config

	mu       sync.Mutex // after the chain's lock
	control  uint32
	baud     uint32
	workTime uint32
	errors   uint32
	irq      [4]bool // enabled, by window
	reports  []string

	commandTx   []uint32 // of a command that is not complete
	commandFree time.Duration
	commandRx   fifo
	workRx      fifo
	words       []uint32 // of a work that is not complete
	works       []work
	threshold   uint32
	lastID      uint32
	synced      time.Duration // the last sync that was used
	rx          []byte        // of a frame that is not complete
	stopped     bool

	keepers  atomic.Int32  // who waits for solutions, and keeps the chain going
	answered chan struct{} // one token when an answer to a command has come
}

// fifo is a receive FIFO; pending is its interrupt.
type fifo struct {
	words   []uint32
	pending bool
}

// work is one in the FIFO.
type work struct {
	ready time.Duration // when its last word was written
	words []uint32
}

// New puts a core in front of a chain.
func New(chain *chipsim.Chain, cfg Config) *Core {
	if cfg.Version == 0 {
		cfg.Version = 0x00901000
	}
	if cfg.Build == 0 {
		cfg.Build = 0x5d5e7158
	}
	c := &Core{chain: chain, cfg: cfg, workTime: 1, synced: -1, answered: make(chan struct{}, 1)}
	chain.AttachHost(c)
	return c
}

// Stop lets the core lose its bitstream: it reads as zeros and does nothing more.
func (c *Core) Stop(stop bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = stop
}

// Reports lists what a driver did that the core does not stand.
func (c *Core) Reports() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.reports...)
}

func (c *Core) report(format string, args ...any) {
	if len(c.reports) < 100 {
		c.reports = append(c.reports, fmt.Sprintf(format, args...))
	}
}

func (c *Core) enabled() bool { return c.control&controlEnable != 0 && !c.stopped }

// shift is log2 of the midstates of a work.
func (c *Core) shift() uint32 { return c.control >> 1 & 3 }

func (c *Core) workWords() int { return 4 + 8<<c.shift() }

// Next is part of chipsim.Host: the next work is sent at the first sync after it is
// complete.
func (c *Core) Next() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.works) == 0 || !c.enabled() {
		return chipsim.Never
	}
	return c.sync()
}

// sync is when the first work goes out: syncs come at multiples of WORK_TIME, and
// each lets one go.
func (c *Core) sync() time.Duration {
	period := time.Duration(c.workTime) * tick
	after := max(c.synced+1, c.works[0].ready)
	return (after + period - 1) / period * period
}

// Act is part of chipsim.Host.
func (c *Core) Act(l chipsim.Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hear(l) // what came before has the ids of before
	w := c.works[0]
	c.works = append(c.works[:0], c.works[1:]...)
	c.synced = l.Now()
	c.lastID = w.words[0] & 0xffff
	l.Write(workFrame(w.words))
}

// hear sorts what the chips have sent.
func (c *Core) hear(l chipsim.Line) {
	var b [256]byte
	for {
		n := l.Read(b[:])
		if n == 0 {
			return
		}
		if !c.enabled() {
			continue
		}
		c.rx = append(c.rx, b[:n]...)
		for len(c.rx) >= 7 {
			c.rx = c.rx[:copy(c.rx, c.rx[c.frame(c.rx[:7]):])]
		}
	}
}

// frame takes seven bytes, and says how many of them are done with: one if they are
// no frame.
func (c *Core) frame(b []byte) int {
	if !goodAnswer(b) {
		c.errors++
		return 1
	}
	first := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	if b[6]&0x80 != 0 {
		c.put(&c.workRx, workRxSize, first, uint32(b[6])<<24|c.extend(b[5])<<8|uint32(b[4]))
	} else {
		c.put(&c.commandRx, commandRxSize, first, uint32(b[6])<<24|uint32(b[5])<<8|uint32(b[4]))
		select {
		case c.answered <- struct{}{}:
		default:
		}
	}
	return 7
}

// put drops both words if there is no room for them.
func (c *Core) put(f *fifo, size int, words ...uint32) {
	if len(f.words)+len(words) > size {
		c.errors++
		return
	}
	f.words, f.pending = append(f.words, words...), true
}

// extend makes sixteen bits of the seven that the chip sends: those of the last
// work, or one before.
func (c *Core) extend(id byte) uint32 {
	low := uint32(id & 0x7f)
	high := c.lastID >> 7
	if low&^(1<<c.shift()-1) > c.lastID&0x7f {
		high--
	}
	return (high<<7 | low) & 0xffff
}

func (f *fifo) pop() uint32 {
	f.pending = false
	if len(f.words) == 0 {
		return 0xdeadbeef // the core gives whatever is there
	}
	w := f.words[0]
	f.words = f.words[:copy(f.words, f.words[1:])]
	return w
}

// reset is what disabling does: all FIFOs are empty.
func (c *Core) reset() {
	c.commandTx, c.commandRx, c.workRx, c.words, c.works, c.rx = nil, fifo{}, fifo{}, nil, nil, nil
}
