package bm13xx

import (
	"bytes"
	"encoding/binary"
	"os"
	"time"
)

// line is the least that a chain is: so many chips, which answer to reads of their
// id, each with its address. It notes all that is sent to it.
type fakeLine struct {
	model   Model
	ids     []uint32 // of the chips that answer
	long    bool     // answers are 11 bytes long
	next    int      // chip that takes the next address
	address []uint8
	pending []byte
	baud    int
	limit   time.Time
	sent    []sent
}

type sent struct {
	at    time.Time
	frame []byte
	baud  int // of the host, 0 for a frame
}

func newFakeLine(m Model, chips int) *fakeLine {
	f := &fakeLine{model: m}
	low := map[Model]uint32{BM1387: 0x9000, BM1397: 0x1800, BM1362: 0x0300}[m]
	for range chips {
		f.ids = append(f.ids, uint32(m)<<16|low)
	}
	f.address = make([]uint8, chips)
	return f
}

func (f *fakeLine) Write(b []byte) (int, error) {
	f.sent = append(f.sent, sent{at: time.Now(), frame: bytes.Clone(b)})
	c, err := f.model.spec().wire.Parse(b)
	if err != nil {
		return len(b), nil // a job
	}
	switch {
	case c.Op == OpInactive:
		f.next = 0
	case c.Op == OpSetAddress && f.next < len(f.ids):
		f.address[f.next] = c.Chip
		f.next++
	case c.Op == OpWrite && c.Reg == RegVersion:
		f.long = true
	case c.Op == OpRead && c.Reg == RegChipID:
		for i, id := range f.ids {
			f.answer(id|uint32(f.address[i]), f.address[i])
		}
	}
	return len(b), nil
}

func (f *fakeLine) answer(value uint32, address uint8) {
	b := binary.BigEndian.AppendUint32(nil, value)
	b = append(b, address, 0)
	if f.long {
		b = append(b, 0, 0)
	}
	for t := range uint8(32) {
		if crc5(append(bytes.Clone(b), t)) == 0 {
			b = append(b, t)
			break
		}
	}
	if f.model != BM1387 {
		f.pending = append(f.pending, 0xaa, 0x55)
	}
	f.pending = append(f.pending, b...)
}

func (f *fakeLine) Read(b []byte) (int, error) {
	if len(f.pending) == 0 {
		time.Sleep(time.Until(f.limit))
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(b, f.pending)
	f.pending = f.pending[n:]
	return n, nil
}

func (f *fakeLine) SetReadDeadline(t time.Time) error { f.limit = t; return nil }

func (f *fakeLine) SetBaud(baud int) error {
	f.baud, f.pending = baud, nil
	f.sent = append(f.sent, sent{at: time.Now(), baud: baud})
	return nil
}
