package chipsim

// crc5 is the CRC of commands and answers: x^5+x^2+1, start 1F, most significant
// bit first. n is in bits: an answer's CRC covers three bits of its last byte.
func crc5(b []byte, n int) byte {
	crc := byte(0x1f)
	for i := range n {
		bit := b[i/8] >> (7 - i%8) & 1
		top := crc >> 4
		crc = crc << 1 & 0x1f
		if top != bit {
			crc ^= 0x05
		}
	}
	return crc
}

// crc16 is the CRC of jobs: CCITT, start FFFF.
func crc16(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, v := range b {
		x := crc>>8 ^ uint16(v)
		x ^= x >> 4
		crc = crc<<8 ^ x<<12 ^ x<<5 ^ x
	}
	return crc
}
