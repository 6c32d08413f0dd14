package sha256d

import "math/bits"

// scanGeneric is plain Go: the kernel for processors without a better one, and
// the reference that all others are tested and measured against. The rounds are
// written out, because a loop must move eight words each round and cannot fold
// constants; the message schedule is in memory, because the compiler has not
// enough registers for both and chooses badly.
func scanGeneric(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	var digest [16]uint32
	for ; done < count && n+len(s.heads) <= len(hits); done++ {
		nonce := bits.ReverseBytes32(start + done)
		expand(&s.fixed, &s.w, nonce)
		for i := range s.heads {
			finishFirst(&s.heads[i], &s.w, nonce, &digest)
			if last := lastOfSecond(&digest); bits.ReverseBytes32(last) <= s.top {
				hits[n] = Hit{Nonce: start + done, Midstate: i}
				n++
			}
		}
	}
	return n, done
}

// expand makes the message schedule of the second block from w16 on. The block
// is: end of the merkle root, ntime, nbits, nonce, padding, zeroes, length. nonce
// is in SHA-256's byte order, as are all words here.
func expand(c *fixed, w *[64]uint32, nonce uint32) {
	w[16] = c.w16
	w[17] = c.w17
	w[18] = c.w18 + s0(nonce)
	w[19] = c.w19 + nonce
	w[20] = s1(w[18]) + padding
	w[21] = s1(w[19])
	w[22] = s1(w[20]) + bitsFirst
	w[23] = s1(w[21]) + w[16]
	w[24] = s1(w[22]) + w[17]
	w[25] = s1(w[23]) + w[18]
	w[26] = s1(w[24]) + w[19]
	w[27] = s1(w[25]) + w[20]
	w[28] = s1(w[26]) + w[21]
	w[29] = s1(w[27]) + w[22]
	w[30] = s1(w[28]) + w[23] + s0(bitsFirst)
	w[31] = s1(w[29]) + w[24] + c.w31
	w[32] = s1(w[30]) + w[25] + s0(w[17]) + w[16]
	w[33] = s1(w[31]) + w[26] + s0(w[18]) + w[17]
	w[34] = s1(w[32]) + w[27] + s0(w[19]) + w[18]
	w[35] = s1(w[33]) + w[28] + s0(w[20]) + w[19]
	w[36] = s1(w[34]) + w[29] + s0(w[21]) + w[20]
	w[37] = s1(w[35]) + w[30] + s0(w[22]) + w[21]
	w[38] = s1(w[36]) + w[31] + s0(w[23]) + w[22]
	w[39] = s1(w[37]) + w[32] + s0(w[24]) + w[23]
	w[40] = s1(w[38]) + w[33] + s0(w[25]) + w[24]
	w[41] = s1(w[39]) + w[34] + s0(w[26]) + w[25]
	w[42] = s1(w[40]) + w[35] + s0(w[27]) + w[26]
	w[43] = s1(w[41]) + w[36] + s0(w[28]) + w[27]
	w[44] = s1(w[42]) + w[37] + s0(w[29]) + w[28]
	w[45] = s1(w[43]) + w[38] + s0(w[30]) + w[29]
	w[46] = s1(w[44]) + w[39] + s0(w[31]) + w[30]
	w[47] = s1(w[45]) + w[40] + s0(w[32]) + w[31]
	w[48] = s1(w[46]) + w[41] + s0(w[33]) + w[32]
	w[49] = s1(w[47]) + w[42] + s0(w[34]) + w[33]
	w[50] = s1(w[48]) + w[43] + s0(w[35]) + w[34]
	w[51] = s1(w[49]) + w[44] + s0(w[36]) + w[35]
	w[52] = s1(w[50]) + w[45] + s0(w[37]) + w[36]
	w[53] = s1(w[51]) + w[46] + s0(w[38]) + w[37]
	w[54] = s1(w[52]) + w[47] + s0(w[39]) + w[38]
	w[55] = s1(w[53]) + w[48] + s0(w[40]) + w[39]
	w[56] = s1(w[54]) + w[49] + s0(w[41]) + w[40]
	w[57] = s1(w[55]) + w[50] + s0(w[42]) + w[41]
	w[58] = s1(w[56]) + w[51] + s0(w[43]) + w[42]
	w[59] = s1(w[57]) + w[52] + s0(w[44]) + w[43]
	w[60] = s1(w[58]) + w[53] + s0(w[45]) + w[44]
	w[61] = s1(w[59]) + w[54] + s0(w[46]) + w[45]
	w[62] = s1(w[60]) + w[55] + s0(w[47]) + w[46]
	w[63] = s1(w[61]) + w[56] + s0(w[48]) + w[47]
}

