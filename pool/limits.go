package pool

import (
	"net"
	"net/netip"
	"time"
)

// bucket is a token bucket: it lets bursts of a few seconds pass and holds the mean.
type bucket struct {
	tokens float64
	last   time.Time
}

// burst is how many seconds' worth of messages may come at once: a device whose
// first target was far too easy sends that much before vardiff has caught up.
const burst = 5

// take is how long the sender must wait before its next message counts as within
// rate messages a second; 0 as long as the burst is not used up.
func (b *bucket) take(rate float64, now time.Time) time.Duration {
	if b.last.IsZero() || now.Before(b.last) {
		b.last = now
		b.tokens = max(b.tokens, 0)
		if b.tokens == 0 {
			b.tokens = rate * burst
		}
	}
	b.tokens = min(b.tokens+now.Sub(b.last).Seconds()*rate, rate*burst)
	b.last = now
	b.tokens--
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / rate * float64(time.Second))
}

// addresses counts connections by where they come from. The pool's mutex guards it.
type addresses map[netip.Addr]int

// source is what a connection is counted under: an IPv4 address, or the 64 bits of
// an IPv6 address that one customer gets. It is invalid for loopback and for
// connections in memory, which are not counted.
func source(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	switch {
	case ip.IsLoopback():
		return netip.Addr{}
	case ip.Is6():
		p, _ := ip.Prefix(64) // never fails for 64 bits of an IPv6 address
		return p.Addr()
	}
	return ip
}

// enter counts one more from a; it is false at the limit.
func (n addresses) enter(a netip.Addr, limit int) bool {
	if !a.IsValid() {
		return true
	}
	if n[a] >= limit {
		return false
	}
	n[a]++
	return true
}

func (n addresses) leave(a netip.Addr) {
	if !a.IsValid() {
		return
	}
	if n[a]--; n[a] <= 0 {
		delete(n, a)
	}
}
