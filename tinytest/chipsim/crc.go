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
		crc ^= uint16(v) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
