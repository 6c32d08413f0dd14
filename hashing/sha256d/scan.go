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
	tail      [3]uint32 // of the header: end of the merkle root, ntime, nbits
	midstates []State
	top       uint32 // of the target
	plain     plainMemory
	memory
}

// Prepare sets the search to a header, of which the nonce is ignored, under
// each of the midstates: one per version to search, or none for the header's
// own. target is the whole target in little-endian order.
func (s *Search) Prepare(header *[80]byte, midstates []State, target *[32]byte) {
	for i := range s.tail {
		s.tail[i] = binary.BigEndian.Uint32(header[64+4*i:])
	}
	s.top = binary.LittleEndian.Uint32(target[28:])
	s.midstates = append(s.midstates[:0], midstates...)
	if len(midstates) == 0 {
		s.midstates = append(s.midstates, Midstate(header))
	}
	s.plain.renew()
	s.renew(len(s.midstates))
}

// Midstates is the number of hashes made for each nonce, one per midstate.
func (s *Search) Midstates() int { return len(s.midstates) }
