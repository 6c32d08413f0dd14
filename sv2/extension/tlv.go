package extension

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/lodefw/lode/sv2"
)

// tlvHeader is the size of a TLV without its value.
const tlvHeader = 5

// ErrTail says that a tail is not a sequence of TLVs, or breaks a limit of its
// extension: the message that carries it is invalid (3.4.3).
var ErrTail = errors.New("extension: bad TLV tail")

// A TLV is one field that an extension appends to a message (3.4.3).
type TLV struct {
	Extension uint16
	Field     uint8
	Value     sv2.Bytes
}

// AppendTLV appends t to b. TLVs of several extensions are appended in the order of
// the extensions' numbers.
func AppendTLV(b []byte, t TLV) ([]byte, error) {
	if len(t.Value) > 0xffff {
		return b, fmt.Errorf("extension: TLV value of %d bytes, at most 65535 fit", len(t.Value))
	}
	b = binary.LittleEndian.AppendUint16(b, t.Extension)
	b = append(b, t.Field)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(t.Value)))
	return append(b, t.Value...), nil
}

// TLVs takes apart the tail of a message: Codec.Decode's second result. The values
// point into tail. TLVs of extensions that were not negotiated are among them; the
// caller skips those.
//
// The spec's example shows big-endian numbers where its rule, and everyone's code,
// says little-endian. With WorkerNames negotiated a tail is read in the
// example's way if it makes no sense otherwise.
func TLVs(tail []byte, negotiated []uint16) ([]TLV, error) {
	names := slices.Contains(negotiated, WorkerNames)
	order := binary.ByteOrder(binary.LittleEndian)
	if names {
		order = orderOf(tail)
	}
	var list []TLV
	for len(tail) > 0 {
		t, rest, err := cut(tail, order)
		if err == nil && names {
			err = t.check()
		}
		if err != nil {
			return nil, err
		}
		list, tail = append(list, t), rest
	}
	return list, nil
}

// orderOf is the byte order in which tail holds a worker name; little-endian if in
// both or in none.
func orderOf(tail []byte) binary.ByteOrder {
	if !hasName(tail, binary.LittleEndian) && hasName(tail, binary.BigEndian) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// hasName says whether tail is in order a sequence of TLVs with a worker name.
func hasName(tail []byte, order binary.ByteOrder) bool {
	found := false
	for len(tail) > 0 {
		t, rest, err := cut(tail, order)
		if err != nil {
			return false
		}
		found = found || t.isName()
		tail = rest
	}
	return found
}

// cut takes the first TLV off tail.
func cut(tail []byte, order binary.ByteOrder) (t TLV, rest []byte, err error) {
	if len(tail) < tlvHeader {
		return TLV{}, nil, fmt.Errorf("%w: %d bytes left, a TLV has at least %d", ErrTail, len(tail), tlvHeader)
	}
	end := tlvHeader + int(order.Uint16(tail[3:]))
	if end > len(tail) {
		return TLV{}, nil, fmt.Errorf("%w: value of %d bytes, %d there", ErrTail, end-tlvHeader, len(tail)-tlvHeader)
	}
	return TLV{
		Extension: order.Uint16(tail),
		Field:     tail[2],
		Value:     tail[tlvHeader:end:end],
	}, tail[end:], nil
}

// WithTail is a message with TLVs behind its last field.
type WithTail struct {
	sv2.Message
	Tail sv2.Bytes
}

// Wire walks the message's fields, then the tail.
func (m *WithTail) Wire(c *sv2.Codec) {
	m.Message.Wire(c)
	c.Rest(&m.Tail)
}
