package spisim

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"periph.io/x/conn/v3/spi"
)

// BitfuryConfig describes a chain of Bitfury 55 nm chips.
type BitfuryConfig struct {
	Chips int
	// Cores of a chip; 0 means 756.
	Cores int
	// Target is what the chips report; the zero value means all below 2^224.
	Target bitcoin.Target
	// Scale is how many hashes of a chip one hash of the model stands for; 0
	// means 1.
	Scale float64
	// Known are nonces to find beside those due by chance. NoSearch leaves only
	// them.
	Known    []Known
	NoSearch bool
	// NeedReset makes the chain deaf to a message without ResetLinks before it.
	NeedReset bool
	// Timed makes a transfer take the time of its bits.
	Timed bool
	Seed  uint64
}

// BitfuryFault says what is wrong with one chip.
type BitfuryFault struct {
	Dead     bool // says nothing and passes nothing on
	Garbage  bool // answers with noise
	Counter  bool // its counter stands still, and so does its sweep
	NoNonces bool // counts, but finds nothing
	Shift    bool // its ring is read out of step, each time by another distance
	NoTake   bool // keeps its first job for ever
	Twice    bool // puts each nonce into the ring twice
	// BadNonces is the share of nonces that it reports although they are none.
	BadNonces float64
}

// Bitfury is a virtual chain. A message is a stream that opens the links chip by
// chip and then writes into the one that listens.
type Bitfury struct {
	Bus
	cfg   BitfuryConfig
	chips []*bitfuryChip
	reset bool
}

var _ spi.PortCloser = (*Bitfury)(nil)

// NewBitfury returns a chain that has just got power.
func NewBitfury(cfg BitfuryConfig) *Bitfury {
	if cfg.Cores == 0 {
		cfg.Cores = 756
	}
	if cfg.Scale == 0 {
		cfg.Scale = 1
	}
	if cfg.Target == (bitcoin.Target{}) {
		for i := range cfg.Target[:28] {
			cfg.Target[i] = 0xff
		}
	}
	c := &Bitfury{cfg: cfg}
	c.Bus = Bus{name: "virtual Bitfury", mode: spi.Mode0, rand: rand.New(rand.NewPCG(cfg.Seed, 1)), timed: cfg.Timed, chain: c, heat: newHeat(1e-9, 14)}
	for i := range cfg.Chips {
		c.chips = append(c.chips, newBitfuryChip(c, rand.New(rand.NewPCG(cfg.Seed, uint64(i)+2))))
	}
	return c
}

// ResetLinks is the reset of the chain by its own wires.
func (c *Bitfury) ResetLinks() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset = true
	return nil
}

// forget makes all chips as after power-up.
func (c *Bitfury) forget(time.Time) {
	for i, ch := range c.chips {
		c.chips[i] = &bitfuryChip{chain: c, rand: ch.rand, fault: ch.fault, stats: ch.stats, search: ch.search}
	}
}

// working is the mean of the chips that run.
func (c *Bitfury) working(time.Time) (rate float64) {
	for _, ch := range c.chips {
		if ch.running() {
			rate += ch.rate() * float64(c.cfg.Cores) / float64(len(c.chips))
		}
	}
	return rate
}

// SetFault sets what is wrong with a chip, counted from 0.
func (c *Bitfury) SetFault(chip int, f BitfuryFault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chips[chip].advance(time.Now())
	c.chips[chip].fault = f
}

// BitfuryStats tell what a chip did.
type BitfuryStats struct {
	Jobs, Repeated, Found uint64 // jobs swept; swept again for want of another; nonces
	SetUps                uint64
	Bits                  int
	Busy                  bool
}

// Stats are a chip's, counted from 0.
func (c *Bitfury) Stats(chip int) BitfuryStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.chips[chip]
	ch.advance(time.Now())
	s := ch.stats
	s.Busy, s.Bits = ch.running(), ch.oscillator
	return s
}

// transfer reads the stream.
func (c *Bitfury) transfer(w, r []byte) {
	clear(r)
	now := time.Now()
	ready := c.reset || !c.cfg.NeedReset
	c.reset = false
	if !ready {
		return
	}
	listens := 0
	for i := 0; i < len(w); {
		switch b := w[i]; {
		case b == 0x04:
			listens = 0
			i++
		case b == 0x05:
			if listens < len(c.chips) && c.chips[listens].fault.Dead {
				return
			}
			listens++
			i++
		case b == 0x00 || b == 0x06:
			i++
		case b >= 0xe0:
			i += c.frame(listens, w[i:], r[i:], now)
		default:
			c.report("byte %02x in the stream is no command", b)
			i++
		}
	}
}

// frame writes into one chip and reads what was there; it returns its length.
func (c *Bitfury) frame(chip int, w, r []byte, now time.Time) int {
	words := int(w[0]&0x1f) + 1
	n := 3 + 4*words
	if n > len(w) {
		c.report("frame of %d words is cut off", words)
		return len(w)
	}
	if chip >= len(c.chips) || c.chips[chip].fault.Dead {
		return n
	}
	ch := c.chips[chip]
	ch.advance(now)
	var in, out [32]uint32
	for i := range words {
		in[i] = fromWire(w[3+4*i:])
	}
	ch.write(binary.BigEndian.Uint16(w[1:]), in[:words], out[:words], now)
	for i := range words {
		toWire(r[3+4*i:], out[i])
	}
	return n
}

// fromWire reads a word: little-endian bytes, each with its lowest bit first.
func fromWire(b []byte) (w uint32) {
	for i := 3; i >= 0; i-- {
		w = w<<8 | uint32(bits.Reverse8(b[i]))
	}
	return w
}

func toWire(b []byte, w uint32) {
	for i := range 4 {
		b[i] = bits.Reverse8(byte(w >> (8 * i)))
	}
}
