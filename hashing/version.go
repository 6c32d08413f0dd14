package hashing

import "math/bits"

// RollVersion returns version with the bits of mask rolled to the i-th of their
// 2^n values. It flips bits rather than set them, so value 0 is the version
// unchanged.
func RollVersion(version, mask, i uint32) uint32 {
	for ; mask != 0 && i != 0; i >>= 1 {
		low := mask & -mask
		if i&1 != 0 {
			version ^= low
		}
		mask ^= low
	}
	return version
}

// LowBits returns the lowest n bits that are set in mask, or all if it has fewer.
func LowBits(mask uint32, n int) uint32 {
	rest := mask
	for range min(max(n, 0), bits.OnesCount32(mask)) {
		rest &= rest - 1
	}
	return mask ^ rest
}
