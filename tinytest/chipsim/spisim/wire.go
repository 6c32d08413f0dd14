package spisim

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"periph.io/x/conn/v3"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/spi"
)

// The bus as a stream of bytes, so that programs elsewhere can drive a chain. The
// host sends
//
//	'x' length[4] data    a transfer: the answer is as many bytes, and nothing else
//	'r' level             the chips' reset line, 0 or 1
//	't'                   SCK held high while MOSI toggles: a Bitfury's reset of links
//
// and the length is little-endian. Lines have no answer.
const (
	wireTransfer = 'x'
	wireReset    = 'r'
	wireToggle   = 't'
)

// maxWire bounds a transfer, as spidev does with its usual bufsiz, but larger:
// some programs raise that.
const maxWire = 256 << 10

// Lines are what a chain has beside its bus. Either may be nil.
type Lines struct {
	Reset  gpio.PinOut
	Toggle func() error
}

// Serve answers a host until the stream ends.
func Serve(stream io.ReadWriter, c spi.Conn, l Lines) error {
	in := bufio.NewReader(stream)
	for {
		kind, err := in.ReadByte()
		if err != nil {
			return end(err)
		}
		switch kind {
		case wireTransfer:
			err = serveTransfer(stream, in, c)
		case wireReset:
			err = serveReset(in, l.Reset)
		case wireToggle:
			if l.Toggle != nil {
				err = l.Toggle()
			}
		default:
			return fmt.Errorf("spisim: byte %02x is no message", kind)
		}
		if err != nil {
			return end(err)
		}
	}
}

// end is nil for a host that has left.
func end(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

func serveTransfer(out io.Writer, in io.Reader, c spi.Conn) error {
	var head [4]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxWire {
		return fmt.Errorf("spisim: transfer of %d bytes, at most %d", n, maxWire)
	}
	w, r := make([]byte, n), make([]byte, n)
	if _, err := io.ReadFull(in, w); err != nil {
		return err
	}
	if err := c.Tx(w, r); err != nil {
		return err
	}
	_, err := out.Write(r)
	return err
}

func serveReset(in io.ByteReader, p gpio.PinOut) error {
	level, err := in.ReadByte()
	if err != nil || p == nil {
		return err
	}
	return p.Out(level != 0)
}

// A Client is the host's end of such a stream.
type Client struct{ Stream io.ReadWriter }

var _ spi.Conn = Client{}

// String names the client.
func (c Client) String() string { return "SPI over a stream" }

// Duplex is part of conn.Conn.
func (c Client) Duplex() conn.Duplex { return conn.Full }

// Tx is part of conn.Conn.
func (c Client) Tx(w, r []byte) error {
	if len(w) != len(r) {
		return errLength
	}
	msg := binary.LittleEndian.AppendUint32([]byte{wireTransfer}, uint32(len(w)))
	if _, err := c.Stream.Write(append(msg, w...)); err != nil {
		return fmt.Errorf("spisim: %w", err)
	}
	if _, err := io.ReadFull(c.Stream, r); err != nil {
		return fmt.Errorf("spisim: %w", err)
	}
	return nil
}

// TxPackets is part of spi.Conn.
func (c Client) TxPackets(p []spi.Packet) error {
	for i := range p {
		if err := c.Tx(p[i].W, p[i].R); err != nil {
			return err
		}
	}
	return nil
}

// Reset drives the chips' reset line.
func (c Client) Reset(low bool) error {
	level := byte(1)
	if low {
		level = 0
	}
	_, err := c.Stream.Write([]byte{wireReset, level})
	return err
}

// Toggle resets a Bitfury chain's links.
func (c Client) Toggle() error {
	_, err := c.Stream.Write([]byte{wireToggle})
	return err
}
