package bitfury

import (
	"math/bits"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

// DecodeNonce unscrambles a word of the answer. The low byte becomes the high
// one; the rest comes bit-reversed (capture bitfury-decnonce). What comes out may
// still be off by one of the offsets.
func DecodeNonce(word uint32) uint32 {
	out := word << 24
	rest := uint32(bits.Reverse8(byte(word>>24)))<<16 | uint32(bits.Reverse8(byte(word>>16)))<<8 | uint32(bits.Reverse8(byte(word>>8)))
	out |= rest >> 2 & 0x3fffff
	out |= rest & 1 << 23
	out |= rest >> 1 & 1 << 22
	return out - 0x00800004
}

// offsets are what a decoded nonce may be off by, the likely ones first
// (capture bitfury-fudge).
func offsets() [6]uint32 {
	return [6]uint32{0, 0xffc00000, 0xff800000, 0x02800000, 0x02c00000, 0x00400000}
}

// FixNonce adds the offset that makes a decoded nonce right: the header's hash
// under it is at or below target.
func FixNonce(h *bitcoin.Header, nonce uint32, target *bitcoin.Target) (uint32, bool) {
	try := *h
	for _, off := range offsets() {
		try.Nonce = bits.ReverseBytes32(nonce + off)
		if target.MetBy(try.Hash()) {
			return try.Nonce, true
		}
	}
	return 0, false
}

// counterBits is the width of the speed counter: the place in the sweep, which
// stands where the ring's next nonce will.
const (
	counterBits = 22
	counterMask = 1<<counterBits - 1
	counterCore = 0xdf800000 // the nonces of a core that does not exist
)

// counter returns the speed counter, if the decoded word is one.
func counter(decoded uint32) (uint32, bool) {
	return decoded & counterMask, decoded&^counterMask == counterCore
}

// solve finds the work of a job that a decoded nonce belongs to.
func (j *job) solve(nonce uint32, target *bitcoin.Target) (uint32, bool) {
	if !j.set {
		return 0, false
	}
	return FixNonce(&j.work.Header, nonce, target)
}

// job is a work as a chip got it.
type job struct {
	set        bool
	work       hashing.Work
	words      [jobWords]uint32
	generation uint64
}
