package zynqio

import (
	"fmt"
	"sync"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// Fans is the fan core: one duty for all fans, a speed for each of up to four.
type Fans struct {
	w  Window
	mu sync.Mutex
}

// NewFans takes the core's window. It has no id to look at.
func NewFans(w Window) *Fans { return &Fans{w: w} }

// fanInputs is how many fans the core can count.
const fanInputs = 4

// Fan is one fan: the duty that it sets is that of all.
type Fan struct {
	core *Fans
	n    int
}

// Fan is a fan by its number from 0.
func (f *Fans) Fan(n int) (*Fan, error) {
	if n < 0 || n >= fanInputs {
		return nil, fmt.Errorf("zynqio: no fan %d, the core has 0 to %d", n, fanInputs-1)
	}
	return &Fan{core: f, n: n}, nil
}

// SetDuty sets the duty of all fans, in whole percents, rounded up.
func (f *Fan) SetDuty(d gpio.Duty) error {
	if d < 0 || d > gpio.DutyMax {
		return fmt.Errorf("zynqio: a duty of %v, want 0 to 100%%", d)
	}
	percent := uint32((int64(d)*100 + int64(gpio.DutyMax) - 1) / int64(gpio.DutyMax))
	f.core.mu.Lock()
	defer f.core.mu.Unlock()
	f.core.w.Write32(regFanPWM, percent)
	if got := f.core.w.Read32(regFanPWM) & 0x7f; got != percent {
		return fmt.Errorf("zynqio: the fan core took %d%%, want %d%%; is its bitstream loaded?", got, percent)
	}
	return nil
}

// Speed is the fan's, in whole turns a second: the core counts two edges a turn
// for half a second.
func (f *Fan) Speed() (physic.Frequency, error) {
	return physic.Frequency(f.core.w.Read32(regFan+4*uint32(f.n))&0xff) * physic.Hertz, nil
}
