package bitcoin

import (
	"fmt"
	"math/bits"
)

// CompactTarget expands nbits: the high byte is an exponent e, the low 23 bits a
// mantissa m, and the target is m * 256^(e-3). Bit 23 is a sign; nodes refuse
// negative, zero and too large targets, and so does CompactTarget.
func CompactTarget(nbits uint32) (Target, error) {
	exponent, mantissa := int(nbits>>24), nbits&0x7fffff
	if exponent < 3 { // what falls below the point is cut off before all tests
		mantissa >>= 8 * (3 - exponent)
		exponent = 3
	}
	switch {
	case mantissa == 0:
		return Target{}, fmt.Errorf("bitcoin: compact target %08x is zero", nbits)
	case nbits&0x800000 != 0:
		return Target{}, fmt.Errorf("bitcoin: compact target %08x is negative", nbits)
	case exponent-3+(bits.Len32(mantissa)+7)/8 > len(Target{}):
		return Target{}, fmt.Errorf("bitcoin: compact target %08x: overflow of 256 bits", nbits)
	}
	var t Target
	for i := exponent - 3; mantissa != 0; i++ {
		t[i] = byte(mantissa)
		mantissa >>= 8
	}
	return t, nil
}

// Compact is the canonical compact form of t, rounded down: the mantissa keeps
// the two or three highest bytes, and bit 23 stays clear.
func (t Target) Compact() uint32 {
	size := len(t)
	for size > 0 && t[size-1] == 0 {
		size--
	}
	if size == 0 {
		return 0
	}
	if t[size-1] >= 0x80 { // would read as a sign
		size++
	}
	var mantissa uint32
	for i := size - 1; i >= size-3; i-- {
		mantissa <<= 8
		if i >= 0 && i < len(t) {
			mantissa |= uint32(t[i])
		}
	}
	return uint32(size)<<24 | mantissa
}
