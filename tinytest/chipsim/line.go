package chipsim

import "time"

// Hear takes bytes that a host outside this process has written, with the rate
// at which it wrote them. It does not wait: a pty does not make a writer wait
// for the wire either. before is the rate that was seen last: a byte counts as
// sent at either, because nothing tells when a pty's rate changed. Bytes beyond
// 64 KiB that are not out yet are dropped.
func (p *Port) Hear(b []byte, before, baud int) {
	p.c.do(func(now time.Duration) {
		p.c.atRate(now, before, baud)
		const limit = 64 << 10
		if n := min(len(b), limit-len(p.c.tx.queue)); n > 0 {
			p.c.write(now, b[:n])
		}
	})
}

// AtRate tells the rate that the host listens at.
func (p *Port) AtRate(baud int) {
	p.c.do(func(now time.Duration) { p.c.atRate(now, 0, baud) })
}

func (c *Chain) atRate(now time.Duration, before, baud int) {
	if baud <= 0 { // a kernel, or qemu-user, that does not tell
		c.cfg.AutoBaud = true
		return
	}
	if baud != c.tx.baud {
		c.check.onBaud(now, true, true)
	}
	if baud != c.tx.baud || before != c.tx.other {
		c.trace.event(now, "rate", []int{before, baud})
	}
	c.tx.baud, c.tx.other = baud, before
}
