package chipsim

import "time"

// A Host is hardware at the host's end of the line that acts by itself: an FPGA
// core that sends jobs at its own pace. It lives in the chain's time, and is called
// with the chain's lock held.
type Host interface {
	// Next is when it acts next, Never if it has nothing to do.
	Next() time.Duration
	// Act does what is due now; Next must be later after it.
	Act(l Line)
}

// Never is later than anything that a Host does.
const Never = never

// Line is the host's end of the wire at one moment.
type Line struct{ c *Chain }

// Now is the chain's time.
func (l Line) Now() time.Duration { return l.c.now }

// Write queues bytes behind those that are on their way.
func (l Line) Write(b []byte) { l.c.write(l.c.now, b) }

// Free is when all that was written is out.
func (l Line) Free() time.Duration { return max(l.c.tx.free, l.c.now) }

// Read takes what has arrived, without waiting.
func (l Line) Read(b []byte) int {
	l.c.rx.deliver(l.c.now, l.c.receive, l.c.received)
	return l.c.rx.read(b)
}

// SetBaud changes the host's rate. What has arrived is read before.
func (l Line) SetBaud(baud int) { l.c.switchBaud(l.c.now, baud, true) }

// AttachHost lets hardware act at the host's end.
func (c *Chain) AttachHost(h Host) { c.do(func(time.Duration) { c.host = h }) }

func (c *Chain) hostNext() time.Duration {
	if c.host == nil {
		return never
	}
	return max(c.host.Next(), c.now)
}

// Access runs f with the chain up to date and locked. Who sleeps in Wait or Read is
// not woken: see Kick.
func (c *Chain) Access(f func(l Line)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(c.clock())
	f(Line{c})
}

// Clock is the chain's time, of a chain that need not be up to date.
func (c *Chain) Clock() time.Duration { return c.clock() }

// Kick wakes who sleeps in Wait or Read, to look again.
func (c *Chain) Kick() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Wait sleeps until there may be something to read, for limit at most.
func (c *Chain) Wait(limit time.Duration) {
	c.mu.Lock()
	c.advance(c.clock())
	wait := c.real(c.nextRead(c.now+never/4) - c.now)
	c.mu.Unlock()
	t := time.NewTimer(min(wait, limit))
	select {
	case <-t.C:
	case <-c.kick:
		t.Stop()
	}
}
