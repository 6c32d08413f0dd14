package msgtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/lodefw/lode/internal/vectors"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/jobdecl"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/template"
)

// find knows every message of every subprotocol.
var find = sv2.FirstOf(mining.New, jobdecl.New, template.New, extension.New)

// named returns an empty message by the name that the vectors use.
func named(t *testing.T, name string) full {
	t.Helper()
	name, tdp := strings.CutPrefix(name, "TemplateDistribution.")
	for number := range sv2.Type(0x200) {
		if m := find(number); m != nil && sv2.Name(m) == name && (!tdp || number >= 0x70) {
			return m.(full)
		}
	}
	t.Fatalf("no message %q", name)
	return nil
}

type messageVector struct {
	Message string
	Fields  json.RawMessage
	F32     map[string]vectors.Hex `json:"f32_le"`
	Payload vectors.Hex
	Header  vectors.Hex
	Frame   vectors.Hex
}

func TestMessageVectors(t *testing.T) {
	for _, category := range []string{"messages", "messages_sv2_tp"} {
		vectors.Each(t, category, checkMessageVector)
	}
}

func checkMessageVector(t *testing.T, v messageVector) {
	fromFields := named(t, v.Message)
	if err := json.Unmarshal(v.Fields, fromFields); err != nil {
		t.Fatalf("fields: %v", err)
	}
	if got := payload(t, fromFields); !bytes.Equal(got, v.Payload) {
		t.Errorf("fields encode to\n%x, want\n%x", got, v.Payload)
	}
	frame, err := new(sv2.Codec).AppendFrame(nil, fromFields)
	if err != nil || !bytes.Equal(frame, v.Frame) {
		t.Errorf("frame = %x, %v, want %x", frame, err, v.Frame)
	}
	decoded := named(t, v.Message)
	tail, err := new(sv2.Codec).Decode(v.Payload, decoded)
	if err != nil || len(tail) != 0 {
		t.Fatalf("Decode = %x, %v", tail, err)
	}
	if got := payload(t, decoded); !bytes.Equal(got, v.Payload) {
		t.Errorf("decoded and encoded again: %x, want %x", got, v.Payload)
	}
	if got, want := text(t, decoded), text(t, fromFields); got != want {
		t.Errorf("decoded to %s, want %s", got, want)
	}
	checkFloats(t, decoded, v.F32)
	checkFrameVector(t, v)
}

// checkFloats compares the F32 fields with their bytes on the wire.
func checkFloats(t *testing.T, m full, want map[string]vectors.Hex) {
	t.Helper()
	for name, bits := range want {
		f, ok := fieldOf(m, name).(sv2.F32)
		var c sv2.Codec
		got, err := c.Append(nil, single{&f})
		if !ok || err != nil || !bytes.Equal(got, bits) {
			t.Errorf("%s = %v, on the wire %x, want %x", name, f, got, bits)
		}
	}
}

// single is a message of one F32.
type single struct{ v *sv2.F32 }

func (single) Type() sv2.Type      { return 0 }
func (s single) Wire(c *sv2.Codec) { c.F32(s.v) }

// checkFrameVector sends the frame to JSON and back.
func checkFrameVector(t *testing.T, v messageVector) {
	t.Helper()
	h, err := sv2.ParseHeader(v.Header)
	if err != nil || h.Length != len(v.Payload) {
		t.Fatalf("header %x = %+v, %v", v.Header, h, err)
	}
	f := sv2.Frame{Type: h.Type, Payload: v.Payload}
	text, err := f.JSON(find)
	if err != nil {
		t.Fatal(err)
	}
	back, err := sv2.ParseFrame(text, find)
	if err != nil || back.Type != f.Type || !bytes.Equal(back.Payload, f.Payload) {
		t.Errorf("%s became %+v, %v", text, back, err)
	}
}

