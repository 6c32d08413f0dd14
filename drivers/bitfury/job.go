package bitfury

import (
	"encoding/binary"
	"math/bits"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
)

// jobWords is the length of a job: the midstate, the state three rounds later,
// and the rest of the header before the nonce.
const jobWords = 19

// fillJob makes the words of a header's job.
func fillJob(words *[jobWords]uint32, h *bitcoin.Header) {
	var raw [bitcoin.HeaderSize]byte
	h.Put(&raw)
	var tail [3]uint32
	for i := range tail {
		tail[i] = binary.BigEndian.Uint32(raw[64+4*i:])
	}
	fillWords(words, sha256d.Midstate(&raw), tail)
}

func fillWords(words *[jobWords]uint32, mid sha256d.State, tail [3]uint32) {
	copy(words[:8], mid[:])
	state := threeRounds(mid, tail)
	for i, word := range state { // last word first
		words[15-i] = word
	}
	copy(words[16:], tail[:])
}

// threeRounds goes from the midstate through the rounds of the second block that
// do not need the nonce (FIPS 180-4, 6.2.2); the chip goes on from there.
func threeRounds(s sha256d.State, w [3]uint32) sha256d.State {
	k := [3]uint32{0x428a2f98, 0x71374491, 0xb5c0fbcf}
	for t := range w {
		a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
		t1 := h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + (e&f ^ ^e&g) + k[t] + w[t]
		t2 := (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + (a&b ^ a&c ^ b&c)
		s = sha256d.State{t1 + t2, a, b, c, d + t1, e, f, g}
	}
	return s
}

func rotr(x uint32, n int) uint32 { return bits.RotateLeft32(x, -n) }

// testJob is a header that is known to have the nonce f0c4e61f; third-party
// programs give it to a chip to begin with.
func testJob() (mid sha256d.State, tail [3]uint32) {
	return sha256d.State{
		0xb0e72d8e, 0x1dc5b862, 0xe9e7c4a6, 0x3050f1f5, 0x8a1a6b7e, 0x7ec384e8, 0x42c1c3fc, 0x8ed158a1,
	}, [3]uint32{0x8a0bb7b7, 0x33af304f, 0x0b290c1a}
}
