package sv2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrShort says that a payload ends inside a field.
var ErrShort = errors.New("sv2: payload ends inside a field")

// A Codec walks the fields of a message in either direction: a message's Wire
// method calls one Codec method for each field, and the Codec appends the field
// to its buffer or takes it from there. The first error sticks and makes every
// later call harmless, so Wire never tests for one.
//
// The zero value works. A Codec is reused for many messages but by one goroutine
// at a time; a connection keeps one for each direction, so that nothing allocates.
type Codec struct {
	buf  []byte
	enc  bool
	err  error
	left int // bytes of the input that were unread at the error
}

// Append appends the payload of m to b. It only reads m. On an error (a string or
// list longer than its type allows) it returns b as it was.
func (c *Codec) Append(b []byte, m Message) ([]byte, error) {
	c.buf, c.enc, c.err = b, true, nil
	m.Wire(c)
	out := c.buf
	c.buf = nil
	if c.err != nil {
		return b, fmt.Errorf("sv2: encode %T: %w", m, c.err)
	}
	return out, nil
}

// AppendFrame appends m with its header in front (3.2).
func (c *Codec) AppendFrame(b []byte, m Message) ([]byte, error) {
	start := len(b)
	out, err := c.Append(append(b, 0, 0, 0, 0, 0, 0), m)
	if err != nil {
		return b, err
	}
	n := len(out) - start - HeaderSize
	if n > MaxPayload {
		return b, fmt.Errorf("sv2: encode %T: payload of %d bytes, at most %d fit a frame", m, n, MaxPayload)
	}
	Header{Type: m.Type(), Length: n}.put(out[start:])
	return out, nil
}

// Decode reads m from payload and returns what follows its last field: a TLV tail
// (3.4.3) or junk. Byte strings in m and the tail point into payload and are valid
// as long as it is; the capacity of lists in m is reused.
func (c *Codec) Decode(payload []byte, m Message) (tail []byte, err error) {
	c.buf, c.enc, c.err = payload, false, nil
	m.Wire(c)
	tail, c.buf = c.buf, nil
	if c.err != nil {
		return nil, fmt.Errorf("sv2: decode %T: byte %d of %d: %w", m, len(payload)-c.left, len(payload), c.err)
	}
	return tail, nil
}

// fail keeps the first error.
func (c *Codec) fail(err error) {
	if c.err == nil {
		c.err, c.left = err, len(c.buf)
	}
}

// zeroes is what a failed fixed-size read sees.
var zeroes [8]byte

// take cuts n bytes off the input; on shortage it sets err and returns nil.
func (c *Codec) take(n int) []byte {
	if n > len(c.buf) || c.err != nil {
		c.fail(ErrShort)
		c.buf = nil
		return nil
	}
	b := c.buf[:n:n]
	c.buf = c.buf[n:]
	return b
}

// fixed is take for integers: on shortage it returns zeroes.
func (c *Codec) fixed(n int) []byte {
	if b := c.take(n); b != nil {
		return b
	}
	return zeroes[:n]
}

// Bool is BOOL: one byte of which only bit 0 counts.
func (c *Codec) Bool(v *bool) {
	if !c.enc {
		*v = c.fixed(1)[0]&1 != 0
		return
	}
	var b byte
	if *v {
		b = 1
	}
	c.buf = append(c.buf, b)
}

// U8 is an unsigned byte.
func (c *Codec) U8(v *uint8) {
	if c.enc {
		c.buf = append(c.buf, *v)
	} else {
		*v = c.fixed(1)[0]
	}
}

// U16 is an unsigned 16-bit integer, little-endian as all integers are.
func (c *Codec) U16(v *uint16) {
	if c.enc {
		c.buf = binary.LittleEndian.AppendUint16(c.buf, *v)
	} else {
		*v = binary.LittleEndian.Uint16(c.fixed(2))
	}
}

// U24 is an unsigned 24-bit integer; encoding a larger value is an error.
func (c *Codec) U24(v *uint32) {
	if c.enc {
		if *v > 1<<24-1 {
			c.fail(fmt.Errorf("%d does not fit a U24", *v))
		}
		c.buf = append(c.buf, byte(*v), byte(*v>>8), byte(*v>>16))
	} else {
		b := c.fixed(3)
		*v = uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	}
}

// U32 is an unsigned 32-bit integer.
func (c *Codec) U32(v *uint32) {
	if c.enc {
		c.buf = binary.LittleEndian.AppendUint32(c.buf, *v)
	} else {
		*v = binary.LittleEndian.Uint32(c.fixed(4))
	}
}

// LateU32 is a U32 that a revision of the spec added at the end of a message: a
// payload that ends in front of it is an older peer's and reads as 0.
func (c *Codec) LateU32(v *uint32) {
	if !c.enc && len(c.buf) == 0 && c.err == nil {
		*v = 0
		return
	}
	c.U32(v)
}