// finishFirst does the first hash's remaining 61 rounds and puts the digest into
// out[:8].
func finishFirst(p *head, w *[64]uint32, nonce uint32, out *[16]uint32) {
	a, b, c, d := p.state[0], p.state[1], p.state[2], p.state[3]
	e, f, g, h := p.state[4], p.state[5], p.state[6], p.state[7]
	a, e = round(f, g, h, a, b, c, d, e, k3+nonce)
	h, d = round(e, f, g, h, a, b, c, d, k4+padding)
	g, c = round(d, e, f, g, h, a, b, c, k5)
	f, b = round(c, d, e, f, g, h, a, b, k6)
	e, a = round(b, c, d, e, f, g, h, a, k7)
	d, h = round(a, b, c, d, e, f, g, h, k8)
	c, g = round(h, a, b, c, d, e, f, g, k9)
	b, f = round(g, h, a, b, c, d, e, f, k10)
	a, e = round(f, g, h, a, b, c, d, e, k11)
	h, d = round(e, f, g, h, a, b, c, d, k12)
	g, c = round(d, e, f, g, h, a, b, c, k13)
	f, b = round(c, d, e, f, g, h, a, b, k14)
	e, a = round(b, c, d, e, f, g, h, a, k15+bitsFirst)
	d, h = round(a, b, c, d, e, f, g, h, k16+w[16])
	c, g = round(h, a, b, c, d, e, f, g, k17+w[17])
	b, f = round(g, h, a, b, c, d, e, f, k18+w[18])
	a, e = round(f, g, h, a, b, c, d, e, k19+w[19])
	h, d = round(e, f, g, h, a, b, c, d, k20+w[20])
	g, c = round(d, e, f, g, h, a, b, c, k21+w[21])
	f, b = round(c, d, e, f, g, h, a, b, k22+w[22])
	e, a = round(b, c, d, e, f, g, h, a, k23+w[23])
	d, h = round(a, b, c, d, e, f, g, h, k24+w[24])
	c, g = round(h, a, b, c, d, e, f, g, k25+w[25])
	b, f = round(g, h, a, b, c, d, e, f, k26+w[26])
	a, e = round(f, g, h, a, b, c, d, e, k27+w[27])
	h, d = round(e, f, g, h, a, b, c, d, k28+w[28])
	g, c = round(d, e, f, g, h, a, b, c, k29+w[29])
	f, b = round(c, d, e, f, g, h, a, b, k30+w[30])
	e, a = round(b, c, d, e, f, g, h, a, k31+w[31])
	d, h = round(a, b, c, d, e, f, g, h, k32+w[32])
	c, g = round(h, a, b, c, d, e, f, g, k33+w[33])
	b, f = round(g, h, a, b, c, d, e, f, k34+w[34])
	a, e = round(f, g, h, a, b, c, d, e, k35+w[35])
	h, d = round(e, f, g, h, a, b, c, d, k36+w[36])
	g, c = round(d, e, f, g, h, a, b, c, k37+w[37])
	f, b = round(c, d, e, f, g, h, a, b, k38+w[38])
	e, a = round(b, c, d, e, f, g, h, a, k39+w[39])
	d, h = round(a, b, c, d, e, f, g, h, k40+w[40])
	c, g = round(h, a, b, c, d, e, f, g, k41+w[41])
	b, f = round(g, h, a, b, c, d, e, f, k42+w[42])
	a, e = round(f, g, h, a, b, c, d, e, k43+w[43])
	h, d = round(e, f, g, h, a, b, c, d, k44+w[44])
	g, c = round(d, e, f, g, h, a, b, c, k45+w[45])
	f, b = round(c, d, e, f, g, h, a, b, k46+w[46])
	e, a = round(b, c, d, e, f, g, h, a, k47+w[47])
	d, h = round(a, b, c, d, e, f, g, h, k48+w[48])
	c, g = round(h, a, b, c, d, e, f, g, k49+w[49])
	b, f = round(g, h, a, b, c, d, e, f, k50+w[50])
	a, e = round(f, g, h, a, b, c, d, e, k51+w[51])
	h, d = round(e, f, g, h, a, b, c, d, k52+w[52])
	g, c = round(d, e, f, g, h, a, b, c, k53+w[53])
	f, b = round(c, d, e, f, g, h, a, b, k54+w[54])
	e, a = round(b, c, d, e, f, g, h, a, k55+w[55])
	d, h = round(a, b, c, d, e, f, g, h, k56+w[56])
	c, g = round(h, a, b, c, d, e, f, g, k57+w[57])
	b, f = round(g, h, a, b, c, d, e, f, k58+w[58])
	a, e = round(f, g, h, a, b, c, d, e, k59+w[59])
	h, d = round(e, f, g, h, a, b, c, d, k60+w[60])
	g, c = round(d, e, f, g, h, a, b, c, k61+w[61])
	f, b = round(c, d, e, f, g, h, a, b, k62+w[62])
	e, a = round(b, c, d, e, f, g, h, a, k63+w[63])
	out[0] = a + p.mid[0]
	out[1] = b + p.mid[1]
	out[2] = c + p.mid[2]
	out[3] = d + p.mid[3]
	out[4] = e + p.mid[4]
	out[5] = f + p.mid[5]
	out[6] = g + p.mid[6]
	out[7] = h + p.mid[7]
}

