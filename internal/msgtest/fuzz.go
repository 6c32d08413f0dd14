package msgtest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/lodefw/lode/sv2"
)

// kinds returns an empty message of every kind that find has of its own, without the
// common ones that every New also knows, in the order of their numbers.
func kinds(find Find) []full {
	var list []full
	for number := range sv2.Type(0x200) {
		if m, ok := find(number).(full); ok {
			list = append(list, m)
		}
	}
	pkg := func(m full) string { return reflect.TypeOf(m).Elem().PkgPath() }
	own := pkg(list[len(list)-1])
	return slices.DeleteFunc(list, func(m full) bool { return pkg(m) != own })
}

// FuzzDecode decodes payloads of every message: what decodes must encode to something
// that decodes to the same, in binary and as JSON.
func FuzzDecode(f *testing.F, find Find) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, m := range kinds(find) {
		f.Add(uint32(m.Type()), []byte{})
		Fill(m, r)
		b, err := m.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint32(m.Type()), append(b, "tail"...))
	}
	f.Fuzz(func(t *testing.T, number uint32, b []byte) {
		typ := sv2.Type(number & 0xffffff)
		m, ok := find(typ).(full)
		if !ok {
			return
		}
		tail, err := new(sv2.Codec).Decode(b, m)
		if err != nil {
			return
		}
		canonical := payload(t, m)
		again := fresh(m)
		if rest, err := new(sv2.Codec).Decode(canonical, again); err != nil || len(rest) != 0 {
			t.Fatalf("decoding %x again: %x left, %v", canonical, rest, err)
		}
		if !bytes.Equal(payload(t, again), canonical) {
			t.Fatalf("%x encodes to %x", canonical, payload(t, again))
		}
		throughJSON(t, sv2.Frame{Type: typ, Payload: append(canonical, tail...)}, find)
	})
}

// throughJSON prints and parses a frame.
func throughJSON(t *testing.T, f sv2.Frame, find Find) {
	t.Helper()
	text, err := f.JSON(find)
	if err != nil {
		t.Fatalf("JSON of %+v: %v", f, err)
	}
	back, err := sv2.ParseFrame(text, find)
	if err != nil || back.Type != f.Type || !bytes.Equal(back.Payload, f.Payload) {
		t.Fatalf("%s became %+v, %v, want %+v", text, back, err, f)
	}
}

// FuzzJSON parses text as every message: what parses, and fits on the wire, must
// print to something that parses to the same.
func FuzzJSON(f *testing.F, find Find) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, m := range kinds(find) {
		f.Add(uint32(m.Type()), []byte(`{"channel_id":1}`))
		Fill(m, r)
		text, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint32(m.Type()), text)
	}
	f.Fuzz(func(t *testing.T, number uint32, text []byte) {
		m, ok := find(sv2.Type(number & 0xffffff)).(full)
		if !ok || m.UnmarshalJSON(text) != nil {
			return
		}
		b, err := m.MarshalBinary()
		if err != nil {
			return
		}
		printed, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back := fresh(m)
		if err := json.Unmarshal(printed, back); err != nil || !bytes.Equal(payload(t, back), b) {
			t.Fatalf("%s became %+v, %v", printed, back, err)
		}
	})
}

// BenchmarkEncode measures a frame of each message, header included.
func BenchmarkEncode(b *testing.B, find Find) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, m := range kinds(find) {
		Fill(m, r)
		b.Run(sv2.Name(m), func(b *testing.B) {
			b.ReportAllocs()
			var c sv2.Codec
			var buf []byte
			for b.Loop() {
				var err error
				if buf, err = c.AppendFrame(buf[:0], m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecode measures the payload of each message, decoded into one that is
// used again.
func BenchmarkDecode(b *testing.B, find Find) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, m := range kinds(find) {
		Fill(m, r)
		payload, err := m.MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(sv2.Name(m), func(b *testing.B) {
			b.ReportAllocs()
			var c sv2.Codec
			into := fresh(m)
			for b.Loop() {
				if _, err := c.Decode(payload, into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
