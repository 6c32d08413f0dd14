// Package sha256d searches nonces: it finds the values of a block header's last
// word whose double SHA-256 is small.
//
// A header is 80 bytes, two SHA-256 blocks. Everything that does not depend on
// the nonce is done once, in Search.Prepare: the state after the first block
// (the midstate), the first rounds of the second block, and the words of its
// message schedule that stay the same. A scan then does the rest, and of the
// second hash only the part that yields its last word, which holds the hash's
// top 32 bits. Nearly every nonce fails there.
//
// A scan therefore reports candidates: the top 32 bits are right, the other 224
// are for the caller to check.
package sha256d

import (
	"encoding/binary"
)

// State is a SHA-256 chaining value: eight words, as numbers.
type State [8]uint32

// Midstate returns the state after the header's first 64 bytes. Headers that
// differ in their version only differ in this and nothing else.
func Midstate(header *[80]byte) State {
	var w [64]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(header[4*i:])
	}
	return compress(initial(), &w)
}

// Hit is a candidate: the hash of Nonce under the midstate with this index has
// top 32 bits at or below Search's.
type Hit struct {
	Nonce    uint32
	Midstate int
}

// Search is a header prepared for scanning. It belongs to one goroutine, and
// can be prepared again and again without allocating.
type Search struct {
	fixed
	tail  [3]uint32 // of the header: end of the merkle root, ntime, nbits
	heads []head
	w     [64]uint32 // second block's message schedule for one nonce
	memory
}

// fixed holds what depends neither on the nonce nor on the midstate: words of
// the second block and of its message schedule.
type fixed struct {
	top uint32

	w16, w17 uint32 // whole words
	w18, w19 uint32 // without the nonce's part
	w31      uint32 // s0(w16) + w15
}

// head is a midstate and what follows from it before the nonce comes in.
type head struct {
	mid   State
	state State // after rounds 0 to 2 of the second block, in the order of round 3
}

// Prepare sets the search to a header, of which the nonce is ignored, under
// each of the midstates: one per version to search, or none for the header's
// own. target is the whole target in little-endian order.
func (s *Search) Prepare(header *[80]byte, midstates []State, target *[32]byte) {
	for i := range s.tail {
		s.tail[i] = binary.BigEndian.Uint32(header[64+4*i:])
	}
	s.fixed = fix(s.tail)
	s.top = binary.LittleEndian.Uint32(target[28:])
	s.heads = s.heads[:0]
	for _, m := range midstates {
		s.heads = append(s.heads, newHead(m, s.tail))
	}
	if len(midstates) == 0 {
		s.heads = append(s.heads, newHead(Midstate(header), s.tail))
	}
	s.renew(len(s.heads))
}

// Midstates is the number of hashes made for each nonce, one per midstate.
func (s *Search) Midstates() int { return len(s.heads) }

func fix(w [3]uint32) fixed {
	w16 := s0(w[1]) + w[0]
	w17 := s1(bitsFirst) + s0(w[2]) + w[1]
	return fixed{
		w16: w16,
		w17: w17,
		w18: s1(w16) + w[2],
		w19: s1(w17) + s0(padding),
		w31: s0(w16) + bitsFirst,
	}
}

func newHead(m State, w [3]uint32) head {
	a, b, c, d, e, f, g, h := m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7]
	d, h = round(a, b, c, d, e, f, g, h, k0+w[0])
	c, g = round(h, a, b, c, d, e, f, g, k1+w[1])
	b, f = round(g, h, a, b, c, d, e, f, k2+w[2])
	return head{mid: m, state: State{a, b, c, d, e, f, g, h}}
}
