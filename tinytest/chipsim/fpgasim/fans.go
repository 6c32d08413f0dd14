package fpgasim

import (
	"sync"
	"time"
)

// Fans is the fan core: a duty for all of its fans, and a counter for each. It is
// the driver's window too.
type Fans struct {
	// MaxRPS is the turns a second at full duty, by fan; 0 is no fan.
	MaxRPS [4]float64

	mu      sync.Mutex
	percent uint32
	stopped [4]bool // the rotor
	deaf    [4]bool // the wire of the counter
}

// NewFans are as many fans as the maker's, of 6000 turns a minute.
func NewFans(n int) *Fans {
	f := &Fans{}
	for i := range min(n, len(f.MaxRPS)) {
		f.MaxRPS[i] = 100
	}
	return f
}

// Stop blocks a rotor, and Deafen takes a counter's wire off.
func (f *Fans) Stop(fan int, stop bool) { f.set(func() { f.stopped[fan] = stop }) }

// Deafen takes the wire of a fan's counter off.
func (f *Fans) Deafen(fan int, deaf bool) { f.set(func() { f.deaf[fan] = deaf }) }

func (f *Fans) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// RPS is a fan's true speed. Without a duty it keeps a tenth.
func (f *Fans) RPS(fan int) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rps(fan)
}

func (f *Fans) rps(fan int) float64 {
	if f.stopped[fan] {
		return 0
	}
	return f.MaxRPS[fan] * max(0.1, min(1, float64(f.percent)/100))
}

// Read32 reads a register of the fan core.
func (f *Fans) Read32(offset uint32) uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch n := offset / 4; {
	case offset == 0x10:
		return f.percent
	case n < 4 && !f.deaf[n]:
		return uint32(f.rps(int(n))) & 0xff
	}
	return 0
}

// Write32 writes one; only the duty can be.
func (f *Fans) Write32(offset, v uint32) {
	if offset == 0x10 {
		f.set(func() { f.percent = v & 0x7f })
	}
}

// Wait has no interrupt to wait for.
func (f *Fans) Wait(limit time.Duration) error {
	time.Sleep(limit)
	return nil
}
