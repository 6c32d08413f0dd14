package bitaxeraw

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/lodefw/lode/internal/captures"
)

// vector is one packet: a request, or an answer if it names its format.
type vector struct {
	Hex     captures.Hex
	Format  string `json:"response_format"`
	Meaning string
}

func TestCaptures(t *testing.T) {
	captures.Each(t, "bitaxe-raw", func(t *testing.T, v vector) {
		switch v.Format {
		case "":
			request(t, v)
		case "v0":
			answer(t, V0, v)
		case "v1":
			answer(t, V1, v)
		default:
			t.Errorf("format %q is not known", v.Format)
		}
	})
}

// request builds the packet again from its parts.
func request(t *testing.T, v vector) {
	if len(v.Hex) < 6 {
		t.Fatalf("% x is no request", []byte(v.Hex))
	}
	if got := appendRequest(nil, v.Hex[2], v.Hex[4], v.Hex[5], v.Hex[6:]); !bytes.Equal(got, v.Hex) {
		t.Errorf("%s: % x, want % x", v.Meaning, got, []byte(v.Hex))
	}
}

// answer reads the packet as its meaning says: "id 42 data ff0000 (not an
// error)", "id 42 error 11 invalid command", `id 42 custom error "bad"`.
func answer(t *testing.T, f Format, v vector) {
	id, data, err := f.parse(v.Hex, -1)
	words := strings.Fields(v.Meaning)
	var want captures.Hex
	if e := want.UnmarshalText([]byte(words[1])); e != nil || id != want[0] {
		t.Errorf("%s: id %02x", v.Meaning, id)
	}
	switch {
	case words[2] == "data":
		if e := want.UnmarshalText([]byte(words[3])); e != nil || err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s: data % x, %v", v.Meaning, data, err)
		}
	case words[2] == "error":
		if code := map[string]error{"10": ErrTimeout, "11": ErrCommand, "12": ErrOverflow}[words[3]]; code == nil || !errors.Is(err, code) {
			t.Errorf("%s: %v", v.Meaning, err)
		}
	default:
		if !errors.Is(err, ErrBridge) || !strings.Contains(err.Error(), words[len(words)-1]) {
			t.Errorf("%s: %v", v.Meaning, err)
		}
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name   string
		format Format
		packet string
		want   int
		data   string
		err    error // nil: data; errAny: any
	}{
		{"v1 empty", V1, "\x04\x00\x07\x00", -1, "", nil},
		{"v1 data that begins with FF", V1, "\x06\x00\x07\x00\xff\x10", 2, "\xff\x10", nil},
		{"v1 timeout", V1, "\x04\x00\x07\x10", 2, "", ErrTimeout},
		{"v1 overflow", V1, "\x04\x00\x07\x12", 2, "", ErrOverflow},
		{"v1 code of a later firmware", V1, "\x04\x00\x07\x13", 2, "", ErrBridge},
		{"v0 empty", V0, "\x00\x00\x07", -1, "", nil},
		{"v0 timeout", V0, "\x02\x00\x07\xff\x10", 1, "", ErrTimeout},
		{"v0 two bytes that look like one", V0, "\x02\x00\x07\xff\x10", 2, "", ErrTimeout},
		{"v0 two bytes that do not", V0, "\x02\x00\x07\xff\x0f", 2, "\xff\x0f", nil},
		{"v0 text", V0, "\x05\x00\x07\xff\xffbad", 2, "", ErrBridge},
		{"v0 FF FF and more, as long as asked for", V0, "\x05\x00\x07\xff\xff\x01\x02\x03", 5, "\xff\xff\x01\x02\x03", nil},
		{"v0 cut off", V0, "\x05\x00\x07\x01", 5, "", errAny},
		{"v1 shorter than its head", V1, "\x03\x00\x07", 1, "", errAny},
		{"v1 with a byte too many", V1, "\x04\x00\x07\x00\x00", -1, "", errAny},
		{"v0 longer than any answer", V0, "\x01\x01\x07", -1, "", errAny},
		{"empty", V1, "", -1, "", errAny},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, data, err := test.format.parse([]byte(test.packet), test.want)
			switch {
			case test.err == nil && (err != nil || string(data) != test.data):
				t.Errorf("parse = % x, %v, want % x", data, err, test.data)
			case test.err == errAny && err == nil:
				t.Errorf("parse = % x, want an error", data)
			case test.err != nil && test.err != errAny && !errors.Is(err, test.err):
				t.Errorf("parse = %v, want %v", err, test.err)
			}
		})
	}
}

var errAny = errors.New("any error")

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x01\x00\x42\x01"), 1)
	f.Add([]byte("\x03\x00\x42\xff\x00\x00"), 3)
	f.Add([]byte("\x04\x00\x42\x11"), -1)
	f.Add([]byte("\x07\x00\x42\xffbad"), 2)
	f.Fuzz(func(t *testing.T, b []byte, want int) {
		for _, format := range []Format{V0, V1} {
			_, data, err := format.parse(b, want)
			if err != nil {
				continue
			}
			if n, err := format.size(b); err != nil || n != len(b) || len(data) > maxData {
				t.Errorf("%v: % x of length %d was taken, %v", format, b, len(b), err)
			}
		}
	})
}
