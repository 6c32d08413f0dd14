package main

import "math/bits"

// loop is what kernels are compared with: both compressions as the standard writes
// them, in a loop over the rounds.
//
//go:noinline
func loop(midstate *[8]uint32, tail *[3]uint32, nonces uint32) (candidates int) {
	var w [64]uint32
	for nonce := range nonces {
		copy(w[:], tail[:])
		w[3], w[4], w[15] = nonce, 0x80000000, 80*8
		clear(w[5:15])
		state := *midstate
		for block := range 2 {
			if block == 1 {
				copy(w[:], state[:])
				w[8], w[15] = 0x80000000, 32*8
				clear(w[9:15])
				state = initialState
			}
			for t := 16; t < 64; t++ {
				x, y := w[t-15], w[t-2]
				w[t] = w[t-16] + w[t-7] +
					(bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3) +
					(bits.RotateLeft32(y, -17) ^ bits.RotateLeft32(y, -19) ^ y>>10)
			}
			a, b, c, d, e, f, g, h := state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
			for t, k := range &roundConstants {
				t1 := h + k + w[t] + (e&f ^ ^e&g) +
					(bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25))
				t2 := (a&b ^ a&c ^ b&c) +
					(bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22))
				a, b, c, d, e, f, g, h = t1+t2, a, b, c, d+t1, e, f, g
			}
			for i, x := range [8]uint32{a, b, c, d, e, f, g, h} {
				state[i] += x
			}
		}
		if state[7] == 0 {
			candidates++
		}
	}
	return candidates
}

// FIPS 180-4, section 5.3.3.
var initialState = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

// FIPS 180-4, section 4.2.2.
var roundConstants = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
