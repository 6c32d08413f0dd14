package i2csim

import (
	"encoding/binary"
	"sync"
	"time"
)

// silence is how long a voltage controller keeps its rail up without a heartbeat.
const silence = 10 * time.Second

// rail is an output that a heartbeat keeps alive.
type rail struct {
	on   bool
	beat time.Time
}

func (r *rail) set(on bool) { r.on, r.beat = on, time.Now() }

func (r *rail) up() bool {
	if r.on && time.Since(r.beat) > silence {
		r.on = false
	}
	return r.on
}

// PIC16 is the voltage controller of an S9 hash board. Every byte is its own
// transaction.
type PIC16 struct {
	// Version is what it answers once its application runs; zero means 03.
	Version byte

	mu      sync.Mutex
	app     bool
	wake    time.Time // deaf until then, after a reset
	frame   []byte
	answer  []byte
	code    byte
	rail    rail
	pointer uint16
}

// Enabled says whether the rail is up: enabled, and the last heartbeat not too
// long ago.
func (c *PIC16) Enabled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rail.up()
}

// Code is the voltage that was set, as the controller's value.
func (c *PIC16) Code() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}

// Tx implements Device.
func (c *PIC16) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.wake) {
		return ErrNAK
	}
	for _, b := range w {
		c.take(b)
	}
	for i := range r { // only the first byte of a read is good
		r[i] = 0xff
	}
	if len(r) > 0 && len(c.answer) > 0 {
		r[0], c.answer = c.answer[0], c.answer[1:]
	}
	return nil
}

// take collects 55 AA cmd and its data.
func (c *PIC16) take(b byte) {
	c.frame = append(c.frame, b)
	f := c.frame
	switch {
	case f[0] != 0x55, len(f) > 1 && f[1] != 0xaa:
		c.frame = nil
	case len(f) < 3, len(f) < 3+map[byte]int{0x01: 2, 0x02: 16, 0x10: 1, 0x15: 1}[f[2]]:
	default:
		c.do(f[2], f[3:])
		c.frame = nil
	}
}

func (c *PIC16) do(cmd byte, data []byte) {
	switch {
	case cmd == 0x06:
		c.app = true
	case cmd == 0x07:
		c.app, c.wake = false, time.Now().Add(400*time.Millisecond)
		c.rail.set(false)
	case cmd == 0x01:
		c.pointer = binary.BigEndian.Uint16(data)
	case cmd == 0x08:
		c.answer = binary.BigEndian.AppendUint16(nil, c.pointer)
	case !c.app: // the loader knows no more than flash commands
	case cmd == 0x10:
		c.code = data[0]
	case cmd == 0x15:
		c.rail.set(data[0] == 1)
	case cmd == 0x16:
		c.rail.beat = time.Now()
	case cmd == 0x17:
		c.answer = []byte{max(c.Version, 3)}
	case cmd == 0x18:
		c.answer = []byte{c.code}
	}
}

// packet collects frames 55 AA LEN CMD payload sum, one byte a transaction.
type packet struct {
	frame  []byte
	order  binary.ByteOrder
	answer []byte
	ready  time.Time
}

// take returns a command once its frame is whole and its sum right.
func (p *packet) take(b byte) (cmd byte, payload []byte, ok bool) {
	p.frame = append(p.frame, b)
	f := p.frame
	if f[0] != 0x55 || len(f) > 1 && f[1] != 0xaa || len(f) > 2 && (f[2] < 4 || f[2] > 64) {
		p.frame = nil
		return 0, nil, false
	}
	if len(f) < 3 || len(f) < 2+int(f[2]) {
		return 0, nil, false
	}
	p.frame = nil
	end := len(f) - 2
	return f[3], f[4:end], p.order.Uint16(f[end:]) == sum16(f[2:end])
}

func sum16(b []byte) (s uint16) {
	for _, v := range b {
		s += uint16(v)
	}
	return s
}

// reply makes answer readable after a delay.
func (p *packet) reply(delay time.Duration, answer ...byte) {
	p.answer, p.ready = answer, time.Now().Add(delay)
}

// next is the next answer byte, or idle while there is none.
func (p *packet) next(idle byte) byte {
	if len(p.answer) == 0 || time.Now().Before(p.ready) {
		return idle
	}
	b := p.answer[0]
	p.answer = p.answer[1:]
	return b
}

// DSPIC is the dsPIC33 voltage controller of a hash board.
type DSPIC struct {
	// Version is its firmware, 82 to 8A; zero means 89.
	Version byte
	// Late is how much longer its answers take than they should.
	Late time.Duration

	mu   sync.Mutex
	app  bool
	wake time.Time
	pot  [3]byte
	rail rail
	packet
}

// Enabled says whether the rail is up.
func (c *DSPIC) Enabled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rail.up()
}

// Potentiometer is the voltage that was set.
func (c *DSPIC) Potentiometer() [3]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pot
}

// Tx implements Device.
func (c *DSPIC) Tx(w, r []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.wake) {
		return ErrNAK
	}
	c.order = binary.BigEndian
	for _, b := range w {
		if cmd, payload, ok := c.take(b); ok {
			c.do(cmd, payload)
		}
	}
	for i := range r {
		r[i] = c.next(0xff)
	}
	return nil
}

func (c *DSPIC) do(cmd byte, payload []byte) {
	const work = 5 * time.Millisecond
	delay := work + c.Late
	switch {
	case cmd == 0x06:
		c.app = true
		c.reply(delay, cmd, 1)
	case cmd == 0x07:
		c.app, c.wake = false, time.Now().Add(400*time.Millisecond)
		c.rail.set(false)
		c.reply(0, cmd, 1)
	case !c.app:
		c.reply(delay, cmd, 0)
	case cmd == 0x15 && len(payload) == 1:
		c.rail.set(payload[0] == 1)
		c.reply(delay, cmd, payload[0])
	case cmd == 0x16:
		c.rail.beat = time.Now()
		c.reply(delay, 6, cmd, 1, 0, 0, 6+0x16+1)
	case cmd == 0x17:
		v := c.Version
		if v == 0 {
			v = 0x89
		}
		sum := sum16([]byte{5, cmd, v})
		c.reply(delay, 5, cmd, v, byte(sum>>8), byte(sum))
	case cmd == 0x10 && len(payload) == 3:
		c.pot = [3]byte(payload)
		c.reply(delay, cmd, 1)
	default:
		c.reply(delay, cmd, 0)
	}
}
