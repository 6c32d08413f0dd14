package usbsim_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"github.com/lodefw/lode/tinytest/chipsim/usbsim"
)

func board(old bool) *usbsim.Board {
	bus := i2csim.New()
	room := func() physic.Temperature { return physic.ZeroCelsius + 25*physic.Celsius }
	bus.Add(0x4c, i2csim.NewEMC2101(room, room))
	bus.Add(0x32, &i2csim.AT24C02{Data: [256]byte{0xfe: 0x12, 0xff: 0x34}})
	return &usbsim.Board{
		Bus: bus, OldFormat: old, Pins: []uint8{0, 1, 2},
		ADC: func(c uint8) (uint16, bool) { return 0x0480, c == 0x50 || c == 0x51 },
	}
}

// TestCaptures sends every captured request; a board that has all these parts
// refuses none.
func TestCaptures(t *testing.T) {
	captures.Each(t, "bitaxe-raw", func(t *testing.T, v struct {
		Hex     captures.Hex
		Format  string `json:"response_format"`
		Meaning string
	}) {
		if v.Format != "" {
			return // an answer
		}
		got := board(false).Answer(v.Hex)
		if len(got) < 4 || int(got[0]) != len(got) || got[2] != v.Hex[2] || got[3] != 0 {
			t.Errorf("%s: % x", v.Meaning, got)
		}
	})
}

func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		name, request, old, fresh string
	}{
		{"pin", "\x06\x00\x07\x00\x06\x00", "\x01\x00\x07\x00", "\x05\x00\x07\x00\x00"},
		{"drive a pin", "\x07\x00\x07\x00\x06\x01\x01", "\x01\x00\x07\x01", "\x05\x00\x07\x00\x01"},
		{"no such pin", "\x06\x00\x07\x00\x06\x09", "\x02\x00\x07\xff\x11", "\x04\x00\x07\x11"},
		{"write and read", "\x09\x00\x07\x00\x05\x40\x32\xfe\x02", "\x02\x00\x07\x12\x34", "\x06\x00\x07\x00\x12\x34"},
		{"nobody there", "\x08\x00\x07\x00\x05\x30\x33\x01", "\x02\x00\x07\xff\x10", "\x04\x00\x07\x10"},
		{"no such page", "\x06\x00\x07\x00\x0b\x00", "\x02\x00\x07\xff\x11", "\x04\x00\x07\x11"},
		{"restart without the magic", "\x0a\x00\x07\x00\x09\x01\x00\x00\x00\x00", "\x02\x00\x07\xff\x11", "\x04\x00\x07\x11"},
		{"wrong length", "\x09\x00\x07\x00\x06\x00", "\x02\x00\xff\xff\x11", "\x04\x00\xff\x11"},
	} {
		if got := board(true).Answer([]byte(test.request)); string(got) != test.old {
			t.Errorf("%s, old: % x, want % x", test.name, got, test.old)
		}
		if got := board(false).Answer([]byte(test.request)); string(got) != test.fresh {
			t.Errorf("%s: % x, want % x", test.name, got, test.fresh)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("\x09\x00\x07\x00\x05\x40\x32\xfe\x02"))
	f.Add([]byte("\x06\x00\x07\x00\x06\x00"))
	f.Add([]byte("\x0a\x00\x07\x00\x09\x01\xde\xad\xbe\xef"))
	f.Fuzz(func(t *testing.T, request []byte) {
		if request = bytes.Clone(request); len(request) >= 6 && request[3] == 0 { // most of the time
			binary.LittleEndian.PutUint16(request, uint16(len(request)))
		}
		old, fresh := board(true).Answer(request), board(false).Answer(request)
		if len(old) < 3 || len(fresh) < 4 || int(old[0])|int(old[1])<<8 != len(old)-3 || int(fresh[0])|int(fresh[1])<<8 != len(fresh) {
			t.Errorf("% x: answers % x and % x", request, old, fresh)
		}
		if fresh[3] == 0 && !bytes.Equal(old[3:], fresh[4:]) {
			t.Errorf("% x: answers differ: % x and % x", request, old, fresh)
		}
	})
}

// A host that starts anew in the middle of a request is heard again.
func TestCutRequest(t *testing.T) {
	request := []byte{6, 0, 9, 0, 6, 0} // read pin 0
	for cut := 1; cut < len(request); cut++ {
		synctest.Test(t, func(t *testing.T) {
			host, port := net.Pipe()
			done := make(chan error)
			go func() { done <- board(false).Serve(port) }()
			host.Write(request[:cut])
			time.Sleep(2 * time.Second)
			host.SetDeadline(time.Now().Add(5 * time.Second))
			if _, err := host.Write(request); err != nil {
				t.Fatalf("cut after %d: %v", cut, err)
			}
			answer := make([]byte, 4)
			if _, err := io.ReadFull(host, answer); err != nil || answer[2] != request[2] {
				t.Errorf("cut after %d: % x, %v", cut, answer, err)
			}
			host.Close()
			<-done
		})
	}
}
