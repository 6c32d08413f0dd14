package sha256d

import "math/bits"

// The words of FIPS 180-4: section 4.1.2 (functions), 4.2.2 (constants), 5.3.3
// (initial state), 6.2.2 (rounds), 5.1.1 (padding).

// rotr is the standard's ROTR.
func rotr(x uint32, n int) uint32 { return bits.RotateLeft32(x, -n) }

// s0 and s1 are the small sigmas, of the message schedule.
func s0(x uint32) uint32 { return rotr(x, 7) ^ rotr(x, 18) ^ x>>3 }
func s1(x uint32) uint32 { return rotr(x, 17) ^ rotr(x, 19) ^ x>>10 }

// bigSigma0 and bigSigma1, ch and maj are those of the rounds.
func bigSigma0(a uint32) uint32 { return rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22) }
func bigSigma1(e uint32) uint32 { return rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25) }
func ch(e, f, g uint32) uint32  { return g ^ e&(f^g) }

// maj is written so that a^b is shared with the next round's b^c.
func maj(a, b, c uint32) uint32 { return (a^b)&(b^c) ^ b }

// temp1 is the standard's T1 without the constant and the message's word.
func temp1(e, f, g, h uint32) uint32 {
	return h + bigSigma1(e) + ch(e, f, g)
}

// temp2 is the standard's T2.
func temp2(a, b, c uint32) uint32 {
	return bigSigma0(a) + maj(a, b, c)
}

// round returns the two words that a round changes, the new e and the new a; the
// caller renames the other six instead of moving them. kw is K + W.
func round(a, b, c, d, e, f, g, h, kw uint32) (newE, newA uint32) {
	t := temp1(e, f, g, h) + kw
	return d + t, t + temp2(a, b, c)
}

// Padding: a one bit after the message, and its length at the end.
const (
	padding    = 0x80000000
	bitsFirst  = 80 * 8 // first hash: the header
	bitsSecond = 32 * 8 // second hash: the first one's digest
)

// initial is the state before the first block.
func initial() State {
	return State{i0, i1, i2, i3, i4, i5, i6, i7}
}

const (
	i0 = 0x6a09e667
	i1 = 0xbb67ae85
	i2 = 0x3c6ef372
	i3 = 0xa54ff53a
	i4 = 0x510e527f
	i5 = 0x9b05688c
	i6 = 0x1f83d9ab
	i7 = 0x5be0cd19
)

// Constants, not a table: the compiler adds them to what else is constant.
const (
	k0  = 0x428a2f98
	k1  = 0x71374491
	k2  = 0xb5c0fbcf
	k3  = 0xe9b5dba5
	k4  = 0x3956c25b
	k5  = 0x59f111f1
	k6  = 0x923f82a4
	k7  = 0xab1c5ed5
	k8  = 0xd807aa98
	k9  = 0x12835b01
	k10 = 0x243185be
	k11 = 0x550c7dc3
	k12 = 0x72be5d74
	k13 = 0x80deb1fe
	k14 = 0x9bdc06a7
	k15 = 0xc19bf174
	k16 = 0xe49b69c1
	k17 = 0xefbe4786
	k18 = 0x0fc19dc6
	k19 = 0x240ca1cc
	k20 = 0x2de92c6f
	k21 = 0x4a7484aa
	k22 = 0x5cb0a9dc
	k23 = 0x76f988da
	k24 = 0x983e5152
	k25 = 0xa831c66d
	k26 = 0xb00327c8
	k27 = 0xbf597fc7
	k28 = 0xc6e00bf3
	k29 = 0xd5a79147
	k30 = 0x06ca6351
	k31 = 0x14292967
	k32 = 0x27b70a85
	k33 = 0x2e1b2138
	k34 = 0x4d2c6dfc
	k35 = 0x53380d13
	k36 = 0x650a7354
	k37 = 0x766a0abb
	k38 = 0x81c2c92e
	k39 = 0x92722c85
	k40 = 0xa2bfe8a1
	k41 = 0xa81a664b
	k42 = 0xc24b8b70
	k43 = 0xc76c51a3
	k44 = 0xd192e819
	k45 = 0xd6990624
	k46 = 0xf40e3585
	k47 = 0x106aa070
	k48 = 0x19a4c116
	k49 = 0x1e376c08
	k50 = 0x2748774c
	k51 = 0x34b0bcb5
	k52 = 0x391c0cb3
	k53 = 0x4ed8aa4a
	k54 = 0x5b9cca4f
	k55 = 0x682e6ff3
	k56 = 0x748f82ee
	k57 = 0x78a5636f
	k58 = 0x84c87814
	k59 = 0x8cc70208
	k60 = 0x90befffa
	k61 = 0xa4506ceb
	k62 = 0xbef9a3f7
	k63 = 0xc67178f2
)
