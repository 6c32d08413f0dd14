package bm13xx

import (
	"encoding/binary"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing/sha256d"
)

// jobSize is the longest job frame: four midstates, with preamble.
const jobSize = 152

// appendHeaderJob adds the frame of a job that carries the whole header, for the
// chips that roll the version themselves:
//
//	21 56 id 01 start[4] nbits[4] ntime[4] merkle[32] prev[32] version[4] crc16
//
// The two hashes go with their eight words in reversed order, the bytes inside a
// word as they are in the header.
func appendHeaderJob(b []byte, id uint8, h *bitcoin.Header) []byte {
	b = append(b, 0x55, 0xaa)
	start := len(b)
	b = append(b, headerJob|1, 0x56, id, 1)
	b = append(b, 0, 0, 0, 0) // start nonce
	b = binary.LittleEndian.AppendUint32(b, h.NBits)
	b = binary.LittleEndian.AppendUint32(b, h.NTime)
	b = appendWordsReversed(b, &h.MerkleRoot)
	b = appendWordsReversed(b, &h.PrevHash)
	b = binary.LittleEndian.AppendUint32(b, h.Version)
	return binary.BigEndian.AppendUint16(b, crc16(b[start:]))
}

func appendWordsReversed(b []byte, h *bitcoin.Hash) []byte {
	for i := len(h) - 4; i >= 0; i -= 4 {
		b = append(b, h[i:i+4]...)
	}
	return b
}

// tail is what a midstate job has beside its midstates: the last twelve bytes
// that are hashed before the nonce, as they are in the header.
type tail struct {
	merkle [4]byte // last four bytes of the merkle root
	ntime  uint32
	nbits  uint32
}

func tailOf(h *bitcoin.Header) tail {
	return tail{merkle: [4]byte(h.MerkleRoot[28:]), ntime: h.NTime, nbits: h.NBits}
}

// appendMidstateJob adds the frame of a job with one, two or four midstates:
//
//	21 len id count start[4] nbits[4] ntime[4] merkle_tail[4] midstate[32]... crc16
//
// A midstate goes with its last word first, each word big-endian.
func (w Wire) appendMidstateJob(b []byte, id uint8, t *tail, midstates []sha256d.State) []byte {
	b = w.appendPreamble(b)
	start := len(b)
	length := uint8(22 + 32*len(midstates))
	b = append(b, headerJob|1, length, id, uint8(len(midstates)))
	b = append(b, 0, 0, 0, 0) // start nonce
	b = binary.LittleEndian.AppendUint32(b, t.nbits)
	b = binary.LittleEndian.AppendUint32(b, t.ntime)
	b = append(b, t.merkle[:]...)
	for i := range midstates {
		for j := 7; j >= 0; j-- {
			b = binary.BigEndian.AppendUint32(b, midstates[i][j])
		}
	}
	return binary.BigEndian.AppendUint16(b, crc16(b[start:]))
}
