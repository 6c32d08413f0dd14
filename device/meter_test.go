package device

import (
	"math"
	"testing"
	"time"
)

func near(got, want float64) bool { return math.Abs(got-want) <= 0.03*want }

func TestMeter(t *testing.T) {
	var m meter
	if r := m.rates(time.Minute); r != (Rates{}) {
		t.Errorf("rates before the beginning %+v", r)
	}
	const begin = 100 * time.Second // connecting took long
	m.begin(begin)
	m.begin(begin + time.Hour)
	at := begin
	run := func(d time.Duration, perSecond float64) {
		for end := at + d; at < end; {
			at += 100 * time.Millisecond
			m.add(perSecond/10, at)
		}
	}
	run(3*time.Second, 1000)
	if r := m.rates(at); !near(r.Seconds5, 1000*30/30) || !near(r.Minutes15, 1000) {
		t.Errorf("after 3 s %+v, want 1000 in all", r)
	}
	run(117*time.Second, 1000)
	if r := m.rates(at); !near(r.Seconds5, 1000) || !near(r.Minute1, 1000) || !near(r.Minutes15, 1000) {
		t.Errorf("after 2 m %+v, want 1000 in all", r)
	}
	run(30*time.Second, 3000)
	if r := m.rates(at); !near(r.Seconds5, 3000) || !near(r.Minute1, 2000) || !near(r.Minutes15, 1400) {
		t.Errorf("after 30 s at 3000 %+v, want 3000, 2000, 1400", r)
	}
	at += 30 * time.Second // silence
	if r := m.rates(at); r.Seconds5 != 0 || !near(r.Minute1, 1500) {
		t.Errorf("after 30 s of silence %+v, want 0 and 1500", r)
	}
	at += time.Hour
	if r := m.rates(at); r != (Rates{}) {
		t.Errorf("after an hour of silence %+v", r)
	}
	run(20*time.Minute, 500)
	if r := m.rates(at); !near(r.Minutes15, 500) {
		t.Errorf("after 20 m at 500 %+v", r)
	}
}

// A clock that goes back neither loses nor invents hashes.
func TestMeterClockGoesBack(t *testing.T) {
	var m meter
	m.begin(0)
	m.add(100, 10*time.Second)
	m.add(100, 5*time.Second)
	if r := m.rates(20 * time.Second); r.Minute1 != 10 {
		t.Errorf("rates %+v, want 200 hashes in 20 s", r)
	}
	if r := m.rates(time.Second); math.IsNaN(r.Minute1) || math.IsInf(r.Minute1, 0) || r.Minute1 < 0 {
		t.Errorf("rates in the past %+v", r)
	}
}
