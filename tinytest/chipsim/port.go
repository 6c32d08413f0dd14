package chipsim

import (
	"io"
	"os"
	"sync"
	"time"
)

// A Port is the host's end of the line in this process. Reading is for one
// goroutine, the rest for any.
type Port struct {
	c        *Chain
	mu       sync.Mutex
	deadline time.Time
	closed   bool
}

// Port opens the line. A chain has one host; a second Port shares the first's
// bytes.
func (c *Chain) Port() *Port { return &Port{c: c} }

// hostFIFO is how many bytes a Linux tty takes before Write waits.
const hostFIFO = 4096

func (p *Port) state() (deadline time.Time, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deadline, p.closed
}

// Read waits for at least one byte, until the deadline: os.ErrDeadlineExceeded.
func (p *Port) Read(b []byte) (int, error) {
	for {
		deadline, closed := p.state()
		if closed {
			return 0, io.ErrClosedPipe
		}
		n, wait := p.c.poll(b)
		if n > 0 || len(b) == 0 {
			return n, nil
		}
		if !deadline.IsZero() {
			left := time.Until(deadline)
			if left <= 0 {
				return 0, os.ErrDeadlineExceeded
			}
			wait = min(wait, left)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-p.c.kick:
			t.Stop()
		}
	}
}

// poll reads what is there; if nothing is, wait is how long to sleep.
func (c *Chain) poll(b []byte) (n int, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance(c.clock())
	if n = c.rx.read(b); n > 0 {
		return n, 0
	}
	return 0, c.real(c.nextRead(c.now+time.Second) - c.now)
}

// Write queues bytes as a tty does: it waits only while 4096 are on their way.
func (p *Port) Write(b []byte) (done int, err error) {
	for len(b) > 0 {
		if _, closed := p.state(); closed {
			return done, io.ErrClosedPipe
		}
		n, wait := 0, time.Duration(0)
		p.c.do(func(now time.Duration) {
			if n = min(len(b), hostFIFO-len(p.c.tx.queue)); n > 0 {
				p.c.write(now, b[:n])
			} else {
				wait = p.c.tx.queue[0].at - now
			}
		})
		if b, done = b[n:], done+n; n == 0 {
			time.Sleep(p.c.real(wait))
		}
	}
	return done, nil
}

func (c *Chain) write(now time.Duration, b []byte) {
	if c.cfg.AutoBaud && len(c.groups) > 0 {
		c.tx.baud = int(c.groups[0].baud)
	}
	c.trace.event(now, "tx", hexBytes(b))
	c.tx.write(now, b)
}

// SetReadDeadline ends Read at t; zero means never.
func (p *Port) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	p.deadline = t
	p.mu.Unlock()
	p.c.do(func(time.Duration) {})
	return nil
}

// SetBaud waits until all written bytes are out, changes the host's rate, and
// drops what has not been read.
func (p *Port) SetBaud(baud int) error {
	for {
		var wait time.Duration
		p.c.do(func(now time.Duration) {
			if len(p.c.tx.queue) > 0 {
				wait = p.c.tx.free - now
				return
			}
			p.c.switchBaud(now, baud, true)
		})
		if wait == 0 {
			return nil
		}
		time.Sleep(p.c.real(wait))
	}
}

// SwitchBaud changes the rate at once, as a careless host does: bytes on their
// way leave at the rate they were queued with, and input is kept.
func (p *Port) SwitchBaud(baud int) {
	p.c.do(func(now time.Duration) { p.c.switchBaud(now, baud, false) })
}

// Flush drops what has not been read.
func (p *Port) Flush() { p.c.do(func(time.Duration) { p.c.rx.host = p.c.rx.host[:0] }) }

func (c *Chain) switchBaud(now time.Duration, baud int, flush bool) {
	c.trace.event(now, "baud", []any{baud, flush})
	if baud != c.tx.baud {
		c.check.onBaud(now, len(c.tx.queue) == 0, flush)
	}
	c.tx.baud, c.tx.other = baud, 0
	if flush {
		c.rx.host = c.rx.host[:0]
	}
}

// Close ends a Read that waits.
func (p *Port) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.c.do(func(time.Duration) {})
	return nil
}