// U64 is an unsigned 64-bit integer.
func (c *Codec) U64(v *uint64) {
	if c.enc {
		c.buf = binary.LittleEndian.AppendUint64(c.buf, *v)
	} else {
		*v = binary.LittleEndian.Uint64(c.fixed(8))
	}
}

// F32 is an IEEE 754 single. Every bit pattern decodes; ask F32.Valid.
func (c *Codec) F32(v *F32) {
	bits := math.Float32bits(float32(*v))
	c.U32(&bits)
	if !c.enc {
		*v = F32(math.Float32frombits(bits))
	}
}

// U256 is 32 bytes: a hash in header order or an integer, little-endian.
func (c *Codec) U256(v *U256) {
	if c.enc {
		c.buf = append(c.buf, v[:]...)
	} else {
		copy(v[:], c.take(32))
	}
}

// OptU32 is OPTION[U32]: a count byte 0 or 1, then the value if 1.
func (c *Codec) OptU32(v *OptU32) {
	n := uint8(0)
	if v.Valid {
		n = 1
	}
	c.U8(&n)
	if n > 1 {
		c.fail(fmt.Errorf("OPTION with count %d", n))
		return
	}
	if n == 1 {
		c.U32(&v.Value)
	} else if !c.enc {
		v.Value = 0
	}
	if !c.enc {
		v.Valid = n == 1
	}
}

// Str is STR0_255: a length byte and that many bytes, which need not be UTF-8.
func (c *Codec) Str(v *string) {
	n := c.length(len(*v), 1, 255)
	if c.enc {
		c.buf = append(c.buf, (*v)[:n]...)
	} else {
		*v = string(c.take(n))
	}
}

// B32 is B0_32.
func (c *Codec) B32(v *Bytes) { c.bytes(v, 1, 32) }

// B255 is B0_255.
func (c *Codec) B255(v *Bytes) { c.bytes(v, 1, 255) }

// B64K is B0_64K.
func (c *Codec) B64K(v *Bytes) { c.bytes(v, 2, 65535) }

// B16M is B0_16M.
func (c *Codec) B16M(v *Bytes) { c.bytes(v, 3, 1<<24-1) }

// Rest is BYTES up to the end of the payload, such as a TLV tail.
func (c *Codec) Rest(v *Bytes) {
	if c.enc {
		c.buf = append(c.buf, *v...)
	} else {
		*v = c.take(len(c.buf))
	}
}

func (c *Codec) bytes(v *Bytes, width, limit int) {
	n := c.length(len(*v), width, limit)
	if c.enc {
		c.buf = append(c.buf, (*v)[:n]...)
	} else {
		*v = c.take(n)
	}
}

// length is the little-endian length or count of width bytes in front of a string
// or list. It returns 0 after an error.
func (c *Codec) length(n, width, limit int) int {
	if !c.enc {
		n = 0
		for i, b := range c.fixed(width) {
			n |= int(b) << (8 * i)
		}
	}
	if n > limit {
		c.fail(fmt.Errorf("length %d, at most %d allowed", n, limit))
	}
	if c.err != nil {
		return 0
	}
	for i := 0; c.enc && i < width; i++ {
		c.buf = append(c.buf, byte(n>>(8*i)))
	}
	return n
}

// SeqU16 is SEQ0_64K[U16].
func (c *Codec) SeqU16(v *[]uint16) { seq(c, v, 2, 65535, 2, (*Codec).U16) }

// SeqU32 is SEQ0_64K[U32].
func (c *Codec) SeqU32(v *[]uint32) { seq(c, v, 2, 65535, 4, (*Codec).U32) }

// Seq255U256 is SEQ0_255[U256].
func (c *Codec) Seq255U256(v *[]U256) { seq(c, v, 1, 255, 32, (*Codec).U256) }

// SeqU256 is SEQ0_64K[U256].
func (c *Codec) SeqU256(v *[]U256) { seq(c, v, 2, 65535, 32, (*Codec).U256) }

// SeqB16M is SEQ0_64K[B0_16M].
func (c *Codec) SeqB16M(v *[]Bytes) { seq(c, v, 2, 65535, 3, (*Codec).B16M) }

// seq walks a list. Before it makes room it compares the count with the bytes
// that are left, smallest being the size of the smallest element.
func seq[T any](c *Codec, v *[]T, width, limit, smallest int, field func(*Codec, *T)) {
	n := c.length(len(*v), width, limit)
	if !c.enc {
		if n*smallest > len(c.buf) {
			c.fail(ErrShort)
			n = 0
		}
		if n > cap(*v) {
			*v = make([]T, n)
		}
		*v = (*v)[:n]
	}
	for i := range n {
		field(c, &(*v)[i])
	}
}
