package sv2

import (
	"encoding/json"
	"fmt"
	"strings"
)

// FirstOf joins the New functions of several packages into one: the first that has
// a message for a type makes it.
func FirstOf(news ...func(Type) Message) func(Type) Message {
	return func(t Type) Message {
		for _, find := range news {
			if m := find(t); m != nil {
				return m
			}
		}
		return nil
	}
}

// JSON prints a frame for people: the message's name, the header's fields, those of
// the message, and a tail if there is one. A message that find does not have is
// printed with its payload as hex.
func (f Frame) JSON(find func(Type) Message) ([]byte, error) {
	m := find(f.Type)
	name, tail := "", f.Payload
	if m != nil {
		var err error
		if tail, err = new(Codec).Decode(f.Payload, m); err != nil {
			return nil, err
		}
		name = Name(m)
	}
	b := fmt.Appendf(nil, `{"message":%q,"extension":%d,"msg_type":%d,"channel_msg":%t`,
		name, f.Type.Extension(), f.Type.Number(), f.Type.Channel())
	if m == nil {
		return fmt.Appendf(b, `,"payload":"%x"}`, tail), nil
	}
	b, err := appendFields(b, m)
	if err != nil {
		return nil, err
	}
	if len(tail) > 0 {
		b = fmt.Appendf(b, `,"tail":"%x"`, tail)
	}
	return append(b, '}'), nil
}

// frameKeys are the keys of Frame.JSON that are not a message's.
type frameKeys struct {
	Message    string  `json:"message"`
	Extension  *uint16 `json:"extension"`
	Number     *uint8  `json:"msg_type"`
	ChannelMsg *bool   `json:"channel_msg"`
	Payload    *Bytes  `json:"payload"`
	Tail       Bytes   `json:"tail"`
}

// ParseFrame reads what Frame.JSON prints. The name is enough to say which message
// it is; "extension" and "msg_type" choose between two of the same name, and
// "channel_msg" overrides the channel bit that the spec gives it.
func ParseFrame(text []byte, find func(Type) Message) (Frame, error) {
	var head frameKeys
	if err := json.Unmarshal(text, &head); err != nil {
		return Frame{}, fmt.Errorf("sv2: frame: %w", err)
	}
	if head.Payload != nil {
		return head.opaque()
	}
	m := head.find(find)
	if m == nil {
		return Frame{}, fmt.Errorf("sv2: frame: no message %q with these numbers", head.Message)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return Frame{}, fmt.Errorf("sv2: frame: %w", err)
	}
	for key := range keys {
		switch strings.ToLower(key) {
		case "message", "extension", "msg_type", "channel_msg", "tail":
			delete(keys, key)
		}
	}
	if err := setFields(m, keys); err != nil {
		return Frame{}, err
	}
	payload, err := Append(nil, m)
	return Frame{Type: head.bit(m.Type()), Payload: append(payload, head.Tail...)}, err
}

// opaque is the frame of a message that only has a number.
func (h *frameKeys) opaque() (Frame, error) {
	if h.Extension == nil || h.Number == nil {
		return Frame{}, fmt.Errorf(`sv2: frame: a "payload" needs "extension" and "msg_type"`)
	}
	return Frame{Type: h.bit(Ext(*h.Extension) | Type(*h.Number)), Payload: *h.Payload}, nil
}

// find makes the message that the head names: it tries all numbers of the core
// protocols and of extension 1, the only one with messages.
func (h *frameKeys) find(find func(Type) Message) Message {
	want := plainName(h.Message)
	for extension := range uint16(2) {
		for number := range 256 {
			t := Ext(extension) | Type(number)
			m := find(t)
			if m != nil && plainName(Name(m)) == want && h.is(t) {
				return m
			}
		}
	}
	return nil
}

// is says whether t has the numbers that the head gives.
func (h *frameKeys) is(t Type) bool {
	return (h.Extension == nil || *h.Extension == t.Extension()) && (h.Number == nil || *h.Number == t.Number())
}

// bit is t with the channel bit that the head gives.
func (h *frameKeys) bit(t Type) Type {
	if h.ChannelMsg == nil {
		return t
	}
	if *h.ChannelMsg {
		return t | ChannelMsg
	}
	return t.Plain()
}

// plainName is a message's name as Go spells it.
func plainName(name string) string { return strings.ReplaceAll(name, ".", "") }
