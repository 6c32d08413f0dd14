package a1

import (
	"fmt"

	"periph.io/x/conn/v3/physic"
)

// PLL is a setting of a chip's clock: reference * fb / (pre * 2^(post-1)). Its
// zero value is none; NewPLL and SolvePLL make only what the register can hold.
type PLL struct {
	fb        uint16 // 1..511
	pre, post uint8  // 1..31, 1..3
}

// The register's limits. What the oscillator itself can do is not published.
const (
	maxFB   = 511
	maxPre  = 31
	maxPost = 3
)

// NewPLL returns the setting with these dividers.
func NewPLL(fb, pre, post int) (PLL, error) {
	if fb < 1 || fb > maxFB || pre < 1 || pre > maxPre || post < 1 || post > maxPost {
		return PLL{}, fmt.Errorf("a1: PLL of feedback %d, pre %d, post %d; limits are %d, %d, %d",
			fb, pre, post, maxFB, maxPre, maxPost)
	}
	return PLL{fb: uint16(fb), pre: uint8(pre), post: uint8(post)}, nil
}

// SolvePLL returns the setting for a clock. When none hits it, the nearest one
// below: a clock is never above what was asked for.
func SolvePLL(reference, clock physic.Frequency) (PLL, error) {
	if reference < physic.MegaHertz || reference > 100*physic.MegaHertz || clock <= 0 || clock > 10*physic.GigaHertz {
		return PLL{}, fmt.Errorf("a1: no PLL setting for %v from a reference of %v", clock, reference)
	}
	if p, ok := exactPLL(reference, clock); ok {
		return p, nil
	}
	return nearestPLL(reference, clock)
}

// exactPLL reduces the ratio, then gives the post divider as much of the
// denominator as it can hold: cgminer's choice among equals (a1-init captures).
func exactPLL(reference, clock physic.Frequency) (PLL, bool) {
	g := gcd(reference, clock)
	fb, n, post := clock/g, reference/g, 1
	for n%2 == 0 && post < maxPost {
		n, post = n/2, post+1
	}
	if fb > maxFB || n > maxPre {
		return PLL{}, false
	}
	return PLL{fb: uint16(fb), pre: uint8(n), post: uint8(post)}, true
}

// nearestPLL prefers small dividers among equals.
func nearestPLL(reference, clock physic.Frequency) (PLL, error) {
	var best PLL
	for post := 1; post <= maxPost; post++ {
		for pre := 1; pre <= maxPre; pre++ {
			div := physic.Frequency(pre << (post - 1))
			fb := min(clock*div/reference, maxFB)
			p := PLL{fb: uint16(fb), pre: uint8(pre), post: uint8(post)}
			if fb > 0 && (best.fb == 0 || p.Clock(reference) > best.Clock(reference)) {
				best = p
			}
		}
	}
	if best.fb == 0 {
		return PLL{}, fmt.Errorf("a1: %v is below what the PLL can make from %v", clock, reference)
	}
	return best, nil
}

func gcd(a, b physic.Frequency) physic.Frequency {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Clock is the clock that the setting makes from a reference.
func (p PLL) Clock(reference physic.Frequency) physic.Frequency {
	if p.fb == 0 {
		return 0
	}
	return reference * physic.Frequency(p.fb) / physic.Frequency(int(p.pre)<<(p.post-1))
}

// String shows the three dividers.
func (p PLL) String() string { return fmt.Sprintf("fb %d pre %d post %d", p.fb, p.pre, p.post) }
