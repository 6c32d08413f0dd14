package device

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/lodefw/lode/board"
)

// The fan speeds up above the target, slows down well below it, and holds still in
// between; what it does not know it cools with all it has.
func TestFanControl(t *testing.T) {
	for _, c := range []struct {
		name   string
		margin board.Celsius
		known  bool
		from   float64
		want   float64 // after ten seconds
	}{
		{"5 K too warm", -5, true, 0.4, 0.9},
		{"far too warm", -50, true, 0.4, 1},
		{"at its target", 0, true, 0.4, 0.4},
		{"in the band", 3.9, true, 0.4, 0.4},
		{"cool", 4.1, true, 0.4, 0.3},
		{"cold", 40, true, 0.05, 0},
		{"not known", 40, false, 0.1, 1},
	} {
		now := time.Unix(0, 0)
		f := fanControl{duty: c.from, at: now}
		for range 40 {
			now = now.Add(250 * time.Millisecond)
			f.next(c.margin, c.known, now)
		}
		if math.Abs(f.duty-c.want) > 1e-9 {
			t.Errorf("%s: duty %v, want %v", c.name, f.duty, c.want)
		}
	}
	f := fanControl{duty: 0.5, at: time.Unix(1000, 0)}
	if d := f.next(-10, true, time.Unix(10, 0)); d != 0.5 {
		t.Errorf("a clock that went back moves the fan to %v", d)
	}
}

func TestThrottleSteps(t *testing.T) {
	now := time.Unix(0, 0)
	th := throttle{share: 1, moved: now.Add(-time.Hour)}
	run := func(margin board.Celsius, d time.Duration) {
		for end := now.Add(d); now.Before(end); now = now.Add(300 * time.Millisecond) {
			th.next(margin, now)
		}
	}
	for _, s := range []struct {
		margin board.Celsius
		d      time.Duration
		want   float64
		why    string
	}{
		{-3, 600 * time.Millisecond, 1, "two samples are no heat"},
		{1, 300 * time.Millisecond, 1, "and are forgotten"},
		{-3, 900 * time.Millisecond, 0.9, "three are"},
		{-3, 7 * time.Second, 0.9, "a step takes a while to show"},
		{-3, 2 * time.Second, 0.8, "then comes another"},
		{2, 5 * time.Minute, 0.8, "barely below the limit is not cool"},
		{5, 19 * time.Second, 0.8, "cool for a moment"},
		{5, 2 * time.Second, 0.85, "cool for long enough"},
		{5, 61 * time.Second, 1, "step by step to the full clock"},
		{-9, 10 * time.Minute, throttleLeast, "and never below the least"},
	} {
		run(s.margin, s.d)
		if math.Abs(th.share-s.want) > 1e-9 {
			t.Fatalf("%s: share %v, want %v", s.why, th.share, s.want)
		}
	}
}

func TestPowerText(t *testing.T) {
	for p := PowerOff; p <= PowerFault; p++ {
		text, err := json.Marshal(BoardStatus{Power: p})
		if err != nil {
			t.Fatal(err)
		}
		var got BoardStatus
		if err := json.Unmarshal(text, &got); err != nil || got.Power != p {
			t.Errorf("%v became %v in %s: %v", p, got.Power, text, err)
		}
	}
	p := PowerMining
	if p.UnmarshalText([]byte("on fire")); p != PowerFault {
		t.Errorf("an unknown state is %v", p)
	}
}
