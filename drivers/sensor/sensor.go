// Package sensor turns raw register values into readings that can be trusted:
// each has its age, an implausible value is not believed until it repeats, and
// a sensor that stops answering is lost. It never stands in with an old value.
//
// A [Sensor] wraps any read function of a chip driver:
//
//	s := sensor.New("board 1 inlet", chip.Temperature, sensor.Limits[physic.Temperature]{...})
//	r := s.Poll(time.Now())
package sensor

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrLost is the cause of every reading of a sensor that cannot be believed any
// more: who guards the hardware treats it as an alarm.
var ErrLost = errors.New("sensor lost")

// Quantity is what periph's units are: whole numbers of a small unit.
type Quantity interface{ ~int64 }

// Reading is one measured value with its age and validity. The zero value is
// not valid: there is no sensor behind it.
type Reading[Q Quantity] struct {
	// Value is zero unless the reading is valid.
	Value Q
	// At is when the last believed value was measured, also of a lost sensor;
	// zero if there never was one.
	At time.Time
	// Err says why there is no value. It wraps ErrLost once the sensor is lost.
	Err error
}

// Valid says whether Value was measured and believed. Look at Age too.
func (r Reading[Q]) Valid() bool { return r.Err == nil && !r.At.IsZero() }

// Age is how long ago the last believed value was measured.
func (r Reading[Q]) Age(now time.Time) time.Duration { return now.Sub(r.At) }

// Get returns the value if it is valid and at most oldest old.
func (r Reading[Q]) Get(now time.Time, oldest time.Duration) (Q, error) {
	switch {
	case r.Err != nil:
		return 0, r.Err
	case r.At.IsZero():
		return 0, fmt.Errorf("sensor: never read: %w", ErrLost)
	case r.Age(now) > oldest:
		return 0, fmt.Errorf("sensor: last reading is %v old, at most %v is good: %w", r.Age(now), oldest, ErrLost)
	}
	return r.Value, nil
}

// Limits say which values of a sensor can be believed. The zero value believes
// whatever the chip says.
type Limits[Q Quantity] struct {
	// Min and Max bound what the place can have at all; both zero: no bounds.
	Min, Max Q
	// Step is the largest change from one poll to the next that needs no second
	// reading to confirm it; zero: any. The first value needs one, too.
	Step Q
	// Misses is how many polls in a row may bring no believable value before the
	// sensor is lost. Zero means 2.
	Misses int
	// Still is how long the value may stay exactly the same before the sensor
	// counts as stuck; zero: forever. Only for sensors finer than their noise.
	Still time.Duration
}

func (l Limits[Q]) misses() int {
	if l.Misses == 0 {
		return 2
	}
	return l.Misses
}

// Counts tell how a sensor has been doing since it was made.
type Counts struct {
	Polls    uint64 // all
	Failed   uint64 // the bus or the chip gave an error
	Glitches uint64 // a value that was not believed
}

// Sensor reads one quantity. One goroutine polls it, any may ask for the last
// reading.
type Sensor[Q Quantity] struct {
	name   string
	read   func() (Q, error)
	limits Limits[Q]

	mu        sync.Mutex
	last      Reading[Q]
	candidate Q    // an unconfirmed jump
	doubt     bool // candidate holds one
	missed    int
	raw       Q         // what the last poll in bounds read, believed or not
	changed   time.Time // when raw last differed from the one before
	counts    Counts
}

// New returns a sensor that calls read at each poll. The name is for people:
// it says where the sensor sits.
func New[Q Quantity](name string, read func() (Q, error), limits Limits[Q]) *Sensor[Q] {
	s := &Sensor[Q]{name: name, read: read, limits: limits}
	s.last.Err = fmt.Errorf("sensor: %s: not read yet: %w", name, ErrLost)
	return s
}

// String is the sensor's name.
func (s *Sensor[Q]) String() string { return s.name }

// Last is what the last poll returned.
func (s *Sensor[Q]) Last() Reading[Q] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Counts returns the counters.
func (s *Sensor[Q]) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Poll reads the sensor. A miss returns the last believed reading with its true
// age, until there were more misses in a row than the limits allow.
func (s *Sensor[Q]) Poll(now time.Time) Reading[Q] {
	v, err := s.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Polls++
	if err != nil {
		s.counts.Failed++
		s.doubt = false
	} else if err = s.judge(v, now); err != nil {
		s.counts.Glitches++
	}
	if err == nil {
		s.missed = 0
		s.last = Reading[Q]{Value: v, At: now}
		return s.last
	}
	s.missed++
	if s.last.Err != nil || s.missed > s.limits.misses() {
		s.last = Reading[Q]{At: s.last.At, Err: fmt.Errorf("sensor: %s: %d readings missed, %w: %w", s.name, s.missed, ErrLost, err)}
	}
	return s.last
}

// judge says why v cannot be believed, or nil.
func (s *Sensor[Q]) judge(v Q, now time.Time) error {
	l := s.limits
	if (l.Min != 0 || l.Max != 0) && (v < l.Min || v > l.Max) {
		s.doubt = false
		return fmt.Errorf("%v is outside %v to %v", v, l.Min, l.Max)
	}
	if v != s.raw || s.changed.IsZero() {
		s.raw, s.changed = v, now
	}
	if still := now.Sub(s.changed); l.Still > 0 && still > l.Still {
		return fmt.Errorf("exactly %v for %v: stuck", v, still)
	}
	return s.jump(v)
}

// jump lets a step that is too large wait for a second reading that agrees.
func (s *Sensor[Q]) jump(v Q) error {
	step := s.limits.Step
	if step == 0 || s.last.Valid() && near(v, s.last.Value, step) {
		s.doubt = false
		return nil
	}
	if s.doubt && near(v, s.candidate, step) {
		s.doubt = false
		return nil
	}
	s.candidate, s.doubt = v, true
	if !s.last.Valid() {
		return fmt.Errorf("%v waits to be confirmed", v)
	}
	return fmt.Errorf("%v after %v: more than %v in one step", v, s.last.Value, step)
}

func near[Q Quantity](a, b, step Q) bool { return a-b <= step && b-a <= step }