// text is m as JSON.
func text(t *testing.T, m full) string {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fieldOf returns a field by the spec's name, nil if there is none.
func fieldOf(m full, name string) any {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		if strings.EqualFold(v.Type().Field(i).Name, strings.ReplaceAll(name, "_", "")) {
			return v.Field(i).Interface()
		}
	}
	return nil
}

type errorVector struct {
	Message string
	Payload vectors.Hex
	Expect  string
	Why     string
}

func TestMessageErrorVectors(t *testing.T) {
	vectors.Each(t, "message_errors", func(t *testing.T, v errorVector) {
		m := named(t, v.Message)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tail, err := new(sv2.Codec).Decode(v.Payload, m)
		runtime.ReadMemStats(&after)
		if used, limit := after.TotalAlloc-before.TotalAlloc, 16<<10+16*uint64(len(v.Payload)); used > limit {
			t.Errorf("decoding %d bytes allocated %d", len(v.Payload), used)
		}
		if problem := outcome(m, tail, err, v.Expect); problem != "" {
			t.Errorf("%s (%s)", problem, v.Why)
		}
	})
}

// outcome says how a decoding differs from what is expected of it, "" if it does not.
func outcome(m full, tail []byte, err error, expect string) string {
	if (err != nil) != (expect == "error") {
		return fmt.Sprintf("error %v, want %s", err, expect)
	}
	how, arg, _ := strings.Cut(expect, ":")
	switch how {
	case "ok-with-trailing":
		if strconv.Itoa(len(tail)) != arg {
			return fmt.Sprintf("%d bytes left, want %s", len(tail), arg)
		}
	case "ok":
		name, want, _ := strings.Cut(arg, "=")
		if name != "" && !holds(m, name, want) {
			return fmt.Sprintf("%s = %v, want %s", name, fieldOf(m, name), want)
		}
	case "ok-then-reject":
		if f, ok := fieldOf(m, arg).(sv2.F32); !ok || f.Valid() {
			return fmt.Sprintf("%s = %v, which is not refused", arg, fieldOf(m, arg))
		}
	case "error":
	default:
		return "unknown expectation " + expect
	}
	return ""
}

// holds says whether a field has a value, given as JSON or as the text of a JSON
// string: setting it must change nothing.
func holds(m full, name, value string) bool {
	before, err := m.MarshalBinary()
	if err != nil {
		return false
	}
	for _, format := range []string{`{"%s":%s}`, `{"%s":"%s"}`} {
		changed := fresh(m)
		if changed.UnmarshalBinary(before) != nil || json.Unmarshal(fmt.Appendf(nil, format, name, value), changed) != nil {
			continue
		}
		after, err := changed.MarshalBinary()
		return err == nil && bytes.Equal(before, after)
	}
	return false
}

type tableVector struct {
	Message   string
	Extension uint16
	Number    uint8  `json:"msg_type"`
	Channel   bool   `json:"channel_msg"`
	TypeField uint16 `json:"extension_type_field"`
	Fields    [][2]string
}

func TestMessageTable(t *testing.T) {
	declared := make(map[string]map[string][]field)
	for _, dir := range []string{"", "mining", "jobdecl", "template", "extension"} {
		full := filepath.Join("..", "..", "sv2", dir)
		declared[strings.TrimSuffix("github.com/lodefw/lode/sv2/"+dir, "/")] = declarations(t, full)
	}
	vectors.Each(t, "message_table", func(t *testing.T, v tableVector) {
		e := entry{typ: sv2.Ext(v.Extension) | sv2.Type(v.Number)}
		if v.Channel {
			e.typ |= sv2.ChannelMsg
		}
		if got := uint16(e.typ >> 8); got != v.TypeField {
			t.Errorf("extension_type = %#x, want %#x", got, v.TypeField)
		}
		e.name = strings.TrimPrefix(v.Message, "TemplateDistribution.")
		for _, f := range v.Fields {
			e.fields = append(e.fields, field{f[0], f[1]})
		}
		m := find(e.typ).(full)
		checkSpec(t, e, m, declared[reflect.TypeOf(m).Elem().PkgPath()])
	})
}
