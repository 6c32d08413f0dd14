package bm13xx

// crc5Table has the effect of each byte on a CRC5 that stands in the top five
// bits of a byte: x^5+x^2+1, most significant bit first.
var crc5Table = makeCRC5Table()

// crc16Table is the same for CCITT-FALSE: 0x1021, most significant bit first.
var crc16Table = makeCRC16Table()

func makeCRC5Table() (t [256]uint8) {
	for i := range t {
		c := uint8(i)
		for range 8 {
			if c&0x80 != 0 {
				c = c<<1 ^ 0x05<<3
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}

func makeCRC16Table() (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}

// crc5 is the check of a command, and zero over all of a good response, trailer
// included. It starts at 0x1f and has no final xor.
func crc5(b []byte) uint8 {
	c := uint8(0x1f << 3)
	for _, v := range b {
		c = crc5Table[c^v]
	}
	return c >> 3
}

// crc16 is the check of a job, sent high byte first. It starts at 0xffff.
func crc16(b []byte) uint16 {
	c := uint16(0xffff)
	for _, v := range b {
		c = c<<8 ^ crc16Table[uint8(c>>8)^v]
	}
	return c
}
