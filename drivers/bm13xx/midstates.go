package bm13xx

import (
	"math/bits"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
)

// midstates are the states of a header with its version rolled to each value of
// up to two bits, the smallest change first. Nothing in it allocates.
type midstates struct {
	n        int
	versions [4]uint32
	states   [4]sha256d.State
	bytes    [bitcoin.HeaderSize]byte
}

// make fills in one, two or four midstates. Mask has at most two bits.
func (m *midstates) make(h *bitcoin.Header, mask uint32) {
	m.n = 1 << min(bits.OnesCount32(mask), 2)
	rolled := *h
	for i := range m.n {
		rolled.Version = hashing.RollVersion(h.Version, mask, uint32(i))
		rolled.Put(&m.bytes)
		m.versions[i] = rolled.Version
		m.states[i] = sha256d.Midstate(&m.bytes)
	}
}
