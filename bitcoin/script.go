package bitcoin

import "encoding/binary"

// Opcodes of the few scripts that mining writes.
const (
	opPushData1 = 0x4c // length in the next byte
	opPushData2 = 0x4d // length in the next two bytes
	op1         = 0x51 // pushes the number 1; up to 16 follow
	opReturn    = 0x6a
)

// Push is the script that pushes data (at most 65535 bytes; the rest is cut),
// with the shortest opcode for its length.
func Push(data []byte) []byte {
	data = data[:min(len(data), 0xffff)]
	n := len(data)
	var b []byte
	switch {
	case n < opPushData1:
		b = []byte{byte(n)}
	case n <= 0xff:
		b = []byte{opPushData1, byte(n)}
	default:
		b = binary.LittleEndian.AppendUint16([]byte{opPushData2}, uint16(n))
	}
	return append(b, data...)
}

// HeightPush is the beginning of a coinbase's scriptSig (BIP34): the height as a
// script number. Heights up to 16 have an opcode of their own, one byte, so that
// the scriptSig needs one more to reach its minimum of two.
func HeightPush(height uint32) []byte {
	switch {
	case height == 0:
		return []byte{0}
	case height <= 16:
		return []byte{byte(op1 - 1 + height)}
	}
	number := binary.LittleEndian.AppendUint32(nil, height)
	for number[len(number)-1] == 0 {
		number = number[:len(number)-1]
	}
	if number[len(number)-1]&0x80 != 0 { // would read as a sign
		number = append(number, 0)
	}
	return Push(number)
}

// WitnessCommitment is the script of the coinbase output that commits to all
// witnesses (BIP141), from the witness ids of the transactions after the
// coinbase; the coinbase's own counts as zero. The reserved value is zero.
func WitnessCommitment(wtxids []Hash) []byte {
	root := FoldMerkle(Hash{}, MerklePath(wtxids))
	commitment := hashPair(&root, &Hash{})
	return append([]byte{opReturn, 36, 0xaa, 0x21, 0xa9, 0xed}, commitment[:]...)
}
