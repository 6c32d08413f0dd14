package bm13xx

import (
	"fmt"

	"periph.io/x/conn/v3/physic"
)

// crystal is the clock of every board known.
const crystal = 25 * physic.MegaHertz

// PLL is a setting of the hash clock that the chip's limits allow:
//
//	f = 25 MHz * FB / (Ref * Post1 * Post2)
//
// Only Model.PLL makes one.
type PLL struct {
	fb, ref, post1, post2 uint8
	form                  pllForm
}

// pllForm is how a chip writes its PLL register.
type pllForm uint8

const (
	pllBare   pllForm = iota // BM1387: no flags, dividers as they are
	pllRaw                   // BM1397: bit 30 enables, dividers as they are
	pllMinus1                // BM1362 and later: post dividers minus one, and a flag for a fast VCO
)

// pllLimits are what a chip's oscillator can do.
type pllLimits struct {
	form           pllForm
	minFB, maxFB   uint8
	minVCO, maxVCO physic.Frequency // zero for no limit beside FB
	strict         bool             // Post1 above Post2, not just equal
}

// fastVCO is where BM1366 and later want another flag, 0x50 for 0x40.
const fastVCO = 2400 * physic.MegaHertz

func (p PLL) vco() physic.Frequency {
	return crystal * physic.Frequency(p.fb) / physic.Frequency(p.ref)
}

// Frequency is the hash clock.
func (p PLL) Frequency() physic.Frequency {
	if p.ref == 0 {
		return 0
	}
	return crystal * physic.Frequency(p.fb) /
		(physic.Frequency(p.ref) * physic.Frequency(p.post1) * physic.Frequency(p.post2))
}

// Register is the value of the chip's PLL register.
func (p PLL) Register() uint32 {
	v := uint32(p.fb)<<16 | uint32(p.ref)<<8
	switch p.form {
	case pllBare:
		return v | uint32(p.post1)<<4 | uint32(p.post2)
	case pllRaw:
		return 0x40<<24 | v | uint32(p.post1)<<4 | uint32(p.post2)
	}
	flags := uint32(0x40)
	if p.vco() >= fastVCO {
		flags = 0x50
	}
	return flags<<24 | v | uint32(p.post1-1)<<4 | uint32(p.post2-1)
}

// String shows the clock and the dividers that make it.
func (p PLL) String() string {
	return fmt.Sprintf("%v (25 MHz * %d / %d / %d / %d)", p.Frequency(), p.fb, p.ref, p.post1, p.post2)
}

// PLL returns the setting nearest to a frequency. Of equal ones it takes the
// lowest VCO, then the smallest product of post dividers, then the largest Post1,
// as ESP-Miner does.
func (m Model) PLL(f physic.Frequency) (PLL, error) {
	s := m.spec()
	if f < s.minClock || f > s.maxClock {
		return PLL{}, fmt.Errorf("bm13xx: %v cannot run at %v, only at %v to %v", m, f, s.minClock, s.maxClock)
	}
	var best PLL
	for _, ref := range [...]uint8{2, 1} {
		for post1 := uint8(7); post1 >= 1; post1-- {
			for post2 := uint8(1); post2 <= post1; post2++ {
				p, ok := s.pll.nearest(f, ref, post1, post2)
				if ok && better(p, best, f) {
					best = p
				}
			}
		}
	}
	if best.ref == 0 {
		return PLL{}, fmt.Errorf("bm13xx: no PLL setting of %v for %v", m, f)
	}
	return best, nil
}

// nearest picks FB for given dividers.
func (l *pllLimits) nearest(f physic.Frequency, ref, post1, post2 uint8) (PLL, bool) {
	if l.strict && post1 == post2 {
		return PLL{}, false
	}
	div := physic.Frequency(ref) * physic.Frequency(post1) * physic.Frequency(post2)
	fb := (f*div + crystal/2) / crystal
	if fb < physic.Frequency(l.minFB) || fb > physic.Frequency(l.maxFB) {
		return PLL{}, false
	}
	p := PLL{fb: uint8(fb), ref: ref, post1: post1, post2: post2, form: l.form}
	vco := p.vco()
	ok := vco >= l.minVCO && (l.maxVCO == 0 || vco <= l.maxVCO)
	return p, ok
}

// better says whether p is to be preferred to q for a frequency.
func better(p, q PLL, f physic.Frequency) bool {
	if q.ref == 0 {
		return true
	}
	dp, dq := distance(p.Frequency(), f), distance(q.Frequency(), f)
	switch {
	case dp != dq:
		return dp < dq
	case p.vco() != q.vco():
		return p.vco() < q.vco()
	}
	return p.post1*p.post2 < q.post1*q.post2
}

func distance(f, g physic.Frequency) physic.Frequency {
	return max(f-g, g-f)
}
