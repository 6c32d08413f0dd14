// Package i2csim is an I²C bus with virtual devices: the sensors, fans,
// regulators and voltage controllers of hash boards as register files behind
// periph's bus interface, with faults on command.
//
// Physical quantities come from functions that the caller passes (a thermal
// model, a test's variable), so that a device never has a state of its own that
// could disagree with the board around it. They are called with the bus locked,
// and a device's fields are changed in [Bus.Do] while other goroutines use it.
// Time is package time, so a test in a synctest bubble runs on virtual time.
package i2csim

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// ErrNAK is what a transaction gives that no device acknowledged.
var ErrNAK = errors.New("i2csim: no acknowledge")

// A Device answers the transactions to its address. It is called with the bus
// locked, one transaction at a time.
type Device interface {
	Tx(w, r []byte) error
}

// Fault is what is wrong with one device. The zero value is nothing.
type Fault struct {
	// NAK is how many transactions are not acknowledged; negative: all.
	NAK int
	// Stuck answers every read with the bytes of the last read of that length
	// and register, and swallows writes.
	Stuck bool
	// GlitchEvery flips bits of every n-th read: 1 is each one.
	GlitchEvery int
	// GlitchMask is what to flip in the first byte; zero means 0x40.
	GlitchMask byte
	// Late is how much longer each transaction takes (a stretched clock).
	Late time.Duration
}

// IO is one transaction of the trace.
type IO struct {
	At   time.Time
	Addr uint16
	W, R []byte
	Err  error
}

// Bus is an I²C bus. It implements periph's i2c.Bus; any goroutine may use it.
type Bus struct {
	// Trace, when set before use, is called after every transaction. W and R are
	// valid until it returns.
	Trace func(IO)
	// AckAll makes the adapter report success for everything and return Fill for
	// what nobody sent, as the driver of the LinkIt 7688 does.
	AckAll bool
	Fill   byte

	wires   chan struct{} // one transaction at a time; a channel: a stretched clock sleeps under it
	lock    chan struct{} // guards what follows, and the devices; nobody sleeps under it
	devices map[uint16]*place
	reports []string
}

type place struct {
	device Device
	fault  Fault
	reads  int
	held   map[string][]byte // answers by request, for Stuck
}

var _ i2c.Bus = (*Bus)(nil)

// New returns a bus with nothing on it.
func New() *Bus {
	return &Bus{wires: make(chan struct{}, 1), lock: make(chan struct{}, 1), devices: map[uint16]*place{}}
}

// Add puts a device on the bus, or takes it off if d is nil.
func (b *Bus) Add(addr uint16, d Device) {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	if d == nil {
		delete(b.devices, addr)
		return
	}
	b.devices[addr] = &place{device: d, held: map[string][]byte{}}
}

// SetFault says what is wrong with the device at addr from now on.
func (b *Bus) SetFault(addr uint16, f Fault) {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	if p := b.devices[addr]; p != nil {
		p.fault = f
	}
}

// PowerCycle takes the supply of all devices away for a moment.
func (b *Bus) PowerCycle() {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	for _, p := range b.devices {
		if d, ok := p.device.(interface{ PowerCycle() }); ok {
			d.PowerCycle()
		}
	}
}

// Do runs f while no device is asked: to change or look at devices that another
// goroutine talks to. A stretched clock does not hold it up.
func (b *Bus) Do(f func()) {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	f()
}

// Reports lists what the host did that could have hurt a real board: data
// written to an EEPROM's address.
func (b *Bus) Reports() []string {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	return append([]string(nil), b.reports...)
}

// String names the bus in errors.
func (b *Bus) String() string { return "i2csim" }

// SetSpeed accepts every speed.
func (b *Bus) SetSpeed(physic.Frequency) error { return nil }

// Tx does one transaction.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	b.wires <- struct{}{}
	defer func() { <-b.wires }()
	var late time.Duration
	b.Do(func() {
		if p := b.devices[addr]; p != nil {
			late = p.fault.Late
		}
	})
	time.Sleep(late)
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	err := b.tx(addr, w, r)
	if b.Trace != nil {
		b.Trace(IO{At: time.Now(), Addr: addr, W: w, R: r, Err: err})
	}
	return err
}

func (b *Bus) tx(addr uint16, w, r []byte) error {
	p := b.devices[addr]
	b.check(addr, p, w)
	err := ErrNAK
	if p != nil {
		err = p.tx(w, r)
	}
	if err != nil && b.AckAll {
		for i := range r {
			r[i] = b.Fill
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("i2csim: address %#02x: %w", addr, err)
	}
	return nil
}

// check reports data written to 0x50-0x57, unless a controller sits there: the
// PIC of an S9 does, and is known by its type.
func (b *Bus) check(addr uint16, p *place, w []byte) {
	if addr < 0x50 || addr > 0x57 {
		return
	}
	if p != nil {
		if _, ok := p.device.(*PIC16); ok {
			return
		}
	}
	if len(w) > 1 {
		b.reports = append(b.reports, fmt.Sprintf("wrote % x to address %#02x, which belongs to an EEPROM", w, addr))
	}
}

func (p *place) tx(w, r []byte) error {
	f := &p.fault
	if f.NAK != 0 {
		f.NAK = max(f.NAK-1, -1)
		return ErrNAK
	}
	key := fmt.Sprintf("%x/%d", w, len(r))
	if held, ok := p.held[key]; ok && f.Stuck && len(r) > 0 {
		copy(r, held)
		return nil
	}
	if f.Stuck && len(r) == 0 {
		return nil
	}
	if err := p.device.Tx(w, r); err != nil {
		return err
	}
	if len(r) > 0 {
		p.hold(key, r)
		p.glitch(r)
	}
	return nil
}

// hold remembers an answer, for the case that the device gets stuck. A device
// has few registers; the bound is for hosts that write long strings.
func (p *place) hold(key string, r []byte) {
	if len(p.held) < 256 {
		p.held[key] = append([]byte(nil), r...)
	} else if _, ok := p.held[key]; ok {
		p.held[key] = append(p.held[key][:0], r...)
	}
}

func (p *place) glitch(r []byte) {
	if p.fault.GlitchEvery == 0 {
		return
	}
	p.reads++
	if p.reads%p.fault.GlitchEvery == 0 {
		mask := p.fault.GlitchMask
		if mask == 0 {
			mask = 0x40
		}
		r[0] ^= mask
	}
}
