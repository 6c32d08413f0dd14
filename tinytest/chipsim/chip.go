package chipsim

import (
	"math/rand/v2"
	"time"
)

// A chip is one on the chain. Its Chain's lock guards it.
type chip struct {
	c     *Chain
	m     *model
	index int
	rand  *rand.Rand

	reg       [256]uint32
	core      [32]byte // core registers, as all cores have them
	address   byte
	inactive  bool
	addressed bool
	rolling   bool // A4 was written: answers have eleven bytes
	opened    int  // BM1387: cores that null jobs have enabled
	ratio     float64

	mhz     float64 // hash clock now
	nextMHz float64 // after the PLL has locked
	lockAt  time.Duration
	clockAt time.Duration // of the last write of its clock
	locking bool

	job   *job
	sweep sweep
	found []hit // in order of time; some may be in the future
	count int   // solutions of this job (BM1387 numbers them)

	silicon silicon
	temp    float64 // °C
	dropped bool    // overheated: off the chain until the next reset
	hashes  float64
	errors  float64
	status  Counters
}

// Counters are what a chip has done since New.
type Counters struct {
	Jobs    uint64 // taken
	Found   uint64 // results above the ticket threshold
	Errors  uint64 // of these, made wrong by heat or low voltage
	Samples uint64 // positions of the sweep that were really hashed
}

func newChip(c *Chain, i int) *chip {
	ch := &chip{c: c, m: c.m, index: i, temp: c.cfg.Ambient, ratio: 1}
	ch.rand = rand.New(rand.NewPCG(c.cfg.Seed, uint64(i)+1))
	ch.silicon = c.m.draw(ch.rand)
	return ch
}

// reset puts everything but heat and silicon to its power-on state.
func (ch *chip) reset() {
	ch.reg = [256]uint32{}
	for r, v := range ch.m.resetValues() {
		ch.reg[r] = v
	}
	ch.core = [32]byte{2: 0xaa}
	ch.address, ch.inactive, ch.addressed, ch.rolling, ch.opened = 0, false, false, false, 0
	ch.mhz, ch.nextMHz, ch.locking, ch.dropped = 0, 0, false, false
	ch.job, ch.sweep, ch.found = nil, sweep{}, nil
	ch.hashes, ch.errors = 0, 0
}

func (ch *chip) baud() float64 { return ch.m.baud(&ch.reg) }

// is tells whether a register command with this address means the chip.
func (ch *chip) is(address byte) bool {
	return ch.address>>ch.m.addrShift == address
}

// write sets a register and does what follows from it.
func (ch *chip) write(now time.Duration, r byte, v uint32) {
	switch r {
	case regID:
		return // read only
	case regCore:
		ch.writeCore(v)
		return
	case ch.m.reg.i2c:
		v = ch.i2c(v)
	}
	ch.reg[r] = v
	switch r {
	case ch.m.reg.pll:
		ch.nextMHz, ch.lockAt, ch.locking = ch.m.clock(v)*ch.ratio, now+lockTime, true
		if ch.c.chipFault(NoLock, ch.index) != nil {
			ch.nextMHz = 0
		}
	case regVersion:
		if ch.m.smallBits > 0 && !ch.m.midstates {
			ch.rolling = true
			ch.replan(now)
		}
	case ch.m.reg.hcn, ch.m.reg.ticket, regNonceOffset:
		ch.replan(now)
	}
}

// locked ends a change of the hash clock.
func (ch *chip) locked(now time.Duration) {
	ch.locking, ch.mhz = false, ch.nextMHz
	ch.replan(now)
}

// writeCore is the window to the cores: 31 all, 24..16 core, 15 write, 12..8
// register, 7..0 value. A write without bit 31 is what a byte-swapped value
// looks like; real chips then send register 40 without being asked.
func (ch *chip) writeCore(v uint32) {
	ch.reg[regCore] = v
	if v>>15&1 != 0 && v>>31 == 1 {
		ch.core[v>>8&0x1f] = byte(v)
		return
	}
	ch.reg[regCoreValue] = v&0x01ff0000 | uint32(ch.core[v>>8&0x1f])
	ch.c.answer(ch, ch.c.now, regCoreValue)
}

// read gives a register's value.
func (ch *chip) read(r byte) uint32 {
	switch {
	case r == regID:
		if f := ch.c.chipFault(WrongID, ch.index); f != nil {
			return 0x13990000 | uint32(ch.address)
		}
		return ch.m.id | uint32(ch.address)
	case r == ch.m.reg.pll && (ch.m.bm1387 || ch.m.midstates):
		if ch.locking || ch.mhz == 0 && ch.reg[r] != ch.m.startPLL() {
			return ch.reg[r] &^ (1 << 31)
		}
		return ch.reg[r] | 1<<31
	case r == ch.m.rateRegister():
		return uint32(ch.rate()/hashRateUnit) & 0x7fffffff
	case ch.m.minusOne && r >= regDomainHashes && r <= regDomainHashes+3:
		return uint32(uint64(ch.hashes/4) >> hashCounterShift)
	case ch.m.minusOne && r == regDomainHashes+4:
		return uint32(uint64(ch.hashes) >> hashCounterShift)
	case r == regHashes && !ch.m.bm1387:
		return uint32(uint64(ch.errors) >> hashCounterShift)
	case r == regTemperature && ch.m.name == "BM1368":
		return uint32((ch.temp + 299.5144) / 0.171342)
	}
	return ch.reg[r]
}

// rateRegister is where the old chips tell their hash rate.
func (m *model) rateRegister() byte {
	switch {
	case m.bm1387:
		return 0x08
	case m.midstates:
		return 0x04
	}
	return noReg
}

// rate is the hashes per second that the chip does now.
func (ch *chip) rate() float64 {
	if ch.sweep.counters == 0 {
		return 0
	}
	busy := 1.0
	if !ch.m.midstates {
		busy = min(1, float64(ch.sweep.counters)/(ch.sweep.period*ch.mhz/1000))
	}
	return ch.mhz * 1e6 * float64(ch.m.working) * busy
}

// I2C is what sits behind a chip's I2C master. It returns the data read, or
// false if nobody acknowledged.
type I2C func(chip int, address, register byte, write bool, data byte) (byte, bool)

// i2c does a transfer that a register value starts, and returns the value that
// the host reads back.
func (ch *chip) i2c(v uint32) uint32 {
	start, address, write := v>>24&1 != 0, byte(v>>17&0x7f), v>>16&1 != 0
	if !start || ch.c.bus == nil {
		return v &^ (1 << 31)
	}
	data, ok := ch.c.bus(ch.index, address, byte(v>>8), write, byte(v))
	if !ok {
		data = 0xff
	}
	return v&0x00ffff00 | uint32(data)
}
