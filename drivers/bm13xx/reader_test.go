package bm13xx

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// found is [offset, frame] of a capture.
type found struct {
	offset int
	frame  hexBytes
}

func (f *found) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&f.offset, &f.frame})
}

type streamVector struct {
	Name   string
	Stream hexBytes
	Found  []found `json:"frames_found"`
}

func readAll(t *testing.T, src io.Reader, length int) (all []Response, noise int) {
	t.Helper()
	r := NewReader(src, length)
	for {
		resp, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			return all, int(r.Noise()) + r.end - r.start
		}
		all = append(all, resp)
	}
}

func TestStreams(t *testing.T) {
	eachFile(t, "streams-desync", func(t *testing.T, file vectors[streamVector]) {
		for _, v := range file.Vectors {
			for name, src := range map[string]io.Reader{
				"whole": bytes.NewReader(v.Stream),
				"bytes": iotest.OneByteReader(bytes.NewReader(v.Stream)),
			} {
				got, noise := readAll(t, src, answerLong)
				if want := len(v.Stream) - answerLong*len(v.Found); noise != want || len(got) != len(v.Found) {
					t.Fatalf("%s by %s: %d responses and %d bytes of noise, want %d and %d",
						v.Name, name, len(got), noise, len(v.Found), want)
				}
				for i, f := range v.Found {
					want, ok := parseResponse(f.frame)
					if !ok || got[i] != want || !bytes.Equal(v.Stream[f.offset:][:answerLong], f.frame) {
						t.Errorf("%s: response %d = %+v, want %+v", v.Name, i, got[i], want)
					}
				}
			}
		}
	})
}

// A deadline in the middle of a response does not lose its first half.
func TestReaderGoesOn(t *testing.T) {
	frame := []byte{0xaa, 0x55, 0x4c, 0x03, 0x52, 0x75, 0x0c, 0xd2, 0x05, 0xa2, 0x9c}
	r := NewReader(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(frame))), answerLong)
	if _, err := r.Next(); !errors.Is(err, iotest.ErrTimeout) {
		t.Fatalf("Next = %v, want a timeout", err)
	}
	resp, err := r.Next()
	if err != nil || resp.Nonce != 0x7552034c || resp.Slot != 0xd2 || resp.Version != 0x05a2 {
		t.Errorf("Next = %+v, %v", resp, err)
	}
}

func TestReaderDoesNotAllocate(t *testing.T) {
	frame := []byte{0xaa, 0x55, 0x4c, 0x03, 0x52, 0x75, 0x0c, 0xd2, 0x05, 0xa2, 0x9c}
	r := NewReader(&endless{frame: frame}, answerLong)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a response", n)
	}
}

// endless repeats a frame.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = e.frame[e.at]
		e.at = (e.at + 1) % len(e.frame)
	}
	return len(b), nil
}

// Whatever the bytes are: nothing gets lost uncounted, and a good response after
// any damage is found as soon as the damage cannot reach into it.
func FuzzReader(f *testing.F) {
	f.Add([]byte{}, uint8(11))
	f.Add([]byte{0xaa}, uint8(11))
	f.Add([]byte{0xaa, 0x55, 0x13, 0x97, 0x18, 0, 0, 0, 6}, uint8(9))
	f.Add([]byte{0x13, 0x87, 0x90, 0, 0, 0, 7, 0xff}, uint8(7))
	f.Fuzz(func(t *testing.T, b []byte, kind uint8) {
		length := []int{answerBare, answerShort, answerLong}[kind%3]
		all, noise := readAll(t, bytes.NewReader(b), length)
		if len(all)*length+noise != len(b) {
			t.Errorf("%d responses of %d bytes and %d of noise from %d bytes", len(all), length, noise, len(b))
		}
		if length != answerLong {
			return
		}
		frame := []byte{0xaa, 0x55, 0x4c, 0x03, 0x52, 0x75, 0x0c, 0xd2, 0x05, 0xa2, 0x9c}
		gap := make([]byte, answerLong) // zeros: no frame begins in them
		stream := bytes.Join([][]byte{b, gap, frame}, nil)
		all, _ = readAll(t, bytes.NewReader(stream), length)
		if len(all) == 0 || all[len(all)-1].Nonce != 0x7552034c {
			t.Errorf("the frame behind %x is lost", b)
		}
	})
}
