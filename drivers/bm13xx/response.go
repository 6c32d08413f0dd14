package bm13xx

import "encoding/binary"

// Response is what a chip sends: a nonce it has found, or a register.
type Response struct {
	Job bool // a nonce; else a register

	// Of a register.
	Chip  uint8 // address of the chip
	Reg   Reg
	Value uint32

	// Of a nonce.
	Nonce   uint32 // as bitcoin.Header has it
	Excess  uint8  // twice the zero bits beyond the ticket; BM1387: number of the solution
	Slot    uint8  // the job byte: id of the job, with the small core or midstate
	Version uint16 // bits 28 to 13 of the version that was hashed
}

// A response's length in bytes, preamble included.
const (
	answerBare  = 7  // BM1387
	answerShort = 9  // BM1397, and newer chips until version rolling is on
	answerLong  = 11 // with version rolling
)

// parseResponse reads one response of exactly 7, 9 or 11 bytes, and says whether
// it is good. One wrong frame in 32 passes as good: CRC5 is no more than that.
func parseResponse(b []byte) (Response, bool) {
	body := b
	if len(b) != answerBare {
		if b[0] != 0xaa || b[1] != 0x55 {
			return Response{}, false
		}
		body = b[2:]
	}
	if crc5(body) != 0 {
		return Response{}, false
	}
	if body[len(body)-1]&0x80 == 0 {
		return Response{Value: binary.BigEndian.Uint32(body), Chip: body[4], Reg: Reg(body[5])}, true
	}
	r := Response{
		Job:    true,
		Nonce:  binary.LittleEndian.Uint32(body),
		Excess: body[4],
		Slot:   body[5],
	}
	if len(b) == answerLong {
		r.Version = binary.BigEndian.Uint16(body[6:])
	}
	return r, true
}
