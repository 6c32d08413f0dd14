package bitcoin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

var errShort = errors.New("not enough bytes")

// AppendCompactSize appends n in Bitcoin's form of 1, 3, 5 or 9 bytes.
func AppendCompactSize(b []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(b, byte(n))
	case n <= math.MaxUint16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	case n <= math.MaxUint32:
		return binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xff), n)
}

// ReadCompactSize reads a number and gives the bytes after it. As nodes do, it
// refuses a number in a longer form than it needs.
func ReadCompactSize(b []byte) (n uint64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, fmt.Errorf("bitcoin: CompactSize: %w", errShort)
	}
	size, least := 1, uint64(0)
	switch b[0] {
	case 0xfd:
		size, least = 3, 0xfd
	case 0xfe:
		size, least = 5, math.MaxUint16+1
	case 0xff:
		size, least = 9, math.MaxUint32+1
	}
	if len(b) < size {
		return 0, nil, fmt.Errorf("bitcoin: CompactSize: %w", errShort)
	}
	if size == 1 {
		return uint64(b[0]), b[1:], nil
	}
	for i := size - 1; i > 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	if n < least {
		return 0, nil, fmt.Errorf("bitcoin: CompactSize: %d in %d bytes is longer than needed", n, size)
	}
	return n, b[size:], nil
}
