package fpgasim

import "encoding/binary"

// commandFrame is the frame of a command, or nil as long as words are missing: the
// length is in its second byte, and counts a CRC that the core adds.
func commandFrame(words []uint32) []byte {
	n := int(words[0] >> 8 & 0xff)
	if len(words)*4 < n-1 {
		return nil
	}
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	b = b[:min(len(b), max(0, n-1))]
	return append(b, crc5(b, 8*len(b)))
}

// workFrame is the frame of a work. Its first four words go least significant byte
// first, midstates the other way round.
func workFrame(words []uint32) []byte {
	b := []byte{0x21, byte(6 + 4*len(words)), byte(words[0] & 0x7f), byte(len(words) / 8), 0, 0, 0, 0}
	for _, w := range words[1:4] {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	for _, w := range words[4:] {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return binary.BigEndian.AppendUint16(b, crc16(b))
}

// goodAnswer checks the CRC of seven bytes: it covers three bits of the last.
func goodAnswer(b []byte) bool { return crc5(b, 51) == b[6]&0x1f }

// crc5 is x^5+x^2+1 from 1f, most significant bit first.
func crc5(b []byte, bits int) byte {
	crc := byte(0x1f)
	for i := range bits {
		bit := b[i/8]>>(7-i%8)&1 ^ crc>>4&1
		crc = crc << 1 & 0x1f
		if bit != 0 {
			crc ^= 0x05
		}
	}
	return crc
}

// crc16 is x^16+x^12+x^5+1 from ffff.
func crc16(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, v := range b {
		x := crc>>8 ^ uint16(v) // a byte at a time: 0x1021 has few bits
		x ^= x >> 4
		crc = crc<<8 ^ x<<12 ^ x<<5 ^ x
	}
	return crc
}
