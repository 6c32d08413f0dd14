package chipsim

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Commands, as the newer chips number them in a header's low bits.
const (
	cmdAddress  = 0
	cmdWrite    = 1
	cmdRead     = 2
	cmdInactive = 3
	cmdJob      = 0x21
)

// A command is a frame that passed its checks. Its bytes belong to the parser.
type command struct {
	kind   byte
	all    bool
	body   []byte // between length and CRC
	offset int64  // of its first byte in what the host sent
}

// A parser finds frames in what the host sends, for the chips that listen at one
// baud rate.
type parser struct {
	m      *model
	report func(Kind, int64, string, ...any)
	buf    []byte
	offset int64 // of buf[0]
	noise  bool  // the byte before buf[0] was reported
	told   bool  // that jobs name another length
	least  int   // bytes that buf needs before it is worth a look
}

// push takes a byte and returns a command if it is the last of one. A frame that
// fails costs its first byte only: what follows is looked at again.
func (p *parser) push(b byte, offset int64) (command, bool) {
	if len(p.buf) == 0 {
		p.offset = offset
	}
	p.buf = append(p.buf, b)
	if len(p.buf) < p.least {
		return command{}, false
	}
	p.least = 0
	for len(p.buf) > 0 {
		cmd, n, ok := p.parse()
		switch {
		case ok:
			p.buf, p.noise = p.buf[:0], false
			return cmd, true
		case n == 0:
			return command{}, false // wait for more
		}
		p.buf = append(p.buf[:0], p.buf[n:]...)
		p.offset += int64(n)
	}
	return command{}, false
}

// parse looks at buf: a command, or how many bytes to drop, or neither.
func (p *parser) parse() (cmd command, drop int, ok bool) {
	b := p.buf
	if !p.m.bm1387 || bytes.HasPrefix(b, []byte{0x55, 0xaa}) {
		if n := preamble(b); n >= 0 {
			if n > 0 && !p.noise {
				p.report(StrayByte, p.offset, "%02x is not the start of a frame", b[0])
			}
			p.noise = n > 0
			return command{}, n, false
		}
		b = b[2:]
	}
	if len(b) < 2 {
		return command{}, p.early(b), false
	}
	kind, all, known := p.m.command(b[0])
	if !known {
		return command{}, p.bad(UnknownHeader, "header %02x", b[0]), false
	}
	length := int(b[1])
	if kind == cmdJob && !p.m.midstates {
		length = headerLength
	}
	if !p.m.lengthFits(kind, length) {
		return command{}, p.bad(BadLength, "length %d for header %02x", length, b[0]), false
	}
	if missing := length - len(b); missing > 0 {
		p.least = len(p.buf) + missing
		return command{}, 0, false
	}
	if !checksum(kind, b) {
		return command{}, p.bad(BadCRC, "% x", b), false
	}
	if length != int(b[1]) && !p.told {
		p.told = true
		p.report(BadLength, p.offset, "length %d for header %02x; the chips take the job", b[1], b[0])
	}
	end := len(b) - 1
	if kind == cmdJob {
		end--
	}
	return command{kind, all, b[2:end], p.offset}, 0, true
}

// early drops a header that no frame of a chip without preamble begins with.
func (p *parser) early(b []byte) int {
	if !p.m.bm1387 || len(b) == 0 || b[0] == 0x55 {
		return 0
	}
	if _, _, known := p.m.command(b[0]); known {
		return 0
	}
	return p.bad(UnknownHeader, "header %02x", b[0])
}

// bad reports the first of a run of bytes that make no frame.
func (p *parser) bad(k Kind, format string, args ...any) int {
	if !p.noise {
		p.report(k, p.offset, format, args...)
	}
	p.noise = true
	return 1
}

// preamble is -1 if b begins with 55 AA, 0 if it may, else how much to drop.
func preamble(b []byte) int {
	switch {
	case b[0] != 0x55:
		return 1
	case len(b) == 1:
		return 0
	case b[1] != 0xaa:
		return 1
	}
	return -1
}

// command decodes a header byte.
func (m *model) command(h byte) (kind byte, all, known bool) {
	if h == cmdJob {
		return cmdJob, true, true
	}
	if !m.bm1387 {
		return h & 0x0f, h&0x10 != 0, h&0xe0 == 0x40 && (h&0x0f < cmdInactive || h == 0x53)
	}
	switch h & 0xef {
	case 0x41:
		return cmdAddress, false, h == 0x41
	case 0x48:
		return cmdWrite, h == 0x58, true
	case 0x44:
		return cmdRead, h == 0x54, true
	case 0x45:
		return cmdInactive, true, h == 0x55
	}
	return 0, false, false
}

// headerLength is the length of every job that chips after the BM1397 take. They do
// not look at the length in the frame: cgminer's sends 36 to a BM1362 and FF to a
// BM1370, with as many bytes behind it.
const headerLength = 0x56

func (m *model) lengthFits(kind byte, n int) bool {
	switch {
	case kind == cmdWrite:
		return n == 9
	case kind != cmdJob:
		return n == 5
	case !m.midstates:
		return n == headerLength
	case m.bm1387:
		return n == 0x36 || n == 0x56 || n == 0x96
	}
	return n == 0x36 || n == 0x96
}

func checksum(kind byte, b []byte) bool {
	if kind == cmdJob {
		return crc16(b[:len(b)-2]) == binary.BigEndian.Uint16(b[len(b)-2:])
	}
	return crc5(b, 8*(len(b)-1)) == b[len(b)-1]
}

// A txLine is the host's way to the chips: bytes leave at the host's baud, ten
// bit times each.
type txLine struct {
	baud   int
	other  int // also valid for the bytes of this write: a pty cannot tell when the rate changed
	queue  []txByte
	free   time.Duration // when the last queued byte is out
	offset int64         // bytes ever written
}

type txByte struct {
	at    time.Duration // last bit
	b     byte
	baud  int
	other int
	off   int64
}

func (l *txLine) write(now time.Duration, b []byte) {
	l.free = max(l.free, now)
	from := l.free
	for i, v := range b {
		l.free = from + bitTimes(10*(i+1), float64(l.baud))
		l.queue = append(l.queue, txByte{l.free, v, l.baud, l.other, l.offset})
		l.offset++
	}
}

func bitTimes(n int, baud float64) time.Duration {
	return time.Duration(float64(n) / baud * float64(time.Second))
}
