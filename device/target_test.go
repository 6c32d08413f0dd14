package device

import (
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

func TestReportTarget(t *testing.T) {
	for _, c := range []struct {
		name   string
		rate   float64 // hashes per second
		share  float64 // hashes per share
		hashes float64 // per solution, wanted
	}{
		{"hard shares: 50 solutions a second", 5e6, 1e9, 1e5},
		{"easy shares are solutions", 5e6, 5e4, 5e4},
		{"very easy shares: 200 solutions a second", 5e6, 1, 2.5e4},
		{"a big machine", 1e14, 1e15, 2e12},
		{"a slow one", 100, 1e9, 2},
		{"unknown rate", 0, 1e9, 2e4},
		{"unknown rate, very easy shares", 0, 1, 1},
	} {
		got := reportTarget(c.rate, bitcoin.RateTarget(c.share, 60)).Hashes()
		if got < c.hashes*0.9 || got > c.hashes*1.1+1 {
			t.Errorf("%s: %v hashes a solution, want %v", c.name, got, c.hashes)
		}
	}
}

// The target follows the measured rate, but not with every work.
func TestRetarget(t *testing.T) {
	l := &lane{}
	j := job(1, 1e9)
	at := time.Duration(0)
	l.meter.begin(at)
	l.retarget(hashing.Traits{HashRate: 1e6}, j, at)
	if h := l.target.Hashes(); h < 19000 || h > 21000 {
		t.Fatalf("first target takes %v hashes, want 20000", h)
	}
	for range 60 {
		at += time.Second
		l.meter.add(4e6, at)
		l.tally.Solutions += wishedSolutions
	}
	l.retarget(hashing.Traits{HashRate: 1e6}, j, retargetAfter-1)
	if h := l.target.Hashes(); h > 21000 {
		t.Errorf("target changed too soon, to %v hashes", h)
	}
	l.retarget(hashing.Traits{HashRate: 1e6}, j, at)
	if h := l.target.Hashes(); h < 79000 || h > 84000 || l.credit != h {
		t.Errorf("target takes %v hashes, credit %v; want 80000", h, l.credit)
	}
	fixed := bitcoin.DifficultyOne()
	l.retarget(hashing.Traits{Target: &fixed}, j, at+retargetAfter)
	if l.target != fixed {
		t.Errorf("target %v, want the hardware's", l.target)
	}
}

func TestSeen(t *testing.T) {
	var s seen
	if !s.add(1, bitcoin.Hash{5}) || s.add(1, bitcoin.Hash{5}) {
		t.Error("a hash counts as new twice, or not at all")
	}
	if !s.add(2, bitcoin.Hash{5}) {
		t.Error("the same header of another job is not new")
	}
	// It stays known for thousands of others.
	for i := range 2000 {
		s.add(3, bitcoin.Hash{byte(i), byte(i >> 8), byte(i >> 3), byte(i * 7)})
	}
	if s.add(1, bitcoin.Hash{5}) {
		t.Error("forgotten after 2000 others")
	}
}

func TestEvents(t *testing.T) {
	var e events
	if len(e.list()) != 0 {
		t.Error("events before the first")
	}
	now := time.Now()
	for i := range 200 {
		e.add(now.Add(time.Duration(i)), "x")
	}
	list := e.list()
	if len(list) != len(e.ring) || !list[0].Time.Equal(now.Add(200-64)) || !list[63].Time.Equal(now.Add(199)) {
		t.Errorf("%d events from %v to %v", len(list), list[0].Time.Sub(now), list[len(list)-1].Time.Sub(now))
	}
}
