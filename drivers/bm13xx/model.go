package bm13xx

import (
	"fmt"
	"math/bits"
	"strings"

	"periph.io/x/conn/v3/physic"
)

// Model is a chip of the family: the number that it gives as its id.
type Model uint16

// The chips that this package knows.
const (
	BM1387 Model = 0x1387 // Antminer S9
	BM1397 Model = 0x1397 // S17, T17, Bitaxe Max
	BM1362 Model = 0x1362 // S19j Pro, emberOne
	BM1366 Model = 0x1366 // S19 XP, S19k Pro, Bitaxe Ultra and Hex
	BM1368 Model = 0x1368 // S21, Bitaxe Supra
	BM1370 Model = 0x1370 // S21 Pro, Bitaxe Gamma
	BM1372 Model = 0x1372
	BM1373 Model = 0x1373
)

// Models lists every chip that this package knows.
func Models() []Model {
	return []Model{BM1387, BM1397, BM1362, BM1366, BM1368, BM1370, BM1372, BM1373}
}

// ParseModel reads a name such as "BM1370", in any case.
func ParseModel(name string) (Model, error) {
	for _, m := range Models() {
		if strings.EqualFold(name, m.String()) {
			return m, nil
		}
	}
	return 0, fmt.Errorf("bm13xx: no chip %q; there are %v", name, Models())
}

// String is the chip's name.
func (m Model) String() string { return fmt.Sprintf("BM%04x", uint16(m)) }

// MarshalText writes the name.
func (m Model) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Known says whether the chip is one of Models.
func (m Model) Known() bool { return m.spec() != nil }

// HashesPerClock is how many hashes one chip makes in one clock of its PLL.
func (m Model) HashesPerClock() int { return m.spec().engines }

// spec is how the chips differ. It never changes.
type spec struct {
	wire      Wire
	answer    int // length of a response at first
	answerJob int // length once version rolling is on

	cores     int  // on the die, as the chip numbers them
	coreBits  int  // of the nonce, its highest
	smallBits int  // of the nonce, below the core's: the small core
	even      bool // the nonce has the chip in 256/n, whatever its address is
	unsure    bool // that the nonce tells the chip: one source says so
	parallel  int  // versions or midstates that a core tries at once
	engines   int  // hashes per clock: those of the small cores that work
	rolls     bool
	guard     uint32 // what the hash count stays below full coverage
	count     uint32 // a fixed hash count; 0 to compute it

	interval  int  // between chip addresses; 0 for 256/n
	maxChips  int  // that a chain can have
	addrShift uint // register commands name a chip by address >> addrShift

	idStep  uint8 // from one job id to the next, modulo 128
	idShift uint  // how far left the id comes back
	idMask  uint8 // its bits that come back

	pll                         pllLimits
	minClock, maxClock, nominal physic.Frequency // what the PLL can do; a board's limits are lower
	regs                        regMap
	lines                       []line // baud rates that the chip can be set to
	baud                        int    // the usual one
	steps                       []step
	divider                     uint32 // of PLL0, to be written before it; 0 for none
	relays                      bool   // of UART signals, at the ends of domains
	oneEnd                      bool   // the last chip of a chain with one domain is an end too
	strengthEnd                 uint32 // pin drive of a domain's last chip; 0 for the same as all
}

// regMap has the registers that are not at the same address everywhere.
type regMap struct{ pll, count, ticket Reg }

// line is a baud rate and the register that sets it.
type line struct {
	baud  int
	reg   Reg
	value uint32
}

const mhz = physic.MegaHertz

// spec returns nil for a chip that is not known.
func (m Model) spec() *spec {
	switch m {
	case BM1387:
		return &spec1387
	case BM1397:
		return &spec1397
	case BM1362:
		return &spec1362
	case BM1366:
		return &spec1366
	case BM1368:
		return &spec1368
	case BM1370:
		return &spec1370
	case BM1372, BM1373:
		return &spec1372
	}
	return nil
}

var newRegs = regMap{pll: RegPLL0, count: RegHashCount, ticket: RegTicketMask}

var spec1387 = spec{
	wire: WireBare, answer: answerBare, answerJob: answerBare,
	cores: 114, coreBits: 7, parallel: 1, engines: 114,
	interval: 4, maxChips: 64, idStep: 4, idMask: 0x7c,
	pll:      pllLimits{form: pllBare, minFB: 32, maxFB: 128, strict: true},
	minClock: 50 * mhz, maxClock: 800 * mhz, nominal: 650 * mhz,
	regs: regMap{pll: reg87PLL, count: reg87HashCount, ticket: reg87TicketMask},
	// Clock inverted, gate block, divisor in bits 12..8, more than one midstate.
	lines: []line{
		{115740, reg87MiscControl, 0x40209a80}, {1562500, reg87MiscControl, 0x40208180}, {3125000, reg87MiscControl, 0x40208080},
	},
	baud: 1562500, steps: steps1387,
}

var spec1397 = spec{
	answer: answerShort, answerJob: answerShort,
	cores: 168, coreBits: 8, smallBits: 2, parallel: 1, engines: 672,
	maxChips: 256, idStep: 4, idMask: 0xfc,
	pll:      pllLimits{form: pllRaw, minFB: 60, maxFB: 200, strict: true},
	minClock: 50 * mhz, maxClock: 1000 * mhz, nominal: 425 * mhz,
	regs: newRegs,
	lines: []line{
		{115740, RegMiscControl, 0x00007a31}, {1041667, RegMiscControl, 0x00006231},
		{1562500, RegMiscControl, 0x00006131}, {3125000, RegMiscControl, 0x00006031},
	},
	baud: 3125000, steps: steps1397, divider: 0x0f0f0f00,
}

