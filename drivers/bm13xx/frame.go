package bm13xx

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Op is what a command asks of the chips.
type Op uint8

// The commands. A broadcast goes to every chip, else to the one whose address it
// has; SetAddress goes to the first chip that is inactive and has none.
const (
	OpSetAddress Op = iota
	OpWrite
	OpRead
	OpInactive
)

// String names the command in errors.
func (o Op) String() string {
	return [...]string{"set address", "write", "read", "inactive"}[o&3]
}

// Command is one command to the chips.
type Command struct {
	Op    Op
	All   bool  // to every chip of the chain
	Chip  uint8 // address of the chip, when not All
	Reg   Reg
	Value uint32 // of OpWrite
}

// Wire is how a chip's frames look.
type Wire uint8

const (
	// WireFramed has 55 AA before each command: all chips but the BM1387.
	WireFramed Wire = iota
	// WireBare has no preamble and other command numbers: BM1387.
	WireBare
)

// ErrFrame says that bytes are no frame.
var ErrFrame = errors.New("no valid frame")

const (
	headerCommand = 2 << 5
	headerJob     = 1 << 5
	headerAll     = 1 << 4
	lengthShort   = 5 // header, length, address, register, CRC
	lengthWrite   = 9
)

// code is the number of the command in the header's low four bits.
func (w Wire) code(o Op) uint8 {
	if w == WireBare {
		return [...]uint8{1, 8, 4, 5}[o&3]
	}
	return uint8(o & 3)
}

func (w Wire) appendPreamble(b []byte) []byte {
	if w == WireFramed {
		b = append(b, 0x55, 0xaa)
	}
	return b
}

// Append adds the frame of a command to b.
func (w Wire) Append(b []byte, c Command) []byte {
	b = w.appendPreamble(b)
	start := len(b)
	header, length := headerCommand|w.code(c.Op), uint8(lengthShort)
	if c.All {
		header |= headerAll
	}
	if c.Op == OpWrite {
		length = lengthWrite
	}
	b = append(b, header, length, c.Chip, uint8(c.Reg))
	if c.Op == OpWrite {
		b = binary.BigEndian.AppendUint32(b, c.Value)
	}
	return append(b, crc5(b[start:]))
}

// Parse reads the frame of a command. It is what traces and tests are read with;
// nothing on the way to the chips needs it.
func (w Wire) Parse(b []byte) (Command, error) {
	if w == WireFramed {
		if len(b) < 2 || b[0] != 0x55 || b[1] != 0xaa {
			return Command{}, fmt.Errorf("bm13xx: %w: no preamble", ErrFrame)
		}
		b = b[2:]
	}
	if len(b) < lengthShort || int(b[1]) != len(b) {
		return Command{}, fmt.Errorf("bm13xx: %w: length", ErrFrame)
	}
	if crc5(b[:len(b)-1]) != b[len(b)-1] {
		return Command{}, fmt.Errorf("bm13xx: %w: CRC5", ErrFrame)
	}
	return w.parseBody(b)
}

func (w Wire) parseBody(b []byte) (Command, error) {
	for o := OpSetAddress; o <= OpInactive; o++ {
		if b[0]&^headerAll != headerCommand|w.code(o) {
			continue
		}
		c := Command{Op: o, All: b[0]&headerAll != 0, Chip: b[2], Reg: Reg(b[3])}
		if o != OpWrite && len(b) == lengthShort {
			return c, nil
		}
		if o == OpWrite && len(b) == lengthWrite {
			c.Value = binary.BigEndian.Uint32(b[4:])
			return c, nil
		}
	}
	return Command{}, fmt.Errorf("bm13xx: %w: header %02x with length %d", ErrFrame, b[0], len(b))
}
