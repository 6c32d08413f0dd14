package channel

import (
	"encoding/binary"

	"github.com/lodefw/lode/bitcoin"
)

// maxSeen is how many shares a server channel can tell apart on one tip.
const maxSeen = 1 << 20

// seen is the set of accepted shares of one tip, by the lowest 64 bits of their
// hash: two jobs of one body may lead to the same header, and a share is no better
// for coming under two numbers. In a full set the chance that any good share is
// taken for another is 2^-25.
//
// It is an open table, at most three quarters full, that grows with the shares; a
// zero marks a free place.
type seen struct {
	table []uint64 // length 0 or a power of two
	n     int
}

func seenKey(h *bitcoin.Hash) uint64 { return max(1, binary.LittleEndian.Uint64(h[:8])) }

// find is the place of k, or the free one where it belongs.
func (s *seen) find(k uint64) int {
	mask := len(s.table) - 1
	i := int(k) & mask
	for s.table[i] != 0 && s.table[i] != k {
		i = (i + 1) & mask
	}
	return i
}

func (s *seen) has(h *bitcoin.Hash) bool {
	if s.n == 0 {
		return false
	}
	return s.table[s.find(seenKey(h))] != 0
}

// add remembers h. It is false when the set is full.
func (s *seen) add(h *bitcoin.Hash) bool {
	if s.n == maxSeen {
		return false
	}
	if 4*(s.n+1) > 3*len(s.table) {
		s.grow()
	}
	s.table[s.find(seenKey(h))] = seenKey(h)
	s.n++
	return true
}

func (s *seen) grow() {
	old := s.table
	s.table = make([]uint64, max(16, 2*len(old)))
	for _, k := range old {
		if k != 0 {
			s.table[s.find(k)] = k
		}
	}
}

// clear forgets all shares and lets a large table go.
func (s *seen) clear() {
	if len(s.table) > 64 {
		s.table = nil
	}
	clear(s.table)
	s.n = 0
}
