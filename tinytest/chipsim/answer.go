package chipsim

import (
	"encoding/binary"
	"time"
)

// Types of an answer, in the trailer's top bits.
const (
	typeRegister = 0
	typeNonce    = 4
)

// seal adds the trailer: type and CRC.
func seal(b []byte, kind byte, from int) []byte {
	b = append(b, kind<<5)
	b[len(b)-1] |= crc5(b[from:], 8*(len(b)-1-from)+3)
	return b
}

// registerAnswer is a chip's answer to a read.
func (m *model) registerAnswer(long bool, address, register byte, value uint32) []byte {
	b := make([]byte, 0, 11)
	from := 0
	if !m.bm1387 {
		b, from = append(b, 0xaa, 0x55), 2
	}
	b = binary.BigEndian.AppendUint32(b, value)
	if m.bm1387 {
		address, register = 0, 0 // it names neither: bosminer (bm1387.rs), cgminer (driver-gekko.c)
	}
	b = append(b, address, register)
	if long {
		b = append(b, 0, 0)
	}
	return seal(b, typeRegister, from)
}

// nonceAnswer reports a hit: the nonce in the header's byte order, excess
// difficulty (BM1387: which solution of the work), job byte, rolled version bits.
func (m *model) nonceAnswer(h hit) []byte {
	b := make([]byte, 0, 11)
	from := 0
	if !m.bm1387 {
		b, from = append(b, 0xaa, 0x55), 2
	}
	b = append(b, h.nonce[:]...)
	b = append(b, h.excess, h.job)
	if !m.midstates {
		b = binary.BigEndian.AppendUint16(b, h.version)
	}
	return seal(b, typeNonce, from)
}

// jobByte is what comes back of a job's id, with the small core or midstate.
func (m *model) jobByte(id byte, small uint32) byte {
	if m.bm1387 {
		return (id + byte(small)) & m.idMask // added: cgminer gives ids one apart, and takes the index off again
	}
	return id&m.idMask<<m.idShift | byte(small)&(1<<m.smallBits-1)
}

// An rxLine is the chips' way to the host. Frames follow each other; a byte takes
// eleven bit times of the chip that sends it (measured on a BM1393 chain).
type rxLine struct {
	queue []rxFrame
	free  time.Duration // when the last queued frame is out
	host  []byte        // arrived, not read yet
	stats LineStats
}

type rxFrame struct {
	at    time.Duration // start
	baud  float64
	bytes []byte
	sent  int // bytes that have arrived
	chip  int
	nonce bool
	host  []byte // what arrived of the last byte
	all   []byte // what arrived of the frame
}

// LineStats counts what the answer line lost.
type LineStats struct {
	Frames   uint64 // put on the line
	Dropped  uint64 // answers for which a chip's queue had no room
	Overrun  uint64 // bytes that the host did not read in time
	Damaged  uint64 // bytes changed, added or lost by faults
	Mismatch uint64 // bytes changed because host and chip differ in baud rate
}

const (
	chipQueue = 4    // results that a chip holds while others talk; a guess
	hostQueue = 4095 // bytes, as a Linux tty keeps
)

// send queues a frame that is ready at time at.
func (l *rxLine) send(at time.Duration, f rxFrame) bool {
	waiting := 0
	for i := range l.queue {
		if q := &l.queue[i]; q.chip == f.chip && q.nonce && q.sent == 0 {
			waiting++
		}
	}
	if f.nonce && waiting >= chipQueue {
		l.stats.Dropped++
		return false
	}
	f.at = max(at, l.free)
	l.free = f.at + bitTimes(11*len(f.bytes), f.baud)
	l.queue = append(l.queue, f)
	l.stats.Frames++
	return true
}

// arrives is when byte i of the frame is complete: ten of its eleven bit times.
func (f *rxFrame) arrives(i int) time.Duration { return f.at + bitTimes(11*i+10, f.baud) }

// ready is when the frame that is on the line now will be complete.
func (l *rxLine) ready() (time.Duration, bool) {
	if len(l.queue) == 0 {
		return 0, false
	}
	f := &l.queue[0]
	return f.arrives(len(f.bytes) - 1), true
}

// deliver moves bytes that have arrived until now to the host's buffer. change
// may damage a byte: it returns what arrives in its place.
func (l *rxLine) deliver(now time.Duration, change func(*rxFrame, byte) []byte, done func(*rxFrame)) {
	n := 0
	for ; n < len(l.queue); n++ {
		f := &l.queue[n]
		for f.sent < len(f.bytes) && f.arrives(f.sent) <= now {
			for _, b := range change(f, f.bytes[f.sent]) {
				if len(l.host) >= hostQueue {
					l.stats.Overrun++
					continue
				}
				l.host = append(l.host, b)
			}
			f.sent++
		}
		if f.sent < len(f.bytes) {
			break
		}
		done(f)
	}
	if n > 0 {
		l.queue = append(l.queue[:0], l.queue[n:]...)
	}
}

// read takes what has arrived.
func (l *rxLine) read(b []byte) int {
	n := copy(b, l.host)
	l.host = append(l.host[:0], l.host[n:]...)
	return n
}
