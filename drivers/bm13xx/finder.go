package bm13xx

import (
	"math/bits"
)

// Origin is where in a chain a nonce came from.
type Origin struct {
	Chip int // index in the chain, from the host's end
	Core int
}

// Origin tells which chip and core found a nonce. The chip is one of a chain of
// so many; an index beyond the chain is a nonce that no chip of it can find.
//
// BM1397 and later: n is the nonce with its first wire byte highest. Its top
// bits are the core, the next the chip's address; what the core has counted
// beyond its slice makes the address larger, so the index rounds down.
func (m Model) Origin(nonce uint32, chips int) Origin {
	s := m.spec()
	if s.wire == WireBare {
		return Origin{Chip: int(nonce>>2) & 0x3f, Core: int(nonce>>24) & 0x7f}
	}
	n := bits.ReverseBytes32(nonce)
	address := int(n>>s.addressShift()) & 0xff
	return Origin{Chip: address / s.shares(chips), Core: int(n >> (32 - s.coreBits))}
}

// offsetOrigin is Origin on a chain with nonce offsets (BM1370): the range of the
// counter says which chip.
func offsetOrigin(nonce uint32, chips int) Origin {
	n := bits.ReverseBytes32(nonce)
	count := int(n>>9) & 0xffff
	chip := min((count+1)*chips/65536, chips-1)
	for chip > 0 && int(offset(chip, chips)) > count {
		chip--
	}
	for chip+1 < chips && int(offset(chip+1, chips)) <= count {
		chip++
	}
	return Origin{Chip: chip, Core: int(n >> 25)}
}

// offset is where chip k of a chain starts, in steps of 512 nonces. S21 Pro, 65
// chips: 03F1, 07E1, 0BD1, 0FC1, 13B2 ... FC10.
func offset(k, chips int) uint16 {
	return uint16((k*65536 + chips - 1) / chips)
}

// addressShift is where in the nonce the chip's address stands.
func (s *spec) addressShift() int { return 32 - s.coreBits - s.smallBits - 8 }
