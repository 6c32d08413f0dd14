package fan

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// ErrSilent says that nobody counts the tachometer: Run does not run, or hangs.
var ErrSilent = errors.New("tachometer is not being counted")

// window is how long to count for one speed: at 1000 rpm 33 edges, and a stopped
// fan is seen within a second.
const window = time.Second

// wait is how long to wait for an edge before looking at the clock.
const wait = 100 * time.Millisecond

// TachOptions say what the fan gives. The zero value is a usual fan.
type TachOptions struct {
	// Pulses a turn. Zero means 2.
	Pulses int
}

// Tach counts the pulses of a fan's tachometer.
type Tach struct {
	pin    gpio.PinIn
	pulses int

	mu    sync.Mutex
	speed physic.Frequency
	at    time.Time
}

// NewTach takes the pin over. Run counts.
func NewTach(pin gpio.PinIn, o TachOptions) (*Tach, error) {
	if o.Pulses == 0 {
		o.Pulses = 2
	}
	if err := pin.In(gpio.PullUp, gpio.FallingEdge); err != nil {
		// Many drivers of the kernel cannot choose the pull; boards have a resistor.
		if err2 := pin.In(gpio.PullNoChange, gpio.FallingEdge); err2 != nil {
			return nil, fmt.Errorf("fan: tachometer on %v: %w", pin, errors.Join(err, err2))
		}
	}
	return &Tach{pin: pin, pulses: o.Pulses}, nil
}

// Run counts until ctx ends.
func (t *Tach) Run(ctx context.Context) error {
	start, edges := time.Now(), 0
	for ctx.Err() == nil {
		if t.pin.WaitForEdge(wait) {
			edges++
		}
		now := time.Now()
		if took := now.Sub(start); took >= window {
			t.note(edges, took, now)
			start, edges = now, 0
		}
	}
	return nil
}

func (t *Tach) note(edges int, took time.Duration, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = now
	t.speed = physic.Frequency(float64(edges) / float64(t.pulses) / took.Seconds() * float64(physic.Hertz))
}

// String names the pin.
func (t *Tach) String() string { return "tachometer on " + t.pin.String() }

// Speed is how fast the fan turned in the last full second, 0 if it stands still.
func (t *Tach) Speed() (physic.Frequency, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at.IsZero() || time.Since(t.at) > 2*window {
		return 0, fmt.Errorf("fan: %v: %w", t, ErrSilent)
	}
	return t.speed, nil
}
