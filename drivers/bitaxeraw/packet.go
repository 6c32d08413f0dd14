package bitaxeraw

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Pages of the control port (bitaxe-raw and emberone-usbserial-fw README).
const (
	pageI2C    = 0x05
	pageGPIO   = 0x06
	pageADC    = 0x07
	pageLED    = 0x08
	pageSystem = 0x09
)

const (
	i2cFrequency = 0x10
	i2cWrite     = 0x20
	i2cRead      = 0x30
	i2cWriteRead = 0x40
	ledColour    = 0x10
)

// maxData is the most data that an answer carries.
const maxData = 256

// Format is how the bridge frames its answers. It depends on its firmware.
type Format uint8

const (
	// Probe asks the bridge for a pin and tells the format by the answer's length.
	Probe Format = iota
	// V0 counts data bytes only. An error is FF, a code and perhaps text, where
	// data would be.
	V0
	// V1 counts the whole packet and has a status byte.
	V1
)

// String names the format.
func (f Format) String() string {
	switch f {
	case V0:
		return "v0"
	case V1:
		return "v1"
	}
	return "unknown"
}

// Errors of the bridge, wrapped by what it says.
var (
	ErrTimeout  = errors.New("bridge timed out (code 10)")
	ErrCommand  = errors.New("bridge does not know the command (code 11)")
	ErrOverflow = errors.New("bridge's buffer overflowed (code 12)")
	ErrBridge   = errors.New("bridge reports an error")
)

// appendRequest adds a request: length of everything, id, bus 0, page, command, data.
func appendRequest(b []byte, id, page, cmd byte, data ...[]byte) []byte {
	at := len(b)
	b = append(b, 0, 0, id, 0, page, cmd)
	for _, d := range data {
		b = append(b, d...)
	}
	binary.LittleEndian.PutUint16(b[at:], uint16(len(b)-at))
	return b
}

// size is how long an answer is in all, by its first two bytes; an error if that
// cannot be, which means that the stream is out of step.
func (f Format) size(head []byte) (int, error) {
	n := int(binary.LittleEndian.Uint16(head))
	switch {
	case f == V0 && n <= maxData:
		return n + 3, nil
	case f == V1 && n >= 4 && n <= maxData+4:
		return n, nil
	}
	return 0, fmt.Errorf("answer of length %d is none of format %v", n, f)
}

// parse takes a whole answer apart. want is how many data bytes the request asks
// for, negative if any number will do: the older format cannot tell an error from
// data that begins with FF otherwise.
func (f Format) parse(b []byte, want int) (id byte, data []byte, err error) {
	if len(b) < 3 {
		return 0, nil, fmt.Errorf("answer % x is cut off", b)
	}
	if n, err := f.size(b); err != nil || n != len(b) {
		return 0, nil, errors.Join(fmt.Errorf("answer % x has the wrong length", b), err)
	}
	id = b[2]
	if f == V0 {
		data = b[3:]
		return id, data, errorV0(data, want)
	}
	return id, b[4:], code(b[3], b[4:])
}

// errorV0 finds an error in the data of the older format: FF and a known code. A
// read of two bytes that are really FF 10, 11 or 12 cannot be told from one; it
// is taken as an error, which costs one reading and never invents one.
func errorV0(data []byte, want int) error {
	if len(data) < 2 || data[0] != 0xff {
		return nil
	}
	known := len(data) == 2 && data[1] >= 0x10 && data[1] <= 0x12
	text := data[1] == 0xff && len(data) > 2 && len(data) != want
	if known || text {
		return code(data[1], data[2:])
	}
	return nil
}

// code turns a status into an error, nil for 00.
func code(c byte, text []byte) error {
	switch c {
	case 0x00:
		return nil
	case 0x10:
		return ErrTimeout
	case 0x11:
		return ErrCommand
	case 0x12:
		return ErrOverflow
	}
	if c == 0xff && len(text) > 0 {
		return fmt.Errorf("%w: %q", ErrBridge, text)
	}
	return fmt.Errorf("%w: code %#02x", ErrBridge, c)
}