// lastOfSecond hashes the digest in w[:8] and returns the last word of the
// result, the only one that is computed. The schedule runs in a window of 16
// words, each used before it is replaced.
func lastOfSecond(w *[16]uint32) uint32 {
	a, b, c, d := uint32(i0), uint32(i1), uint32(i2), uint32(i3)
	e, f, g, h := uint32(i4), uint32(i5), uint32(i6), uint32(i7)
	d, h = round(a, b, c, d, e, f, g, h, k0+w[0])
	c, g = round(h, a, b, c, d, e, f, g, k1+w[1])
	b, f = round(g, h, a, b, c, d, e, f, k2+w[2])
	a, e = round(f, g, h, a, b, c, d, e, k3+w[3])
	h, d = round(e, f, g, h, a, b, c, d, k4+w[4])
	g, c = round(d, e, f, g, h, a, b, c, k5+w[5])
	f, b = round(c, d, e, f, g, h, a, b, k6+w[6])
	e, a = round(b, c, d, e, f, g, h, a, k7+w[7])
	d, h = round(a, b, c, d, e, f, g, h, (k8+padding)%(1<<32))
	c, g = round(h, a, b, c, d, e, f, g, k9)
	b, f = round(g, h, a, b, c, d, e, f, k10)
	a, e = round(f, g, h, a, b, c, d, e, k11)
	h, d = round(e, f, g, h, a, b, c, d, k12)
	g, c = round(d, e, f, g, h, a, b, c, k13)
	f, b = round(c, d, e, f, g, h, a, b, k14)
	e, a = round(b, c, d, e, f, g, h, a, k15+bitsSecond)
	w[0] += s0(w[1])
	d, h = round(a, b, c, d, e, f, g, h, k16+w[0])
	w[1] += s1(bitsSecond) + s0(w[2])
	c, g = round(h, a, b, c, d, e, f, g, k17+w[1])
	w[2] += s1(w[0]) + s0(w[3])
	b, f = round(g, h, a, b, c, d, e, f, k18+w[2])
	w[3] += s1(w[1]) + s0(w[4])
	a, e = round(f, g, h, a, b, c, d, e, k19+w[3])
	w[4] += s1(w[2]) + s0(w[5])
	h, d = round(e, f, g, h, a, b, c, d, k20+w[4])
	w[5] += s1(w[3]) + s0(w[6])
	g, c = round(d, e, f, g, h, a, b, c, k21+w[5])
	w[6] += s1(w[4]) + bitsSecond + s0(w[7])
	f, b = round(c, d, e, f, g, h, a, b, k22+w[6])
	w[7] += s1(w[5]) + w[0] + s0(padding)
	e, a = round(b, c, d, e, f, g, h, a, k23+w[7])
	w[8] = s1(w[6]) + w[1] + padding
	d, h = round(a, b, c, d, e, f, g, h, k24+w[8])
	w[9] = s1(w[7]) + w[2]
	c, g = round(h, a, b, c, d, e, f, g, k25+w[9])
	w[10] = s1(w[8]) + w[3]
	b, f = round(g, h, a, b, c, d, e, f, k26+w[10])
	w[11] = s1(w[9]) + w[4]
	a, e = round(f, g, h, a, b, c, d, e, k27+w[11])
	w[12] = s1(w[10]) + w[5]
	h, d = round(e, f, g, h, a, b, c, d, k28+w[12])
	w[13] = s1(w[11]) + w[6]
	g, c = round(d, e, f, g, h, a, b, c, k29+w[13])
	w[14] = s1(w[12]) + w[7] + s0(bitsSecond)
	f, b = round(c, d, e, f, g, h, a, b, k30+w[14])
	w[15] = s1(w[13]) + w[8] + s0(w[0]) + bitsSecond
	e, a = round(b, c, d, e, f, g, h, a, k31+w[15])
	w[0] += s1(w[14]) + w[9] + s0(w[1])
	d, h = round(a, b, c, d, e, f, g, h, k32+w[0])
	w[1] += s1(w[15]) + w[10] + s0(w[2])
	c, g = round(h, a, b, c, d, e, f, g, k33+w[1])
	w[2] += s1(w[0]) + w[11] + s0(w[3])
	b, f = round(g, h, a, b, c, d, e, f, k34+w[2])
	w[3] += s1(w[1]) + w[12] + s0(w[4])
	a, e = round(f, g, h, a, b, c, d, e, k35+w[3])
	w[4] += s1(w[2]) + w[13] + s0(w[5])
	h, d = round(e, f, g, h, a, b, c, d, k36+w[4])
	w[5] += s1(w[3]) + w[14] + s0(w[6])
	g, c = round(d, e, f, g, h, a, b, c, k37+w[5])
	w[6] += s1(w[4]) + w[15] + s0(w[7])
	f, b = round(c, d, e, f, g, h, a, b, k38+w[6])
	w[7] += s1(w[5]) + w[0] + s0(w[8])
	e, a = round(b, c, d, e, f, g, h, a, k39+w[7])
	w[8] += s1(w[6]) + w[1] + s0(w[9])
	d, h = round(a, b, c, d, e, f, g, h, k40+w[8])
	w[9] += s1(w[7]) + w[2] + s0(w[10])
	c, g = round(h, a, b, c, d, e, f, g, k41+w[9])
	w[10] += s1(w[8]) + w[3] + s0(w[11])
	b, f = round(g, h, a, b, c, d, e, f, k42+w[10])
	w[11] += s1(w[9]) + w[4] + s0(w[12])
	a, e = round(f, g, h, a, b, c, d, e, k43+w[11])
	w[12] += s1(w[10]) + w[5] + s0(w[13])
	h, d = round(e, f, g, h, a, b, c, d, k44+w[12])
	w[13] += s1(w[11]) + w[6] + s0(w[14])
	g, c = round(d, e, f, g, h, a, b, c, k45+w[13])
	w[14] += s1(w[12]) + w[7] + s0(w[15])
	f, b = round(c, d, e, f, g, h, a, b, k46+w[14])
	w[15] += s1(w[13]) + w[8] + s0(w[0])
	e, a = round(b, c, d, e, f, g, h, a, k47+w[15])
	w[0] += s1(w[14]) + w[9] + s0(w[1])
	d, h = round(a, b, c, d, e, f, g, h, k48+w[0])
	w[1] += s1(w[15]) + w[10] + s0(w[2])
	c, g = round(h, a, b, c, d, e, f, g, k49+w[1])
	w[2] += s1(w[0]) + w[11] + s0(w[3])
	b, f = round(g, h, a, b, c, d, e, f, k50+w[2])
	w[3] += s1(w[1]) + w[12] + s0(w[4])
	a, e = round(f, g, h, a, b, c, d, e, k51+w[3])
	w[4] += s1(w[2]) + w[13] + s0(w[5])
	h, d = round(e, f, g, h, a, b, c, d, k52+w[4])
	w[5] += s1(w[3]) + w[14] + s0(w[6])
	g, c = round(d, e, f, g, h, a, b, c, k53+w[5])
	w[6] += s1(w[4]) + w[15] + s0(w[7])
	f, b = round(c, d, e, f, g, h, a, b, k54+w[6])
	w[7] += s1(w[5]) + w[0] + s0(w[8])
	e, a = round(b, c, d, e, f, g, h, a, k55+w[7])
	w[8] += s1(w[6]) + w[1] + s0(w[9])
	d, h = round(a, b, c, d, e, f, g, h, k56+w[8])

	// Only e counts from here on: round 60's is the last word before the end.
	w[9] += s1(w[7]) + w[2] + s0(w[10])
	c += temp1(d, e, f, g) + k57 + w[9]
	w[10] += s1(w[8]) + w[3] + s0(w[11])
	b += temp1(c, d, e, f) + k58 + w[10]
	w[11] += s1(w[9]) + w[4] + s0(w[12])
	a += temp1(b, c, d, e) + k59 + w[11]
	w[12] += s1(w[10]) + w[5] + s0(w[13])
	h += temp1(a, b, c, d) + k60 + w[12]
	return h + i7
}
