package bitfury

import (
	"encoding/binary"
	"math/bits"
)

// Bytes of the stream that are no data (REFERENCE.md, "Stream"). They are not
// bit-reversed.
const (
	cmdBreak = 0x04 // all links open: the first chip listens
	cmdPass  = 0x05 // the chip that listens passes the rest on to the next
	cmdWrite = 0xe0 // and the number of words, less one
)

// address is a place in a chip.
type address uint16

const (
	addrRounds     address = 0x0100 // round counters
	addrBlock1     address = 0x1000 // message words of the first and second hash
	addrBlock2     address = 0x1400
	addrPadding    address = 0x1900
	addrJob        address = 0x3000 // write: next job; read: ring and toggle
	addrOscillator address = 0x6000
	addrConfig     address = 0x7000 // and 32 for each of the numbers 1..11
)

// Numbers of the configuration.
const (
	configSlowOscillator = 4
	configOutput         = 6
	configLast           = 11
)

func config(n int) address { return addrConfig + address(32*n) }

// longest is the longest message: a chip's whole set-up, at the end of a chain.
const longest = 1 + MaxChips + 320

// message is what is sent in one transfer to one chip of a chain. Data bytes go
// out least significant bit first, which the bus cannot do by itself.
type message struct {
	b [longest]byte
	n int
}

// begin addresses a chip, from 0.
func (m *message) begin(chip int) {
	m.b[0] = cmdBreak
	for i := range chip {
		m.b[1+i] = cmdPass
	}
	m.n = 1 + chip
}

// write adds words, numbers as little-endian bytes.
func (m *message) write(at address, words []uint32) {
	m.head(at, len(words))
	for _, w := range words {
		binary.BigEndian.PutUint32(m.b[m.n:], bits.Reverse32(w)) // bytes and bits turned
		m.n += 4
	}
}

// writeBytes adds whole words as bytes.
func (m *message) writeBytes(at address, data []byte) {
	m.head(at, len(data)/4)
	for _, b := range data {
		m.b[m.n] = bits.Reverse8(b)
		m.n++
	}
}

func (m *message) head(at address, words int) {
	m.b[m.n] = cmdWrite | byte(words-1)
	binary.BigEndian.PutUint16(m.b[m.n+1:], uint16(at))
	m.n += 3
}

// on and off are a configuration's two values.
func (m *message) on(n int)  { m.writeBytes(config(n), []byte{0xc1, 0x6a, 0x59, 0xe3}) }
func (m *message) off(n int) { m.writeBytes(config(n), []byte{0, 0, 0, 0}) }

// oscillator sets the clock: as many bits as are set in a thermometer.
func (m *message) oscillator(bits int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], 1<<bits-1)
	m.writeBytes(addrOscillator, b[:])
}

// setUp makes the whole of a chip's set-up, in the order of the capture
// bitfury-control.
func (m *message) setUp(chip, bits int) {
	m.begin(chip)
	m.clock(bits)
	for n := configOutput + 1; n <= configLast; n++ {
		m.off(n)
	}
	m.off(configOutput)
	m.on(configSlowOscillator)
	for n := 1; n < configSlowOscillator; n++ {
		m.off(n)
	}
	m.writeBytes(addrRounds, []byte{64, 64, 4, 8, 6, 22, 4, 5, 61, 62, 64, 15, 0, 4, 2, 3})
	m.write(addrBlock1, []uint32{3: 0xffffffff, 4: 0x80000000, 15: 0x280})
	m.write(addrBlock2, []uint32{3: 0xffffffff, 4: 0x80000000, 7: 0})
	m.write(addrPadding, []uint32{0: 0x80000000, 7: 0x100})
	var words [jobWords]uint32
	mid, tail := testJob()
	fillWords(&words, mid, tail)
	m.write(addrJob, words[:])
}

// clock sets the oscillator and lets it run.
func (m *message) clock(bits int) {
	m.oscillator(bits)
	m.on(configSlowOscillator)
}

// Answer is what a chip says while it gets a job: its ring of scrambled nonces
// and the toggle.
type Answer struct {
	Ring   [ringSize]uint32
	Toggle uint32
}

const ringSize = 16

// parseAnswer reads an answer at its place in what came back; false if what came
// back is too short.
func parseAnswer(b []byte, chip int) (a Answer, ok bool) {
	at := answerAt(chip)
	if chip < 0 || chip > len(b) || at+4*(ringSize+1) > len(b) {
		return a, false
	}
	b = b[at:]
	for i := range a.Ring {
		a.Ring[i] = bits.Reverse32(binary.BigEndian.Uint32(b[4*i:]))
	}
	a.Toggle = bits.Reverse32(binary.BigEndian.Uint32(b[4*ringSize:]))
	return a, true
}

// answerAt is where an answer begins: behind the break, the passes and the head.
func answerAt(chip int) int { return 4 + chip }

// Valid tells whether a chip can have said this: the toggle is all zeros or all
// ones.
func (a *Answer) Valid() bool { return a.Toggle == 0 || a.Toggle == 0xffffffff }
