package board

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/drivers/sensor"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// A FanDriver is one fan output with its tachometer.
type FanDriver interface {
	SetDuty(gpio.Duty) error
	Speed() (physic.Frequency, error)
}

// Fan is a fan of a board.
type Fan struct {
	Name   string
	Driver FanDriver
	// MinDuty is the least share of full duty at which the fan surely turns.
	MinDuty float64
	// MinRPM is what it turns at MinDuty at least; slower means that it is stuck.
	MinRPM float64
}

func (f *Fan) set(share float64) error {
	share = min(1, max(f.MinDuty, share))
	if err := f.Driver.SetDuty(gpio.Duty(share * float64(gpio.DutyMax))); err != nil {
		return fmt.Errorf("board: %s: %w", f.Name, err)
	}
	return nil
}

// Heat is what a place stands: the fans aim at Target, the clock goes down from
// Throttle on, and at Max the power goes off.
type Heat struct{ Target, Throttle, Max Celsius }

// Thermometer is a sensor at a place with limits.
type Thermometer struct {
	Name string
	Heat Heat
	// Chain is the number of the chain whose place it is: it is turned off alone
	// when the place is too hot or cannot be measured. 0: all of them.
	Chain int
	// Live says that it answers only while its chain hashes: a sensor behind the
	// chips. Until then nobody misses it.
	Live bool
	// Fine says that the sensor is finer than its noise: a value that does not
	// move is a sensor that does not.
	Fine   bool
	sensor *sensor.Sensor[physic.Temperature]
}

// believable are temperatures that a place on a board can have, and how fast they
// can change from one poll to the next: a chip whose fan stands gains 8 K a second.
func believable(still time.Duration) sensor.Limits[physic.Temperature] {
	return sensor.Limits[physic.Temperature]{
		Min: physic.ZeroCelsius - 30*physic.Celsius, Max: physic.ZeroCelsius + 150*physic.Celsius,
		Step: 10 * physic.Celsius, Misses: 2, Still: still,
	}
}

// NewThermometer returns a thermometer that calls read. still is how long it may
// show exactly the same before it counts as stuck; 0 for sensors that are coarser
// than their noise.
func NewThermometer(name string, read func() (physic.Temperature, error), heat Heat, still time.Duration) *Thermometer {
	return &Thermometer{Name: name, Heat: heat, Fine: still > 0, sensor: sensor.New(name, read, believable(still))}
}

// Temperature is a reading of a thermometer. Without Err it was measured at At.
type Temperature struct {
	Celsius Celsius
	At      time.Time
	Err     error
}

func (t *Thermometer) poll(now time.Time) Temperature {
	return temperature(t.sensor.Poll(now))
}

func temperature(r sensor.Reading[physic.Temperature]) Temperature {
	if r.Err != nil {
		return Temperature{At: r.At, Err: r.Err}
	}
	return Temperature{Celsius: Celsius(r.Value.Celsius()), At: r.At}
}
