package sensor_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/sensor"
)

const celsius = physic.Celsius

func at(degrees int64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(degrees)*celsius
}

var limits = sensor.Limits[physic.Temperature]{Min: at(-40), Max: at(125), Step: 20 * celsius}

// play polls once a second; a value of 999 is a bus error. It returns what each
// poll gave, "-" for an error, with the age in seconds after a slash if it is not 0.
func play(l sensor.Limits[physic.Temperature], values ...int64) (got []string, last sensor.Reading[physic.Temperature], c sensor.Counts) {
	start := time.Unix(1000, 0)
	i := 0
	s := sensor.New("chip", func() (physic.Temperature, error) {
		v := values[i]
		if v == 999 {
			return 0, errors.New("no acknowledge")
		}
		return at(v), nil
	}, l)
	for ; i < len(values); i++ {
		now := start.Add(time.Duration(i) * time.Second)
		r := s.Poll(now)
		text := "-"
		if r.Valid() {
			text = fmt.Sprint(int64(r.Value-physic.ZeroCelsius) / int64(celsius))
			if age := r.Age(now); age > 0 {
				text += fmt.Sprintf("/%d", age/time.Second)
			}
		}
		got = append(got, text)
	}
	return got, s.Last(), s.Counts()
}

func TestPoll(t *testing.T) {
	still := limits
	still.Still = 2 * time.Second
	for _, test := range []struct {
		name   string
		limits sensor.Limits[physic.Temperature]
		in     []int64
		want   string
	}{
		{"the first value needs a second", limits, []int64{40, 41, 42}, "[- 41 42]"},
		{"without limits all is believed", sensor.Limits[physic.Temperature]{}, []int64{-200, 500}, "[-200 500]"},
		{"a glitch is held back", limits, []int64{40, 41, 90, 42}, "[- 41 41/1 42]"},
		{"a real jump is believed at its second reading", limits, []int64{40, 41, 90, 91}, "[- 41 41/1 91]"},
		{"two glitches that disagree", limits, []int64{40, 41, 90, 0, 41}, "[- 41 41/1 41/2 41]"},
		{"out of range", limits, []int64{40, 41, 127, 127, 127, 127}, "[- 41 41/1 41/2 - -]"},
		{"lost after two misses, never an old value", limits, []int64{40, 41, 999, 999, 999, 999}, "[- 41 41/1 41/2 - -]"},
		{"back after it was lost", limits, []int64{40, 41, 999, 999, 999, 42, 42}, "[- 41 41/1 41/2 - - 42]"},
		{"runaway is an alarm too", limits, []int64{40, 41, 62, 84, 106, 128}, "[- 41 41/1 41/2 - -]"},
		{"stuck", still, []int64{40, 41, 41, 41, 41, 41, 41, 41}, "[- 41 41 41 41/1 41/2 - -]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _, _ := play(test.limits, test.in...)
			if fmt.Sprint(got) != test.want {
				t.Errorf("polls gave %v, want %v", got, test.want)
			}
		})
	}
}

func TestLostReading(t *testing.T) {
	_, last, counts := play(limits, 40, 41, 999, 90, 999)
	if !errors.Is(last.Err, sensor.ErrLost) || last.Value != 0 || last.Valid() {
		t.Errorf("lost reading = %+v", last)
	}
	if last.At != time.Unix(1001, 0) {
		t.Errorf("last believed at %v, want second 1001", last.At)
	}
	if want := (sensor.Counts{Polls: 5, Failed: 2, Glitches: 2}); counts != want {
		t.Errorf("counts = %+v, want %+v", counts, want)
	}
}

func TestGet(t *testing.T) {
	now := time.Unix(1000, 0)
	r := sensor.Reading[physic.Temperature]{Value: at(40), At: now.Add(-time.Second)}
	if v, err := r.Get(now, 2*time.Second); err != nil || v != at(40) {
		t.Errorf("Get = %v, %v", v, err)
	}
	if v, err := r.Get(now, time.Second/2); !errors.Is(err, sensor.ErrLost) || v != 0 {
		t.Errorf("old reading: Get = %v, %v", v, err)
	}
	var none sensor.Reading[physic.Temperature]
	if _, err := none.Get(now, time.Hour); !errors.Is(err, sensor.ErrLost) || none.Valid() {
		t.Errorf("zero reading: Get error %v", err)
	}
	fresh := sensor.New("chip", nil, limits)
	if _, err := fresh.Last().Get(now, time.Hour); !errors.Is(err, sensor.ErrLost) {
		t.Errorf("before the first poll: %v", err)
	}
}

func ExampleSensor() {
	degrees := []physic.Temperature{at(61), at(61), at(127), at(62)}
	chip := func() (physic.Temperature, error) {
		v := degrees[0]
		degrees = degrees[1:]
		return v, nil
	}
	s := sensor.New("board 1 inlet", chip, sensor.Limits[physic.Temperature]{
		Min: at(-40), Max: at(125), Step: 10 * physic.Celsius,
	})
	now := time.Unix(0, 0)
	for range 4 {
		now = now.Add(time.Second)
		if v, err := s.Poll(now).Get(now, 2*time.Second); err != nil {
			fmt.Println(err)
		} else {
			fmt.Println(v, "measured", s.Last().Age(now), "ago")
		}
	}
	// Output:
	// sensor: board 1 inlet: 1 readings missed, sensor lost: 61°C waits to be confirmed
	// 61°C measured 0s ago
	// 61°C measured 1s ago
	// 62°C measured 0s ago
}
