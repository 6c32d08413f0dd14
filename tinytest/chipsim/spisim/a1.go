package spisim

import (
	"errors"
	"math/rand/v2"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/pin"
	"periph.io/x/conn/v3/spi"
)

// A1Config describes a chain of Bitmine A1 chips.
type A1Config struct {
	Chips int
	// Cores is how many cores of each chip work; nil means 32 of all.
	Cores []int
	// Reference is the crystal; 0 means 16 MHz.
	Reference physic.Frequency
	// Scale is how many hashes of a chip one hash of the model stands for; 0
	// means 1: then a job's difficulty must be low.
	Scale float64
	// Ease is how many bits a job's target is shifted up, for hosts that name only
	// difficulties that are meant for silicon. With a Scale of 2^Ease the chips
	// report as often as silicon.
	Ease uint
	// BigWords makes the chips read the words of a midstate most significant byte
	// first, as cgminer sends them when it makes its works itself.
	BigWords bool
	// Lock is how long a clock takes to lock after it was set.
	Lock time.Duration
	// Known are nonces to find beside those due by chance. NoSearch leaves only
	// them.
	Known    []Known
	NoSearch bool
	// Timed makes a transfer take the time of its bits.
	Timed bool
	Seed  uint64
}

// A1Fault says what is wrong with one chip.
type A1Fault struct {
	Dead      bool // passes nothing on: the chips behind it are gone too
	Mute      bool // passes on, but does nothing itself
	NoEcho    bool // neither takes nor echoes jobs
	NoLock    bool // its clock never locks
	NoNonces  bool // hashes nothing
	WrongChip bool // signs its results with the number of the chip before
	Twice     bool // reports each nonce twice
	Queue     bool // reports an invalid queue state
	// BadNonces is the share of nonces that it reports although they are none.
	BadNonces float64
}

// A1 is a virtual chain. The words of a transfer pass through all chips, one
// register each on the way out, and one each on the way back.
type A1 struct {
	Bus
	cfg       A1Config
	chips     []*a1Chip
	out, back []uint16 // the registers between the chips
	resetPin  resetPin
	inReset   bool
	noCount   bool
}

var _ spi.PortCloser = (*A1)(nil)

// NewA1 returns a chain that has just been reset.
func NewA1(cfg A1Config) *A1 {
	if cfg.Reference == 0 {
		cfg.Reference = 16 * physic.MegaHertz
	}
	if cfg.Scale == 0 {
		cfg.Scale = 1
	}
	c := &A1{cfg: cfg, out: make([]uint16, cfg.Chips), back: make([]uint16, cfg.Chips)}
	c.Bus = Bus{name: "virtual A1", mode: spi.Mode1, rand: rand.New(rand.NewPCG(cfg.Seed, 1)), timed: cfg.Timed, chain: c, heat: newHeat(0.7e-9, 2.1)}
	for i := range cfg.Chips {
		cores := 32
		if cfg.Cores != nil {
			cores = cfg.Cores[i]
		}
		c.chips = append(c.chips, newA1Chip(c, cores, rand.New(rand.NewPCG(cfg.Seed, uint64(i)+2))))
	}
	c.resetPin = resetPin{BasicPin: pin.BasicPin{N: "RESET"}, chain: c}
	return c
}

// Reset is the chips' reset line, active low.
func (c *A1) Reset() gpio.PinOut { return &c.resetPin }

// SetFault sets what is wrong with a chip, counted from 1.
func (c *A1) SetFault(chip int, f A1Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chips[chip-1].fault = f
}

// SetNoCount makes the chain answer 0 to every enumerate.
func (c *A1) SetNoCount(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noCount = on
}

// A1Stats tell what a chip did.
type A1Stats struct {
	Jobs, Finished, Dropped uint64 // jobs taken, swept to the end, dropped by a reset
	Found, Lost             uint64 // nonces found; lost because nobody read them
	Idle                    time.Duration
	Busy                    bool // hashes now
	Clock                   physic.Frequency
}

// Stats are a chip's, counted from 1.
func (c *A1) Stats(chip int) A1Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.chips[chip-1]
	ch.advance(time.Now())
	s := ch.stats
	s.Busy = ch.jobs > 0 && !c.inReset && !c.off
	s.Clock = ch.clock()
	return s
}

// resetPin is the chain's reset as a pin.
type resetPin struct {
	pin.BasicPin
	chain *A1
}

func (p *resetPin) PWM(gpio.Duty, physic.Frequency) error { return errPWM }

func (p *resetPin) Out(l gpio.Level) error {
	c := p.chain
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.warm(now)
	if l == gpio.Low && !c.inReset {
		c.forget(now)
	}
	c.inReset = l == gpio.Low
	return nil
}

// forget resets all chips.
func (c *A1) forget(now time.Time) {
	for i, ch := range c.chips {
		ch.advance(now)
		ch.reset(now)
		c.out[i], c.back[i] = 0, 0
	}
}

// working is the mean of the chips that have a job.
func (c *A1) working(time.Time) (rate float64) {
	for _, ch := range c.chips {
		if ch.jobs > 0 && !c.inReset {
			rate += ch.rate() / float64(len(c.chips))
		}
	}
	return rate
}

// a1TooHot is where chips answer no more: operators report that heat shows so. The
// figure is a guess.
const a1TooHot = 110

var errPWM = errors.New("spisim: a reset line makes no PWM")

// transfer clocks the bytes through the chain, a word at a time.
func (c *A1) transfer(w, r []byte) {
	if c.inReset || len(c.chips) == 0 || c.heat.chip > a1TooHot {
		clear(r)
		return
	}
	if len(w)%2 != 0 {
		c.report("transfer of %d bytes, messages have whole words", len(w))
	}
	now := time.Now()
	for _, ch := range c.chips {
		ch.advance(now)
	}
	for i := 0; i+1 < len(w); i += 2 {
		word := c.clock(uint16(w[i])<<8 | uint16(w[i+1]))
		r[i], r[i+1] = byte(word>>8), byte(word)
	}
}

// clock moves every word one register further.
func (c *A1) clock(in uint16) uint16 {
	out := c.back[0]
	last := len(c.chips) - 1
	returning := c.out[last] // the loop at the end of the chain
	for i, ch := range c.chips {
		passed := c.out[i]
		forward, answer, own := ch.word(in)
		if ch.fault.Dead {
			forward, answer, own = 0, 0, true
		}
		c.out[i], in = forward, passed
		switch {
		case own:
			c.back[i] = answer
		case i == last:
			c.back[i] = returning
		default:
			c.back[i] = c.back[i+1]
		}
	}
	return out
}
