package ledger

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// Kind says what a Record is about.
type Kind uint8

// Kinds of records.
const (
	KindShare Kind = 1 // an accepted share
	KindBlock Kind = 2 // a block that was handed to the chain
)

// A Record is one entry of the ledger.
type Record struct {
	Kind       Kind           `json:"kind"`
	Sequence   uint64         `json:"sequence"` // 1, 2, 3 ... in the order of arrival
	Time       time.Time      `json:"time"`
	User       string         `json:"user"`
	Difficulty float64        `json:"difficulty"` // credited; 0 for a block
	Height     uint32         `json:"height"`     // of a block; 0 for a share
	Header     bitcoin.Header `json:"header"`
	Outcome    string         `json:"outcome"` // of a block: "" if it became the best one, else why not
}

const (
	frameSize  = 8                              // length and checksum
	fixedSize  = 1 + 8 + 8 + 8 + 4 + 80 + 2 + 2 // a payload without texts
	maxUser    = 255                            // as STR0_255
	maxOutcome = 1000                           // bytes of a node's complaint that are kept
	maxPayload = fixedSize + maxUser + maxOutcome
)

// castagnoli is the polynomial of CRC-32C; crc32 has it in hardware and the table
// is made once.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends r with its frame; it cuts texts that are too long. It only
// reads r.
func appendRecord(b []byte, r *Record, header *bitcoin.Header) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, byte(r.Kind))
	b = binary.LittleEndian.AppendUint64(b, r.Sequence)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Time.UnixNano()))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r.Difficulty))
	b = binary.LittleEndian.AppendUint32(b, r.Height)
	at := len(b)
	b = append(b, make([]byte, 80)...)
	header.Put((*[80]byte)(b[at:]))
	b = appendText(b, r.User, maxUser)
	b = appendText(b, r.Outcome, maxOutcome)
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-frameSize))
	binary.LittleEndian.PutUint32(b[start+4:], checksum(b[start:]))
	return b
}

func appendText(b []byte, s string, limit int) []byte {
	s = s[:min(len(s), limit)]
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// checksum is that of a frame, over all but the checksum itself.
func checksum(frame []byte) uint32 {
	c := crc32.Update(0, castagnoli, frame[:4])
	return crc32.Update(c, castagnoli, frame[frameSize:])
}

// errTorn says that bytes are no whole record.
var errTorn = errors.New("ledger: not a record")

// parseRecord reads the record at the beginning of b and gives its size.
func parseRecord(b []byte) (r Record, size int, err error) {
	if len(b) < frameSize+fixedSize {
		return r, 0, errTorn
	}
	n := binary.LittleEndian.Uint32(b)
	if n < fixedSize || n > maxPayload || int(n) > len(b)-frameSize {
		return r, 0, errTorn
	}
	b = b[:frameSize+int(n)]
	if binary.LittleEndian.Uint32(b[4:]) != checksum(b) {
		return r, 0, errTorn
	}
	if !r.parse(b[frameSize:]) {
		return r, 0, errTorn
	}
	return r, len(b), nil
}

// parse reads a payload of at least fixedSize bytes.
func (r *Record) parse(b []byte) bool {
	r.Kind = Kind(b[0])
	r.Sequence = binary.LittleEndian.Uint64(b[1:])
	r.Time = time.Unix(0, int64(binary.LittleEndian.Uint64(b[9:]))).UTC()
	r.Difficulty = math.Float64frombits(binary.LittleEndian.Uint64(b[17:]))
	r.Height = binary.LittleEndian.Uint32(b[25:])
	h, err := bitcoin.ParseHeader(b[29:109])
	if err != nil {
		return false
	}
	r.Header = h
	b, ok := takeText(b[109:], &r.User, maxUser)
	if !ok {
		return false
	}
	b, ok = takeText(b, &r.Outcome, maxOutcome)
	return ok && len(b) == 0
}

func takeText(b []byte, s *string, limit int) ([]byte, bool) {
	if len(b) < 2 {
		return nil, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	if n > limit || n > len(b)-2 {
		return nil, false
	}
	*s = string(b[2 : 2+n])
	return b[2+n:], true
}
