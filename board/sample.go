package board

import (
	"errors"
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"
)

// Sample is everything that a board can measure, at one moment. Its lists are in
// the order of the board's.
type Sample struct {
	At           time.Time
	Temperatures []Temperature
	Fans         []Speed
	Rails        []PowerReading
}

// Speed is a fan's.
type Speed struct {
	RPM float64
	Err error
}

// PowerReading is a rail's.
type PowerReading struct {
	Power
	Err error
}

// errLate stands for parts that were not asked, because others took too long: a
// controller that answers late must not hide that the board is on fire.
var errLate = errors.New("board: not asked: the parts before it took too long to answer")

// Measure asks every part once. Parts that are not reached within half of Poll have
// an error, so that it takes one slow answer more than that at most.
func (b *Board) Measure(now time.Time) Sample {
	s := Sample{At: now}
	begin := time.Now()
	late := func() bool { return time.Since(begin) > b.Poll/2 }
	for _, t := range b.Thermometers {
		if late() {
			s.Temperatures = append(s.Temperatures, temperature(t.sensor.Last())) // its age tells
			continue
		}
		s.Temperatures = append(s.Temperatures, t.poll(now))
	}
	for _, f := range b.Fans {
		v := Speed{Err: errLate}
		if !late() {
			v = f.speed()
		}
		s.Fans = append(s.Fans, v)
	}
	for _, r := range b.Rails {
		p := PowerReading{Err: errLate}
		if !late() {
			p.Power, p.Err = r.Measure()
		}
		s.Rails = append(s.Rails, p)
	}
	return s
}

func (f *Fan) speed() Speed {
	v, err := f.Driver.Speed()
	return Speed{RPM: float64(v) / float64(physic.Hertz) * 60, Err: err}
}

// Late tells whether parts were not asked, because others took too long.
func (s *Sample) Late() bool {
	late := func(err error) bool { return errors.Is(err, errLate) }
	return slices.ContainsFunc(s.Fans, func(f Speed) bool { return late(f.Err) }) ||
		slices.ContainsFunc(s.Rails, func(r PowerReading) bool { return late(r.Err) })
}

// Silent tells whether no part answered: then it is the controller between us
// and them, not a sensor.
func (s *Sample) Silent() bool {
	for _, t := range s.Temperatures {
		if t.Err == nil && t.At.Equal(s.At) {
			return false
		}
	}
	for _, f := range s.Fans {
		if f.Err == nil {
			return false
		}
	}
	for _, r := range s.Rails {
		if r.Err == nil {
			return false
		}
	}
	return true
}
