package bitcoin

import (
	"encoding/binary"
	"fmt"
)

// HeaderSize is the length of a block header in bytes.
const HeaderSize = 80

// Header is a block header. Its hashes stand in it exactly as SetNewPrevHash and
// NewMiningJob carry them.
type Header struct {
	Version    uint32
	PrevHash   Hash
	MerkleRoot Hash
	NTime      uint32 // seconds since 1970
	NBits      uint32 // the network's target in compact form
	Nonce      uint32
}

// Put writes the 80 bytes that are hashed.
func (h *Header) Put(b *[HeaderSize]byte) {
	binary.LittleEndian.PutUint32(b[0:], h.Version)
	copy(b[4:36], h.PrevHash[:])
	copy(b[36:68], h.MerkleRoot[:])
	binary.LittleEndian.PutUint32(b[68:], h.NTime)
	binary.LittleEndian.PutUint32(b[72:], h.NBits)
	binary.LittleEndian.PutUint32(b[76:], h.Nonce)
}

// ParseHeader reads exactly 80 bytes. Every value of them is a header; whether
// it is a good one is for its hash to say.
func ParseHeader(b []byte) (Header, error) {
	if len(b) != HeaderSize {
		return Header{}, fmt.Errorf("bitcoin: header of %d bytes, want %d", len(b), HeaderSize)
	}
	return Header{
		Version:    binary.LittleEndian.Uint32(b[0:]),
		PrevHash:   Hash(b[4:36]),
		MerkleRoot: Hash(b[36:68]),
		NTime:      binary.LittleEndian.Uint32(b[68:]),
		NBits:      binary.LittleEndian.Uint32(b[72:]),
		Nonce:      binary.LittleEndian.Uint32(b[76:]),
	}, nil
}

// Hash is the block hash. It does not allocate.
func (h *Header) Hash() Hash {
	var b [HeaderSize]byte
	h.Put(&b)
	return DoubleHash(b[:])
}
