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

// A speed is that of the last second, in which 1000 rpm are 33 edges. It is counted
// in spans: one without any edge is a fan that stands (it would turn less than once
// in half a second), which is seen within half a second.
const (
	span  = 250 * time.Millisecond
	spans = 4
	// wait is how long to wait for an edge before looking at the clock.
	wait = 50 * time.Millisecond
)

// TachOptions say what the fan gives. The zero value is a usual fan.
type TachOptions struct {
	// Pulses a turn. Zero means 2.
	Pulses int
}

// Tach counts the pulses of a fan's tachometer.
type Tach struct {
	pin    gpio.PinIn
	pulses int

	mu     sync.Mutex
	counts [spans]count // the newest last
	at     time.Time    // when it ended
}

// count is what was counted in a span.
type count struct {
	edges int
	took  time.Duration
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
		if took := now.Sub(start); took >= span {
			t.note(count{edges, took}, now)
			start, edges = now, 0
		}
	}
	return nil
}

func (t *Tach) note(c count, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	copy(t.counts[:], t.counts[1:])
	t.counts[spans-1], t.at = c, now
}

// String names the pin.
func (t *Tach) String() string { return "tachometer on " + t.pin.String() }

// Speed is how fast the fan turned in the last full second, 0 if it stands still.
func (t *Tach) Speed() (physic.Frequency, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at.IsZero() || time.Since(t.at) > 2*spans*span {
		return 0, fmt.Errorf("fan: %v: %w", t, ErrSilent)
	}
	if t.counts[spans-1].edges == 0 {
		return 0, nil
	}
	edges, took := 0, time.Duration(0)
	for _, c := range t.counts {
		edges, took = edges+c.edges, took+c.took
	}
	return physic.Frequency(float64(edges) / float64(t.pulses) / took.Seconds() * float64(physic.Hertz)), nil
}
