// Package usbsim is the control port of a virtual USB board: what the firmware of
// a Bitaxe (bitaxe-raw) or an emberOne answers, with the devices of an I²C bus
// behind it. It serves any byte stream: a pipe in a test, a pty in lode-sim.
package usbsim

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Board is one board's control port.
type Board struct {
	// Bus is what the I²C page reaches.
	Bus i2c.Bus
	// OldFormat frames answers as the first firmware did, without a status.
	OldFormat bool
	// Pins says which pins there are, and Drive, when set, hears of each that
	// the host drives. They start low, so that the chips are in reset.
	Pins  []uint8
	Drive func(pin uint8, high bool)
	// ADC answers a channel; nil has none.
	ADC func(channel uint8) (uint16, bool)
	// Work is how long a request takes.
	Work time.Duration

	mu     sync.Mutex
	levels map[uint8]bool
	led    [3]uint8
	mute   int
	boots  int
}

// Status codes of an answer.
const (
	statusGood     = 0x00
	statusTimeout  = 0x10
	statusCommand  = 0x11
	statusOverflow = 0x12
)

// Mute makes the board swallow the next n requests.
func (b *Board) Mute(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mute = n
}

// Level is what a pin is at.
func (b *Board) Level(pin uint8) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.levels[pin]
}

// Restart is the controller's own power-up: its pins are low.
func (b *Board) Restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.levels, b.led = nil, [3]uint8{}
	if b.Drive != nil {
		for _, p := range b.Pins {
			b.Drive(p, false)
		}
	}
}

// LED is the colour that was set.
func (b *Board) LED() [3]uint8 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.led
}

// Rebooted says whether the host asked for a restart.
func (b *Board) Rebooted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.boots > 0
}

// wholeWithin is how long the rest of a request may take. A host writes one at once,
// but it may be an emulator on a busy computer.
const wholeWithin = time.Second

// Serve answers requests until the stream ends. A request too short to be one is
// dropped, as the firmware does, and, where the stream has deadlines, one that is cut
// by a host that starts anew.
func (b *Board) Serve(port io.ReadWriter) error {
	limit := func(time.Time) error { return nil }
	if d, ok := port.(interface{ SetReadDeadline(time.Time) error }); ok {
		limit = d.SetReadDeadline
	}
	for {
		request, err := read(port, limit)
		if err != nil {
			return end(err)
		}
		if request == nil {
			continue
		}
		time.Sleep(b.Work)
		answer := b.Answer(request)
		if b.Rebooted() {
			return nil // the port goes away
		}
		if answer == nil {
			continue
		}
		if _, err := port.Write(answer); err != nil {
			return end(err)
		}
	}
}

// read is the next request, nil for what is none.
func read(port io.Reader, limit func(time.Time) error) ([]byte, error) {
	request := make([]byte, 2)
	if _, err := io.ReadFull(port, request[:1]); err != nil {
		return nil, err
	}
	if err := limit(time.Now().Add(wholeWithin)); err != nil {
		return nil, err
	}
	_, err := io.ReadFull(port, request[1:])
	if err == nil {
		n := int(binary.LittleEndian.Uint16(request))
		if n < 6 || n > 4096 {
			return nil, limit(time.Time{})
		}
		request = append(request, make([]byte, n-2)...)
		_, err = io.ReadFull(port, request[2:])
	}
	if late(err) {
		request, err = nil, nil
	}
	return request, errors.Join(err, limit(time.Time{}))
}

// late says whether a deadline has passed, as os.ErrDeadlineExceeded does.
func late(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func end(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// Answer does what a whole request says and returns the answer, nil for none.
func (b *Board) Answer(request []byte) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mute > 0 {
		b.mute--
		return nil
	}
	if len(request) < 6 || int(binary.LittleEndian.Uint16(request)) != len(request) {
		return b.frame(0xff, statusCommand, nil)
	}
	id, page, cmd, data := request[2], request[4], request[5], request[6:]
	status, out := b.do(page, cmd, data)
	return b.frame(id, status, out)
}

func (b *Board) frame(id, status byte, data []byte) []byte {
	if b.OldFormat {
		if status != statusGood {
			data = append([]byte{0xff, status}, data...)
		}
		head := binary.LittleEndian.AppendUint16(nil, uint16(len(data)))
		return append(append(head, id), data...)
	}
	head := binary.LittleEndian.AppendUint16(nil, uint16(len(data)+4))
	return append(append(head, id, status), data...)
}

func (b *Board) do(page, cmd byte, data []byte) (byte, []byte) {
	switch page {
	case 0x05:
		return b.i2c(cmd, data)
	case 0x06:
		return b.pin(cmd, data)
	case 0x07:
		if b.ADC != nil && len(data) == 0 {
			if v, ok := b.ADC(cmd); ok {
				return statusGood, binary.LittleEndian.AppendUint16(nil, v)
			}
		}
	case 0x08:
		if cmd == 0x10 && len(data) == 3 {
			b.led = [3]uint8(data)
			return statusGood, nil
		}
	case 0x09:
		if cmd == 1 && string(data) == "\xde\xad\xbe\xef" || cmd == 2 && string(data) == "\xb0\x07\x10\xad" {
			b.boots++
			return statusGood, nil
		}
	}
	return statusCommand, nil
}

func (b *Board) pin(number byte, data []byte) (byte, []byte) {
	known := false
	for _, p := range b.Pins {
		known = known || p == number
	}
	if !known || len(data) > 1 {
		return statusCommand, nil
	}
	if b.levels == nil {
		b.levels = map[uint8]bool{}
	}
	if len(data) == 1 {
		b.levels[number] = data[0] > 0
		if b.Drive != nil {
			b.Drive(number, data[0] > 0)
		}
	}
	if b.levels[number] {
		return statusGood, []byte{1}
	}
	return statusGood, []byte{0}
}

func (b *Board) i2c(cmd byte, data []byte) (byte, []byte) {
	switch {
	case cmd == 0x10 && len(data) == 4:
		hz := binary.LittleEndian.Uint32(data)
		if b.Bus.SetSpeed(physic.Frequency(hz)*physic.Hertz) != nil {
			return statusCommand, nil
		}
		return statusGood, nil
	case cmd == 0x20 && len(data) >= 2:
		return b.tx(data[0], data[1:], 0)
	case cmd == 0x30 && len(data) == 2:
		return b.tx(data[0], nil, int(data[1]))
	case cmd == 0x40 && len(data) >= 3:
		last := len(data) - 1
		return b.tx(data[0], data[1:last], int(data[last]))
	}
	return statusCommand, nil
}

func (b *Board) tx(addr byte, w []byte, n int) (byte, []byte) {
	if len(w) > 256 {
		return statusOverflow, nil
	}
	r := make([]byte, n)
	b.mu.Unlock() // a slow device must not hold up who looks at the board
	err := b.Bus.Tx(uint16(addr), w, r)
	b.mu.Lock()
	if err != nil {
		return statusTimeout, nil
	}
	return statusGood, r
}
