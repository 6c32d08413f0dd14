package extension_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lodefw/lode/internal/vectors"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/mining"
)

var negotiated = []uint16{extension.WorkerNames}

type tlvVector struct {
	Tail   vectors.Hex
	Expect json.RawMessage
}

type wantTLV struct {
	Ext   uint16
	Field uint8
	Value vectors.Hex
}

func TestTLVVectors(t *testing.T) {
	vectors.Each(t, "tlv", func(t *testing.T, v tlvVector) {
		got, err := extension.TLVs(v.Tail, negotiated)
		var word string
		if json.Unmarshal(v.Expect, &word) == nil {
			if word == "reject" && !errors.Is(err, extension.ErrTail) {
				t.Errorf("TLVs = %+v, %v, want it refused", got, err)
			}
			return
		}
		var want []wantTLV
		if err := json.Unmarshal(v.Expect, &want); err != nil {
			t.Fatal(err)
		}
		if err != nil || len(got) != len(want) {
			t.Fatalf("TLVs = %+v, %v, want %+v", got, err, want)
		}
		name, named := []byte(nil), false
		for i, w := range want {
			if g := got[i]; g.Extension != w.Ext || g.Field != w.Field || !bytes.Equal(g.Value, w.Value) {
				t.Errorf("TLV %d = %+v, want %+v", i, g, w)
			}
			if w.Ext == extension.WorkerNames && w.Field == extension.FieldWorkerName {
				name, named = w.Value, true
			}
		}
		if g, ok, err := extension.WorkerName(v.Tail); !bytes.Equal(g, name) || ok != named || err != nil {
			t.Errorf("WorkerName = %q, %v, %v, want %q, %v", g, ok, err, name, named)
		}
	})
}

// Without negotiation nothing is read in the example's byte order and no limit holds.
func TestTLVsNotNegotiated(t *testing.T) {
	long := "\x02\x00\x01\x21\x00" + strings.Repeat("a", 33)
	if list, err := extension.TLVs([]byte(long), nil); err != nil || len(list) != 1 {
		t.Errorf("TLVs = %+v, %v", list, err)
	}
	if list, err := extension.TLVs([]byte("\x00\x02\x01\x00\x01a"), nil); !errors.Is(err, extension.ErrTail) {
		t.Errorf("TLVs of the big-endian form = %+v, %v", list, err)
	}
	if list, err := extension.TLVs([]byte("\x00\x02\x01\x00\x00"), negotiated); err != nil || list[0].Extension != extension.WorkerNames {
		t.Errorf("TLVs of the big-endian form of an empty name = %+v, %v", list, err)
	}
}

func TestAppendTLVs(t *testing.T) {
	list := []extension.TLV{{2, 1, sv2.Bytes("abc")}, {3, 9, nil}, {0x4001, 255, make(sv2.Bytes, 0xffff)}}
	var tail []byte
	for _, v := range list {
		var err error
		if tail, err = extension.AppendTLV(tail, v); err != nil {
			t.Fatal(err)
		}
	}
	got, err := extension.TLVs(tail, negotiated)
	if err != nil || len(got) != len(list) {
		t.Fatalf("TLVs = %v, %v", got, err)
	}
	for i := range list {
		if got[i].Extension != list[i].Extension || got[i].Field != list[i].Field || !bytes.Equal(got[i].Value, list[i].Value) {
			t.Errorf("TLV %d = %+v", i, got[i])
		}
	}
	if b, err := extension.AppendTLV([]byte("x"), extension.TLV{Value: make(sv2.Bytes, 0x10000)}); err == nil || string(b) != "x" {
		t.Errorf("AppendTLV of 64 KiB = %d bytes, %v", len(b), err)
	}
}

func TestAppendWorkerName(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"", ""},
		{"rig-7", "rig-7"},
		{strings.Repeat("a", 32), strings.Repeat("a", 32)},
		{strings.Repeat("a", 33), strings.Repeat("a", 32)},
		{strings.Repeat("a", 31) + "é", strings.Repeat("a", 31)},
		{strings.Repeat("日", 12), strings.Repeat("日", 10)},
	} {
		got, ok, err := extension.WorkerName(extension.AppendWorkerName(nil, test.name))
		if string(got) != test.want || !ok || err != nil || !utf8.Valid(got) {
			t.Errorf("worker name %q arrives as %q, %v, %v", test.name, got, ok, err)
		}
	}
}

func TestWorkerNameDoesNotAllocate(t *testing.T) {
	tail := extension.AppendWorkerName(nil, "rig-7")
	if n := testing.AllocsPerRun(100, func() { extension.WorkerName(tail) }); n != 0 {
		t.Errorf("WorkerName allocates %v times", n)
	}
}

func TestWithTail(t *testing.T) {
	share := &mining.SubmitSharesExtended{ChannelID: 7, Extranonce: sv2.Bytes{1, 2}}
	m := &extension.WithTail{Message: share, Tail: extension.AppendWorkerName(nil, "rig-7")}
	b, err := new(sv2.Codec).AppendFrame(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	var got mining.SubmitSharesExtended
	tail, err := new(sv2.Codec).Decode(b[sv2.HeaderSize:], &got)
	if err != nil || got.ChannelID != 7 || m.Type() != got.Type() {
		t.Fatalf("Decode = %+v, %v", got, err)
	}
	if name, ok, err := extension.WorkerName(tail); string(name) != "rig-7" || !ok || err != nil {
		t.Errorf("WorkerName = %q, %v, %v", name, ok, err)
	}
	back := extension.WithTail{Message: new(mining.SubmitSharesExtended)}
	if rest, err := new(sv2.Codec).Decode(b[sv2.HeaderSize:], &back); err != nil || len(rest) != 0 || !bytes.Equal(back.Tail, m.Tail) {
		t.Errorf("Decode with tail = %+v, %x, %v", back, rest, err)
	}
}

func FuzzTLVs(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x00\x01\x0a\x00Worker_001"))
	f.Add([]byte("\x00\x02\x01\x00\x0aWorker_001"))
	f.Add([]byte("\x03\x00\x01\x04\x00data\x02\x00\x01\x03\x00abc"))
	f.Add([]byte("\x02\x00\x01\x0a\x00short"))
	f.Fuzz(func(t *testing.T, tail []byte) {
		list, err := extension.TLVs(tail, negotiated)
		name, ok, nameErr := extension.WorkerName(tail)
		if (err != nil) != (nameErr != nil) {
			t.Fatalf("TLVs says %v, WorkerName %v", err, nameErr)
		}
		var again []byte
		for _, v := range list {
			if ok && v.Extension == extension.WorkerNames && v.Field == extension.FieldWorkerName {
				if !bytes.Equal(v.Value, name) {
					t.Errorf("WorkerName = %q, the TLV has %q", name, v.Value)
				}
				ok = false // the first counts
			}
			if again, err = extension.AppendTLV(again, v); err != nil {
				t.Fatal(err)
			}
		}
		if ok {
			t.Error("WorkerName found one that TLVs has not")
		}
		if second, err := extension.TLVs(again, negotiated); nameErr == nil && (err != nil || len(second) != len(list)) {
			t.Errorf("written and read again: %v, %v", second, err)
		}
	})
}