// fastLines are the rates that BM1362 to BM1370 make by division. The values of
// 1 M and 3.125 M are from firmware (ESP-Miner, S19k Pro); the 1.5625 M one
// follows from the formula.
func fastLines(top uint32) []line {
	return []line{
		{115740, RegFastUART, 0x1130_1a00}, {1041667, RegFastUART, 0x1130_0200},
		{1562500, RegFastUART, 0x1130_0100}, {3125000, RegFastUART, top},
	}
}

var spec1362 = spec{
	answer: answerLong, answerJob: answerLong,
	cores: 65, coreBits: 7, parallel: 8, engines: 520, rolls: true,
	maxChips: 128, idStep: 8, idMask: 0xf8,
	pll:      pllLimits{form: pllMinus1, minFB: 0x10, maxFB: 0xfa, minVCO: 2000 * mhz, maxVCO: 3200 * mhz, strict: true},
	minClock: 50 * mhz, maxClock: 1000 * mhz, nominal: 525 * mhz,
	regs: newRegs, lines: fastLines(0x1130_0000), baud: 1041667, steps: steps1362,
}

var spec1366 = spec{
	answer: answerLong, answerJob: answerLong,
	cores: 112, coreBits: 7, parallel: 8, engines: 894, rolls: true,
	maxChips: 256, idStep: 8, idMask: 0xf8,
	pll:      pllLimits{form: pllMinus1, minFB: 144, maxFB: 235, strict: true},
	minClock: 50 * mhz, maxClock: 1000 * mhz, nominal: 485 * mhz,
	regs: newRegs, lines: fastLines(0x1130_0000), baud: 1041667, steps: steps1366,
	strengthEnd: 0x0211f111, relays: true,
}

var spec1368 = spec{
	answer: answerLong, answerJob: answerLong,
	cores: 80, coreBits: 7, parallel: 16, engines: 1276, rolls: true,
	maxChips: 256, idStep: 24, idShift: 1, idMask: 0x78,
	pll:      spec1366.pll,
	minClock: 50 * mhz, maxClock: 1000 * mhz, nominal: 490 * mhz,
	regs: newRegs, lines: fastLines(0x1130_0000), baud: 1041667, steps: steps1368,
	strengthEnd: 0x0211f111, relays: true,
}

var spec1370 = spec{
	answer: answerLong, answerJob: answerLong,
	cores: 128, coreBits: 7, parallel: 16, engines: 2040, rolls: true, guard: 268,
	maxChips: 256, idStep: 24, idShift: 1, idMask: 0x78,
	pll:      pllLimits{form: pllMinus1, minFB: 160, maxFB: 239, minVCO: 1600 * mhz, maxVCO: 3200 * mhz, strict: true},
	minClock: 50 * mhz, maxClock: 1000 * mhz, nominal: 525 * mhz,
	regs: newRegs, lines: fastLines(0x0130_0000), baud: 1041667, steps: steps1370,
	strengthEnd: 0x0001f111, relays: true,
}

// BM1372 and BM1373 are known from ESP-Miner alone. How many versions a core
// tries at once is a guess: 6725 engines on 128 cores are more than 32 each. It
// addresses them 16 apart, but takes the chip out of a nonce as if they were
// 256/n apart; while nobody has seen why, no chip is silent for want of nonces.
var spec1372 = spec{
	answer: answerShort, answerJob: answerLong,
	cores: 128, coreBits: 7, even: true, unsure: true, parallel: 64, engines: 6725, rolls: true, count: 0x1eb5,
	interval: 0x10, maxChips: 16, addrShift: 2, idStep: 24, idShift: 1, idMask: 0x78,
	pll:      spec1370.pll,
	minClock: 50 * mhz, maxClock: 1000 * mhz, nominal: 326_785_714 * physic.Hertz,
	regs:  newRegs,
	lines: []line{{115740, RegFastUART, 0x0130_1a00}, {3000000, RegFastUART, 0x8000_0000}},
	baud:  3000000, steps: steps1372, strengthEnd: 0x0001f111, oneEnd: true,
}

// pow2 is the next power of two.
func pow2(n int) int { return 1 << bits.Len(uint(max(n, 1)-1)) }

// slice is how many nonces one core of one chip has to try: to where the next
// chip's address begins, or less.
func (s *spec) slice(chips int) uint32 {
	even := (uint64(1) << 32) / uint64(pow2(s.cores)) >> s.smallBits / uint64(pow2(chips))
	next := uint64(s.shares(chips)) << (24 - s.coreBits - s.smallBits)
	return uint32(min(even, next))
}

// addresses is the distance between the addresses of two chips: ESP-Miner's on
// short chains, 2 on chains of 65 to 128 as stock firmware has it.
func (s *spec) addresses(chips int) int {
	switch {
	case s.interval != 0:
		return s.interval
	case chips > longChain:
		return 256 / pow2(chips)
	}
	return 256 / max(chips, 1)
}

// shares is the distance between two chips in the nonce.
func (s *spec) shares(chips int) int {
	if s.even {
		return max(1, 256/max(chips, 1))
	}
	return s.addresses(chips)
}
