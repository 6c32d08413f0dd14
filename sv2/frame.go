package sv2

import (
	"encoding/binary"
	"fmt"
)

// Sizes of a frame (3.2).
const (
	HeaderSize = 6         // bytes in front of each payload
	MaxPayload = 1<<24 - 1 // what msg_length can say
)

// Type names a message as the header does: bits 23..8 are the extension_type
// field, whose top bit is ChannelMsg, bits 7..0 are msg_type.
type Type uint32

// ChannelMsg marks messages whose payload begins with a channel_id.
const ChannelMsg Type = 0x8000 << 8

// Ext is the Type of message 0 of an extension.
func Ext(extension uint16) Type { return Type(extension&0x7fff) << 8 }

// Extension is the extension that defined the message; 0 for the core protocols.
func (t Type) Extension() uint16 { return uint16(t>>8) & 0x7fff }

// Number is msg_type.
func (t Type) Number() uint8 { return uint8(t) }

// Channel says whether the channel bit is set.
func (t Type) Channel() bool { return t&ChannelMsg != 0 }

// Plain is t without the channel bit. Messages are told apart by their plain
// type, because older peers send 0x15, 0x22 to 0x24 and 0x60 with the other bit.
func (t Type) Plain() Type { return t &^ ChannelMsg }

// A Header is in front of each payload (3.2). Length is that of the plain payload,
// in bytes, also when the connection is encrypted.
type Header struct {
	Type   Type
	Length int
}

// ParseHeader reads the first six bytes of b.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("sv2: frame header has %d bytes, needs %d", len(b), HeaderSize)
	}
	return Header{
		Type:   Type(binary.LittleEndian.Uint16(b))<<8 | Type(b[2]),
		Length: int(b[3]) | int(b[4])<<8 | int(b[5])<<16,
	}, nil
}

// Append appends the six bytes of h.
func (h Header) Append(b []byte) []byte {
	b = append(b, 0, 0, 0, 0, 0, 0)
	h.put(b[len(b)-HeaderSize:])
	return b
}

func (h Header) put(b []byte) {
	binary.LittleEndian.PutUint16(b, uint16(h.Type>>8))
	b[2], b[3], b[4], b[5] = byte(h.Type), byte(h.Length), byte(h.Length>>8), byte(h.Length>>16)
}

// A Frame is one message as it travels: its type and its payload. Payload points
// into a buffer of whoever made the Frame, who says how long it is valid.
type Frame struct {
	Type    Type
	Payload []byte
}

// ChannelID is the channel that a channel message is for, so that a relay can
// route a frame without decoding it. It is false for a payload that is too short
// to carry one; whether the type has one is for the caller to know.
func (f Frame) ChannelID() (id uint32, ok bool) {
	if len(f.Payload) < 4 {
		return 0, false
	}
	return binary.LittleEndian.Uint32(f.Payload), true
}

// A Message is one of the spec's messages: a struct with the spec's fields in the
// spec's order.
type Message interface {
	// Type is the message's number, with the channel bit that the spec gives it.
	Type() Type
	// Wire walks the fields with c, in order.
	Wire(c *Codec)
}

// Append appends the payload of m to b; a caller that does so often keeps a Codec.
func Append(b []byte, m Message) ([]byte, error) { return new(Codec).Append(b, m) }

// Unmarshal reads m from payload and ignores what follows the last field. Unlike
// Codec.Decode it copies: m does not point into payload.
func Unmarshal(payload []byte, m Message) error {
	_, err := new(Codec).Decode(append([]byte(nil), payload...), m)
	return err
}
