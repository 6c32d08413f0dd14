package chipsim

import (
	"math/bits"
	"time"
)

const (
	crystal   = 25.0   // MHz
	startBaud = 115200 // of the host, after a reset
	lockTime  = 500 * time.Microsecond
)

// pll is a PLL register taken apart.
type pll struct{ flags, fb, ref, p1, p2 uint32 }

func (m *model) decodePLL(v uint32) pll {
	p := pll{v >> 24, v >> 16 & 0xff, v >> 8 & 0x3f, v >> 4 & 7, v & 7}
	if m.minusOne {
		p.p1, p.p2 = p.p1+1, p.p2+1
	}
	return p
}

// vco and mhz are 0 where a divider is zero.
func (p pll) vco() float64 {
	if p.ref == 0 {
		return 0
	}
	return crystal * float64(p.fb) / float64(p.ref)
}

func (p pll) mhz() float64 {
	if p.p1*p.p2 == 0 {
		return 0
	}
	return p.vco() / float64(p.p1*p.p2)
}

// running tells whether the register lets the PLL run. The BM1387's has no flags.
func (m *model) running(v uint32) bool { return m.bm1387 && v != 0 || v>>24&0x40 != 0 }

// clock is the hash clock in MHz that a register value gives.
func (m *model) clock(v uint32) float64 {
	if !m.running(v) {
		return 0
	}
	return m.decodePLL(v).mhz()
}

// baud is the rate at which a chip with these registers talks and listens.
func (m *model) baud(reg *[256]uint32) float64 {
	switch {
	case m.bm1387:
		return divided(crystal, reg[m.reg.misc]>>8&0x1f)
	case m.midstates:
		misc := reg[m.reg.misc]
		div := misc>>24&0xf<<5 | misc>>8&0x1f
		if misc>>16&1 != 0 {
			return divided(rawPLL(reg[regPLL3])/float64(reg[regFastUART]>>24&0xf+1), div)
		}
		return divided(crystal, div)
	}
	v := reg[regFastUART]
	switch {
	case v == 0x80000000: // BM1372/73, from ESP-Miner's constant
		return 3e6
	case v>>26&1 != 0:
		return divided(rawPLL(reg[regPLL1])/float64(v>>20&0xf+1), v>>8&0xff)
	}
	return divided(crystal, v>>8&0xff)
}

func divided(mhz float64, div uint32) float64 { return mhz * 1e6 / 8 / float64(div+1) }

// rawPLL is the output of the PLLs that feed the UART: C0700111 is 2.8 GHz on
// all models, so their post dividers are not written minus one.
func rawPLL(v uint32) float64 {
	return pll{fb: v >> 16 & 0xff, ref: v >> 8 & 0x3f, p1: v >> 4 & 7, p2: v & 7}.mhz()
}

// ticketBits gives the ticket mask as it is laid over a hash: the bits after the
// first Zeros, most significant first. The register has each byte mirrored.
func ticketBits(reg uint32) uint32 { return bits.ReverseBytes32(reg) }

// ticketValue is the mask as a number, difficulty minus one.
func ticketValue(reg uint32) uint32 { return bits.Reverse32(ticketBits(reg)) }
