// Package bitaxeraw speaks to boards whose controller runs bitaxe-raw or
// emberOne's usbserial firmware: one USB cable with two serial ports. The control
// port carries I²C, pins, LED and ADC in packets, which this package turns into
// periph's bus and pins; the data port is a plain UART to the mining chips.
// REFERENCE.md beside this file says what is known of the protocol.
package bitaxeraw

import (
	"errors"
	"fmt"
	"io"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Port is the control port: a serial line whose baud rate does not matter.
type Port interface {
	io.ReadWriter
	SetReadDeadline(t time.Time) error
}

// Options of New. The zero value works.
type Options struct {
	// Format of the answers; the zero value finds out.
	Format Format
	// Timeout of one request. Zero means 100 ms: USB and the bridge need a few, and
	// three that fail in a row, with what goes with them, must fit into the two
	// seconds within which a board makes itself safe.
	Timeout time.Duration
}

// Bridge is the control port of one board. Any goroutine may use it.
type Bridge struct {
	port    Port
	format  Format
	timeout time.Duration
	lock    chan struct{} // one request at a time; a channel, because it is held while waiting
	waited  int           // for the answer to this request, of waits
	id      byte
	request []byte
	answer  [maxData + 4]byte
}

// waits is into how many a request's Timeout is cut. A machine that stands still for
// longer, as a busy one may, misses one of them, and not the answer.
const waits = 10

// ErrSilent says that the bridge did not answer in time.
var ErrSilent = errors.New("bridge did not answer; is this the control port (the first of the two)?")

// New asks the bridge a harmless question to learn that it is there and how it
// frames its answers.
func New(port Port, o Options) (*Bridge, error) {
	if o.Timeout == 0 {
		o.Timeout = 100 * time.Millisecond
	}
	b := &Bridge{port: port, format: o.Format, timeout: o.Timeout, lock: make(chan struct{}, 1)}
	if b.format == Probe {
		if err := b.probe(); err != nil {
			return nil, fmt.Errorf("bitaxeraw: no bridge: %w", err)
		}
	}
	if _, err := b.level(0); err != nil {
		return nil, fmt.Errorf("bitaxeraw: no bridge: %w", err)
	}
	return b, nil
}

// probe reads pin 0.
func (b *Bridge) probe() error {
	for range 3 { // what another program left in the line is skipped
		b.drain()
		b.id++
		if _, err := b.port.Write(appendRequest(nil, b.id, pageGPIO, 0)); err != nil {
			return err
		}
		head := b.answer[:4]
		b.waited = 0
		if err := b.read(head); err != nil {
			continue
		}
		if head[2] == b.id {
			var err error
			if b.format, err = detect(head); err != nil {
				return err
			}
			if n, err := b.format.size(head); err == nil {
				_ = b.read(b.answer[len(head):n])
			}
		}
		b.drain()
		if b.format != Probe {
			return nil
		}
	}
	return ErrSilent
}

// detect knows the format by the first four bytes of the answer to reading a
// pin: 01 00 id level in format v0, 05 00 id 00 level in v1, or an error.
func detect(head []byte) (Format, error) {
	switch n := head[0]; {
	case head[1] != 0:
		return Probe, nil
	case n == 1, n >= 2 && head[3] == 0xff && n != 4:
		return V0, nil
	case n == 4 && head[3] <= 1:
		return Probe, errors.New("its answers count everything and have no status (bitaxe-raw for Bonanza boards): an error there looks like data, which is not safe to drive")
	case n >= 4:
		return V1, nil
	}
	return Probe, nil
}

// Format is how the bridge frames its answers.
func (b *Bridge) Format() Format { return b.format }

// String names the bridge in errors and logs.
func (b *Bridge) String() string { return "bitaxe-raw " + b.format.String() }

// do sends a request and returns the data of its answer, valid until the next
// request, want bytes long unless want is negative. The caller holds the lock.
func (b *Bridge) do(page, cmd byte, want int, data ...[]byte) ([]byte, error) {
	b.id++
	b.request = appendRequest(b.request[:0], b.id, page, cmd, data...)
	if _, err := b.port.Write(b.request); err != nil {
		return nil, err
	}
	for b.waited = 0; b.waited < waits; b.waited++ {
		answer, err := b.next()
		if err != nil {
			b.drain()
			return nil, err
		}
		id, got, err := b.format.parse(answer, want)
		if id != b.id {
			continue // the answer to a request that we gave up on
		}
		if err == nil && want >= 0 && len(got) != want {
			err = fmt.Errorf("answer has %d bytes of data, want %d", len(got), want)
		}
		return got, err
	}
	return nil, ErrSilent
}

// next reads one whole answer.
func (b *Bridge) next() ([]byte, error) {
	if err := b.read(b.answer[:2]); err != nil {
		return nil, err
	}
	n, err := b.format.size(b.answer[:2])
	if err != nil {
		return nil, err
	}
	return b.answer[:n], b.read(b.answer[2:n])
}

func (b *Bridge) read(p []byte) error {
	for ; b.waited < waits; b.waited++ {
		if err := b.port.SetReadDeadline(time.Now().Add(b.timeout / waits)); err != nil {
			return err
		}
		n, err := io.ReadFull(b.port, p)
		var late interface{ Timeout() bool } // as os.ErrDeadlineExceeded is
		if !errors.As(err, &late) || !late.Timeout() {
			return err
		}
		p = p[n:]
	}
	return ErrSilent
}

// drain throws away what comes in until the line is quiet: there is no checksum
// and no mark to find the next answer by. It is bounded, as a port may be noisy.
func (b *Bridge) drain() {
	const quiet = 20 * time.Millisecond
	var waste [64]byte
	for range 64 {
		if b.port.SetReadDeadline(time.Now().Add(quiet)) != nil {
			return
		}
		if _, err := b.port.Read(waste[:]); err != nil {
			return
		}
	}
}

// simple is a request on its own, under the lock.
func (b *Bridge) simple(page, cmd byte, want int, data ...byte) ([]byte, error) {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	got, err := b.do(page, cmd, want, data)
	if err != nil {
		return nil, fmt.Errorf("bitaxeraw: page %02x command %02x: %w", page, cmd, err)
	}
	return append([]byte(nil), got...), nil
}

// SetLED sets the colour of the board's LED.
func (b *Bridge) SetLED(red, green, blue uint8) error {
	_, err := b.simple(pageLED, ledColour, -1, red, green, blue)
	return err
}

// Channels of ADC.
const (
	VDD = 0x50 // core voltage
	VIN = 0x51 // input voltage, emberOne only
)

// ADC returns the raw value of a channel. Firmware differs in what a count is.
func (b *Bridge) ADC(channel uint8) (uint16, error) {
	v, err := b.simple(pageADC, channel, 2)
	if err != nil {
		return 0, err
	}
	return uint16(v[0]) | uint16(v[1])<<8, nil
}

// Reboot restarts the board's controller. It does not answer; its USB ports go
// away and come back.
func (b *Bridge) Reboot() error { return b.system(0x01, 0xde, 0xad, 0xbe, 0xef) }

// Bootloader restarts the board's controller into its loader.
func (b *Bridge) Bootloader() error { return b.system(0x02, 0xb0, 0x07, 0x10, 0xad) }

// system sends magic bytes, so that no stray packet can do this.
func (b *Bridge) system(cmd byte, magic ...byte) error {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	b.id++
	if _, err := b.port.Write(appendRequest(nil, b.id, pageSystem, cmd, magic)); err != nil {
		return fmt.Errorf("bitaxeraw: system command %02x: %w", cmd, err)
	}
	return nil
}

// setSpeed is page 05 command 10: hertz, least significant byte first.
func (b *Bridge) setSpeed(f physic.Frequency) error {
	hz := uint32(f / physic.Hertz)
	_, err := b.simple(pageI2C, i2cFrequency, -1, byte(hz), byte(hz>>8), byte(hz>>16), byte(hz>>24))
	return err
}
