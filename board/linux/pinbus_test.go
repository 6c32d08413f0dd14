package linux

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// wires are two lines with resistors, and a device that listens to them: the bits
// that it hears become transactions of an i2csim.Device.
type wires struct {
	host   [2]bool // clock, data: pulled down by the host
	pull   [2]bool // by the device
	device i2csim.Device
	addr   byte

	clock, data bool // as they were
	bits        []bool
	held        [2]bool // by a fault
	w           []byte
	reading     bool
	answer      byte
	selected    bool
	started     bool
}

func (w *wires) line(n int) bool { return !w.host[n] && !w.pull[n] && !w.held[n] }

// move lets the device see the lines.
func (w *wires) move() {
	clock, data := w.line(0), w.line(1)
	was, wasData := w.clock, w.data
	w.clock, w.data = clock, data
	switch {
	case clock && was && wasData && !data: // start
		w.end()
		w.started, w.bits, w.reading, w.selected = true, nil, false, false
	case clock && was && !wasData && data: // stop
		w.end()
		w.started = false
	case clock && !was && w.started: // a bit
		w.bits = append(w.bits, data)
	case !clock && was && w.started:
		w.fall()
	}
	w.clock, w.data = w.line(0), w.line(1)
}

// end gives the device what was written.
func (w *wires) end() {
	if w.selected && len(w.w) > 0 {
		w.device.Tx(w.w, nil)
	}
	w.w, w.pull[1] = nil, false
}

// fall is where the device sets its bit: an acknowledge, or data.
func (w *wires) fall() {
	w.pull[1] = false
	switch n := len(w.bits); {
	case n == 8 && !w.reading:
		w.heard()
	case n == 9:
		nak := w.bits[8]
		w.bits = nil
		if w.reading = w.reading && !nak; w.reading {
			w.load()
		}
	case w.reading && n > 0 && n < 8:
		w.pull[1] = w.answer>>(7-n)&1 == 0
	}
}

// heard takes a byte and acknowledges it.
func (w *wires) heard() {
	var v byte
	for _, b := range w.bits {
		v <<= 1
		if b {
			v |= 1
		}
	}
	if !w.selected {
		w.selected = v>>1 == w.addr
		w.pull[1] = w.selected
		if w.selected && v&1 == 1 {
			w.reading = true
		}
		return
	}
	w.w = append(w.w, v)
	w.pull[1] = true
}

// load fetches the next byte of an answer, whose first bit is set at once.
func (w *wires) load() {
	var b [1]byte
	w.device.Tx(nil, b[:])
	w.answer = b[0]
	w.pull[1] = w.answer>>7 == 0
}

// wire is the host's end of one.
type wire struct {
	gpio.PinIO
	w     *wires
	n     int
	fails bool
}

func (p *wire) String() string { return fmt.Sprint("wire ", p.n) }

func (p *wire) In(gpio.Pull, gpio.Edge) error {
	if p.fails {
		return errors.New("no pin")
	}
	p.w.host[p.n] = false
	p.w.move()
	return nil
}

func (p *wire) Out(l gpio.Level) error {
	if l == gpio.High {
		panic("a line was driven high")
	}
	p.w.host[p.n] = true
	p.w.move()
	return nil
}

func (p *wire) Read() gpio.Level { return gpio.Level(p.w.line(p.n)) }

func pinBus(d i2csim.Device) (*PinBus, *wires) {
	w := &wires{device: d, addr: 0x48, clock: true, data: true}
	b := NewPinBus(&wire{PinIO: gpio.INVALID, w: w}, &wire{PinIO: gpio.INVALID, w: w, n: 1})
	b.wait = func(time.Duration) {}
	return b, w
}

// sink is a device that remembers, and answers with a count.
type sink struct {
	got [][]byte
	n   byte
}

func (s *sink) Tx(w, r []byte) error {
	if len(w) > 0 {
		s.got = append(s.got, append([]byte(nil), w...))
	}
	for i := range r {
		r[i] = 0xa5 + s.n
		s.n++
	}
	return nil
}

func TestPinBus(t *testing.T) {
	d := &sink{}
	b, w := pinBus(d)
	var r [3]byte
	if err := b.Tx(0x48, []byte{0x11, 0x80, 0xff, 0x00}, nil); err != nil {
		t.Fatal(err)
	}
	if err := b.Tx(0x48, []byte{0x55}, r[:]); err != nil || r != [3]byte{0xa5, 0xa6, 0xa7} {
		t.Errorf("read % x, %v", r, err)
	}
	if err := b.Tx(0x48, nil, r[:1]); err != nil || r[0] != 0xa8 {
		t.Errorf("read % x, %v", r, err)
	}
	if got := fmt.Sprintf("% x", d.got); got != "[11 80 ff 00 55]" {
		t.Errorf("the device got %s", got)
	}
	if err := b.Tx(0x49, []byte{1}, nil); !errors.Is(err, ErrNAK) || !strings.Contains(err.Error(), "0x49") {
		t.Errorf("nobody is at 49: %v", err)
	}
	if !w.line(0) || !w.line(1) {
		t.Error("the bus was not let go")
	}
	for pulled, says := range map[int]string{0: "holds the clock low", 1: "holds the data line low"} {
		held, w := pinBus(d)
		w.held = [2]bool{pulled == 0, pulled == 1}
		if err := held.Tx(0x48, []byte{1}, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("line %d held: %v", pulled, err)
		}
	}
	if err := b.SetSpeed(physic.MegaHertz); err == nil {
		t.Error("a megahertz with pins")
	}
	if err := b.SetSpeed(physic.KiloHertz); err != nil || b.half != 500*time.Microsecond {
		t.Errorf("%v, %v", err, b.half)
	}
	b.data.(*wire).fails = true
	if err := b.Tx(0x48, []byte{1}, nil); err == nil || !strings.Contains(err.Error(), "no pin") {
		t.Errorf("a pin that fails: %v", err)
	}
}
