package device

import (
	"testing"
	"time"
)

// A claim follows the clocks at once, and what was measured once they have stood still.
func TestClaim(t *testing.T) {
	type step struct {
		at     time.Duration
		pace   pace
		mining bool
		want   float64 // told
	}
	for _, c := range []struct {
		name  string
		full  float64
		steps []step
	}{
		{"nothing is declared yet", 1000, []step{{0, pace{}, false, 1000}, {time.Hour, pace{}, true, 1000}}},
		{"the clock walks", 1000, []step{
			{0, pace{declared: 115}, false, 250}, {time.Second, pace{declared: 240}, true, 250},
			{2 * time.Second, pace{declared: 400}, true, 400}, {3 * time.Second, pace{declared: 440}, true, 400},
			{4 * time.Second, pace{declared: 600, rate: 100, solutions: 200}, true, 600},
			{9 * time.Second, pace{declared: 1000, rate: 700, solutions: 500}, true, 1000},
			{18 * time.Second, pace{declared: 1000, rate: 900, solutions: 599}, true, 1000}, // too few of this clock
			{19 * time.Second, pace{declared: 1000, rate: 800, solutions: 600}, true, 800},
			{25 * time.Second, pace{declared: 1000, rate: 1000, solutions: 2000}, true, 800}, // was measured just now
			{30 * time.Second, pace{declared: 1000, rate: 1000, solutions: 2500}, true, 1000},
		}},
		{"what was proved holds at other clocks", 1000, []step{
			{0, pace{declared: 1000}, true, 1000}, {10 * time.Second, pace{declared: 1000, rate: 500, solutions: 100}, true, 500},
			{11 * time.Second, pace{declared: 500, rate: 500, solutions: 110}, true, 250},
			{12 * time.Second, pace{declared: 800, rate: 480, solutions: 120}, true, 400},
		}},
		{"a pause is not measured", 1000, []step{
			{0, pace{declared: 1000}, true, 1000}, {10 * time.Second, pace{declared: 1000, rate: 1000, solutions: 100}, true, 1000},
			{40 * time.Second, pace{declared: 1000, rate: 500, solutions: 250}, false, 1000},
			{49 * time.Second, pace{declared: 1000, rate: 400, solutions: 400}, true, 1000},
			{50 * time.Second, pace{declared: 1000, rate: 2000, solutions: 410}, true, 2000},
		}},
		{"nobody says a rate", 0, []step{
			{0, pace{}, true, 0}, {9 * time.Second, pace{rate: 70, solutions: 900}, true, 0}, {10 * time.Second, pace{rate: 80, solutions: 1000}, true, 80},
		}},
		{"far less than expected", 1000, []step{
			{0, pace{declared: 1000}, true, 1000}, {10 * time.Second, pace{declared: 1000, rate: 10, solutions: 100}, true, 10},
		}},
		{"clocks are low for good", 1000, []step{
			{0, pace{declared: 100}, true, 250}, {10 * time.Second, pace{declared: 100, rate: 100, solutions: 100}, true, 100},
		}},
		{"hashers leave for another channel", 1000, []step{
			{0, pace{declared: 1000, solutions: 500}, true, 1000}, {11 * time.Second, pace{solutions: 0}, true, 1000},
			{12 * time.Second, pace{declared: 1000, rate: 100, solutions: 510}, true, 1000},
		}},
	} {
		start := time.Unix(1e9, 0)
		claim := claim{full: c.full, told: c.full}
		for _, s := range c.steps {
			was := claim.told
			if told := claim.look(s.pace, s.mining, start.Add(s.at)); claim.told != s.want || told != (was != s.want) {
				t.Errorf("%s, after %v: %g, told %v; want %g", c.name, s.at, claim.told, told, s.want)
			}
		}
	}
}
