package spisim

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// Over a stream a chain is the same, and its lines too.
func TestWire(t *testing.T) {
	sim := NewA1(A1Config{Chips: 3})
	bus, err := sim.Connect(physic.MegaHertz, spi.Mode1, 8)
	if err != nil {
		t.Fatal(err)
	}
	host, board := net.Pipe()
	done := make(chan error)
	go func() { done <- Serve(board, bus, Lines{Reset: sim.Reset()}) }()
	c := Client{host}
	count := func() byte {
		r := make([]byte, 18)
		if err := c.TxPackets([]spi.Packet{{W: []byte{1, 0, 0, 0, 0, 0}, R: r[:6]}, {W: make([]byte, 12), R: r[6:]}}); err != nil {
			t.Fatal(err)
		}
		return r[15]
	}
	if n := count(); n != 3 {
		t.Errorf("%d chips, want 3", n)
	}
	if n := count(); n != 0 {
		t.Errorf("%d chips without a reset between", n)
	}
	if err := c.Reset(true); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d chips in reset", n)
	}
	if err := c.Reset(false); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 3 {
		t.Errorf("%d chips after a reset, want 3", n)
	}
	if err := c.Tx(make([]byte, 2), nil); err == nil {
		t.Error("two lengths")
	}
	host.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWireToggle(t *testing.T) {
	sim := NewBitfury(BitfuryConfig{Chips: 1, NeedReset: true})
	bus, _ := sim.Connect(physic.MegaHertz, spi.Mode0, 8)
	host, board := net.Pipe()
	done := make(chan error)
	go func() { done <- Serve(board, bus, Lines{Toggle: sim.ResetLinks}) }()
	w := append([]byte{4, 0xf2, 0x30, 0}, make([]byte, 76)...)
	c := Client{host}
	for _, toggle := range []bool{false, true} {
		if toggle {
			if err := c.Toggle(); err != nil {
				t.Fatal(err)
			}
		}
		r := bytes.Repeat([]byte{7}, len(w))
		if err := c.Tx(w, r); err != nil {
			t.Fatal(err)
		}
		if heard := !bytes.Equal(r, make([]byte, len(r))); heard != toggle {
			t.Errorf("toggled %v, heard %v", toggle, heard)
		}
	}
	host.Close()
	<-done
}

// What is no message ends the stream with an error, and a host that leaves does not.
func TestWireErrors(t *testing.T) {
	sim := NewA1(A1Config{Chips: 1})
	bus, _ := sim.Connect(physic.MegaHertz, spi.Mode1, 8)
	for text, says := range map[string]string{
		"": "", "x": "", "x\x02\x00\x00\x00a": "", "r": "", "r\x01t": "", "y": "no message", "x\xff\xff\xff\xff": "at most",
	} {
		stream := struct {
			io.Reader
			io.Writer
		}{strings.NewReader(text), io.Discard}
		err := Serve(stream, bus, Lines{})
		if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

// Whatever a host sends, the chain stays within bounds and answers what was asked.
func FuzzServe(f *testing.F) {
	f.Add([]byte("r\x00r\x01x\x06\x00\x00\x00\x01\x00\x00\x00\x00\x00x\x04\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("tx\x02\x00\x00\x00\x04\x05t"))
	f.Fuzz(func(t *testing.T, text []byte) {
		sim := NewA1(A1Config{Chips: 2, NoSearch: true})
		bus, err := sim.Connect(physic.MegaHertz, spi.Mode1, 8)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		stream := struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(text), &out}
		_ = Serve(stream, bus, Lines{Reset: sim.Reset()})
		if out.Len() > len(text) {
			t.Errorf("%d bytes answered %d", out.Len(), len(text))
		}
	})
}
