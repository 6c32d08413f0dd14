package pool

import (
	"net"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	var b bucket
	now := time.Unix(1000, 0)
	for i := range 10 * burst {
		if wait := b.take(10, now); wait != 0 {
			t.Fatalf("message %d of a burst waits %v", i, wait)
		}
	}
	if wait := b.take(10, now); wait != 100*time.Millisecond {
		t.Errorf("the next waits %v, want 100ms", wait)
	}
	if wait := b.take(10, now.Add(time.Hour)); wait != 0 {
		t.Errorf("after an hour one waits %v", wait)
	}
	if wait := b.take(10, now); wait != 0 {
		t.Errorf("with a clock set back one waits %v", wait)
	}
}

func TestAddresses(t *testing.T) {
	at := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1234} }
	n := addresses{}
	for _, c := range []struct {
		ip string
		ok bool
	}{
		{"10.0.0.1", true}, {"10.0.0.1", true}, {"10.0.0.1", false}, {"10.0.0.2", true},
		{"2001:db8::1", true}, {"2001:db8::2", true}, {"2001:db8::3", false}, {"2001:db8:0:1::1", true},
		{"127.0.0.1", true}, {"127.0.0.1", true}, {"127.0.0.1", true}, {"::1", true}, {"::1", true}, {"::1", true},
	} {
		if ok := n.enter(source(at(c.ip)), 2); ok != c.ok {
			t.Errorf("%s: %v, want %v", c.ip, ok, c.ok)
		}
	}
	n.leave(source(at("10.0.0.1")))
	if !n.enter(source(at("10.0.0.1")), 2) {
		t.Error("10.0.0.1 left once and may not come back")
	}
	for _, ip := range []string{"10.0.0.1", "10.0.0.1", "10.0.0.2", "2001:db8::9", "2001:db8::9", "2001:db8:0:1::1", "127.0.0.1"} {
		n.leave(source(at(ip)))
	}
	if len(n) != 0 {
		t.Errorf("%v are left", n)
	}
}

func TestHashRate(t *testing.T) {
	start := time.Unix(10_000, 0)
	m := newMeter(start)
	for i := range 120 {
		m.accept(start.Add(time.Duration(i)*10*time.Second), 10e6)
	}
	var s Status
	m.fill(&s, start.Add(1200*time.Second))
	if s.HashRate < 0.95e6 || s.HashRate > 1.05e6 || s.Accepted != 120 {
		t.Errorf("1 MH/s shows as %v after %d shares", s.HashRate, s.Accepted)
	}
	if s.Difficulty < 0.279 || s.Difficulty > 0.280 { // 1.2e9 hashes
		t.Errorf("difficulty %v credited", s.Difficulty)
	}
	m.fill(&s, start.Add(2400*time.Second))
	if s.HashRate != 0 {
		t.Errorf("after 20 quiet minutes the rate is %v", s.HashRate)
	}
}
