package sv2_test

import (
	"bytes"
	"testing"

	"github.com/lodefw/lode/internal/vectors"
	"github.com/lodefw/lode/sv2"
)

type frameVector struct {
	Header vectors.Hex
	Expect struct {
		ExtensionType uint16 `json:"extension_type"`
		ChannelMsg    bool   `json:"channel_msg"`
		Extension     uint16
		MsgType       uint8 `json:"msg_type"`
		Length        int
		Error         string
	}
}

func TestFrameVectors(t *testing.T) {
	vectors.Each(t, "frames", func(t *testing.T, v frameVector) {
		h, err := sv2.ParseHeader(v.Header)
		if (err != nil) != (v.Expect.Error != "") {
			t.Fatalf("ParseHeader = %+v, %v, want error %q", h, err, v.Expect.Error)
		}
		if err != nil {
			return
		}
		want := sv2.Header{
			Type:   sv2.Type(v.Expect.ExtensionType)<<8 | sv2.Type(v.Expect.MsgType),
			Length: v.Expect.Length,
		}
		if h != want || h.Type.Channel() != v.Expect.ChannelMsg ||
			h.Type.Extension() != v.Expect.Extension || h.Type.Number() != v.Expect.MsgType {
			t.Errorf("ParseHeader = %+v, want %+v", h, want)
		}
		if b := h.Append([]byte("x")); !bytes.Equal(b[1:], v.Header) {
			t.Errorf("Append = %x, want %x", b[1:], v.Header)
		}
	})
}

func TestFrameChannelID(t *testing.T) {
	for _, test := range []struct {
		payload string
		id      uint32
		ok      bool
	}{
		{"", 0, false},
		{"\x01\x02\x03", 0, false},
		{"\x01\x02\x03\x04", 0x04030201, true},
		{"\xff\xff\xff\xff\x00", 0xffffffff, true},
	} {
		id, ok := sv2.Frame{Payload: []byte(test.payload)}.ChannelID()
		if id != test.id || ok != test.ok {
			t.Errorf("ChannelID of %q = %#x, %v", test.payload, id, ok)
		}
	}
}

func TestAppendFrameRefusesHugePayload(t *testing.T) {
	m := &blob{make([]byte, sv2.MaxPayload)}
	var c sv2.Codec
	b, err := c.AppendFrame(nil, m)
	if err != nil || len(b) != sv2.HeaderSize+sv2.MaxPayload || !bytes.HasPrefix(b, []byte("\x00\x00\x09\xff\xff\xff")) {
		t.Fatalf("AppendFrame of the largest payload: %d bytes, %v", len(b), err)
	}
	m.data = append(m.data, 0)
	if b, err := c.AppendFrame([]byte("x"), m); err == nil || string(b) != "x" {
		t.Errorf("AppendFrame of a payload too large: %d bytes, %v", len(b), err)
	}
}

// blob is a message of any size.
type blob struct{ data sv2.Bytes }

func (*blob) Type() sv2.Type      { return 9 }
func (m *blob) Wire(c *sv2.Codec) { c.Rest(&m.data) }

func FuzzParseHeader(f *testing.F) {
	for _, seed := range []string{"", "\x00\x80\x1a\x18\x00", "\x00\x80\x1a\x18\x00\x00", "\xff\xff\xff\xff\xff\xff\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := sv2.ParseHeader(b)
		if (err != nil) != (len(b) < sv2.HeaderSize) {
			t.Fatalf("ParseHeader(%x) = %+v, %v", b, h, err)
		}
		if err == nil && !bytes.Equal(h.Append(nil), b[:sv2.HeaderSize]) {
			t.Errorf("Append of %+v = %x, want %x", h, h.Append(nil), b[:sv2.HeaderSize])
		}
	})
}
