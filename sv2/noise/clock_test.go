package noise

import (
	"errors"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestClock(t *testing.T) {
	built := at("2026-11-01T00:00:00Z")
	cert := Certificate{ValidFrom: unix(at("2026-11-20T12:00:00Z")), NotValidAfter: unix(at("2026-11-20T13:00:00Z"))}
	boot := time.Unix(100, 0)
	for _, c := range []struct {
		name    string
		clock   Clock
		now     time.Time
		pending bool
		want    error
	}{
		{"in the middle", Clock{Built: built}, at("2026-11-20T12:30:00Z"), false, nil},
		{"first second", Clock{Skew: -1}, at("2026-11-20T12:00:00Z"), false, nil},
		{"last second", Clock{Skew: -1}, at("2026-11-20T13:00:00Z"), false, nil},
		{"end of the last second", Clock{Skew: -1}, at("2026-11-20T13:00:00Z").Add(time.Second - 1), false, nil},
		{"a moment early", Clock{Skew: -1}, at("2026-11-20T12:00:00Z").Add(-1), false, ErrNotYetValid},
		{"a second late", Clock{Skew: -1}, at("2026-11-20T13:00:01Z"), false, ErrExpired},
		{"early within the skew", Clock{}, at("2026-11-20T11:59:50Z"), false, nil},
		{"early beyond the skew", Clock{}, at("2026-11-20T11:59:49Z"), false, ErrNotYetValid},
		{"late within the skew", Clock{}, at("2026-11-20T13:00:10Z"), false, nil},
		{"late beyond the skew", Clock{}, at("2026-11-20T13:00:11Z"), false, ErrExpired},
		{"wide skew", Clock{Skew: time.Hour}, at("2026-11-20T14:00:00Z"), false, nil},
		{"without a build time 1970 is a time", Clock{}, boot, false, ErrNotYetValid},
		{"clock not set", Clock{Built: built}, boot, true, nil},
		{"clock not set, strict", Clock{Built: built, Strict: true}, boot, false, ErrClock},
		{"clock set, strict", Clock{Built: built, Strict: true}, at("2026-11-20T12:30:00Z"), false, nil},
		{"just before the build", Clock{Built: built}, built.Add(-1), true, nil},
		{"at the build", Clock{Built: built}, built, false, ErrNotYetValid},
		{"saved time before it", Clock{Built: built, Saved: at("2026-11-19T00:00:00Z")}, boot, true, nil},
		{"saved time within", Clock{Built: built, Saved: at("2026-11-20T12:30:00Z")}, boot, true, nil},
		{"saved time past it", Clock{Built: built, Saved: at("2026-11-21T00:00:00Z")}, boot, true, ErrExpired},
	} {
		pending, err := c.clock.Check(cert, c.now)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || pending != c.pending {
			t.Errorf("%s: Check = %v, %v, want %v, %v", c.name, pending, err, c.pending, c.want)
		}
	}
}

func TestClockLater(t *testing.T) {
	cert := Certificate{ValidFrom: unix(at("2026-11-20T12:00:00Z")), NotValidAfter: unix(at("2026-11-20T13:00:00Z"))}
	for _, c := range []struct {
		name  string
		clock Clock
		known time.Time
		want  error
	}{
		{"within", Clock{}, at("2026-11-20T12:30:00Z"), nil},
		{"the last block is an hour old", Clock{}, at("2026-11-20T11:00:00Z"), nil},
		{"too old to be true", Clock{}, at("2026-11-20T09:59:59Z"), ErrNotYetValid},
		{"no lag allowed", Clock{Lag: -1, Skew: -1}, at("2026-11-20T11:59:59Z"), ErrNotYetValid},
		{"no lag allowed, but skew", Clock{Lag: -1}, at("2026-11-20T11:59:55Z"), nil},
		{"past it", Clock{}, at("2026-11-20T13:00:11Z"), ErrExpired},
		{"saved time is later", Clock{Saved: at("2026-11-20T14:00:00Z")}, at("2026-11-20T12:30:00Z"), ErrExpired},
		{"saved time is earlier", Clock{Saved: at("2026-11-01T00:00:00Z")}, at("2026-11-20T12:30:00Z"), nil},
		{"known time is later", Clock{Saved: at("2026-11-20T12:00:00Z")}, at("2026-11-20T14:00:00Z"), ErrExpired},
	} {
		if err := c.clock.CheckLater(cert, c.known); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: CheckLater = %v, want %v", c.name, err, c.want)
		}
	}
}
