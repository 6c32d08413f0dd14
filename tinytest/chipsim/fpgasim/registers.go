package fpgasim

import (
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// Window is one of the core's four windows of registers.
type Window struct {
	c *Core
	n int
}

// The windows, in the order of their addresses.
const (
	common = iota
	command
	workRx
	workTx
)

// Common is the window with version, baud rate and work time.
func (c *Core) Common() Window { return Window{c, common} }

// Command is the window of commands and their answers.
func (c *Core) Command() Window { return Window{c, command} }

// WorkRx is the window of solutions.
func (c *Core) WorkRx() Window { return Window{c, workRx} }

// WorkTx is the window of works.
func (c *Core) WorkTx() Window { return Window{c, workTx} }

const controlEnable = 1 << 3

// Bits of the status registers.
const (
	rxEmpty = 1 << iota
	rxFull
	txEmpty
	txFull
	pending
)

// Read32 reads a register.
func (w Window) Read32(offset uint32) (v uint32) {
	w.c.chain.Access(func(l chipsim.Line) {
		w.c.mu.Lock()
		defer w.c.mu.Unlock()
		if w.c.stopped {
			return
		}
		w.c.hear(l)
		v = w.read(l, offset)
	})
	return v
}

func (w Window) read(l chipsim.Line, offset uint32) uint32 {
	c := w.c
	switch uint32(w.n)<<12 | offset {
	case 0x0000:
		return c.cfg.Version
	case 0x0004:
		return c.cfg.Build
	case 0x0008:
		return c.control
	case 0x0010:
		return c.baud
	case 0x0014:
		return c.workTime
	case 0x0018:
		return c.errors
	case 0x1000:
		return c.commandRx.pop()
	case 0x100c:
		busy := l.Now() < c.commandFree
		return c.commandRx.status(commandRxSize) | flag(!busy, txEmpty)
	case 0x2000:
		return c.workRx.pop()
	case 0x200c:
		return c.workRx.status(workRxSize)
	case 0x300c:
		n := c.waiting()
		return flag(n == 0, txEmpty) | flag(n >= workTxSize, txFull) | flag(n == 0 || n < int(c.threshold), pending)
	case 0x3010:
		return c.threshold
	case 0x3014:
		return c.lastID
	}
	return 0
}

func (f *fifo) status(size int) uint32 {
	return flag(len(f.words) == 0, rxEmpty) | flag(len(f.words) >= size, rxFull) | flag(f.pending, pending)
}

func flag(on bool, bit uint32) uint32 {
	if on {
		return bit
	}
	return 0
}

// waiting is how many words are in the work FIFO.
func (c *Core) waiting() int {
	n := len(c.words)
	for i := range c.works {
		n += len(c.works[i].words)
	}
	return n
}

// Write32 writes a register.
func (w Window) Write32(offset, v uint32) {
	if w.n == workTx && offset == 0x04 {
		w.c.addWork(v)
		return
	}
	w.c.chain.Access(func(l chipsim.Line) {
		w.c.mu.Lock()
		defer w.c.mu.Unlock()
		if !w.c.stopped {
			w.c.hear(l)
			w.write(l, offset, v)
		}
	})
	w.c.chain.Kick()
}

func (w Window) write(l chipsim.Line, offset, v uint32) {
	c := w.c
	switch uint32(w.n)<<12 | offset {
	case 0x0008:
		c.setControl(v)
	case 0x0010:
		c.baud = v & 0xfff
		if l.Free() > l.Now() {
			c.report("baud rate changed while bytes are sent")
		}
		l.SetBaud(int(1/(8*tick.Seconds()*float64(c.baud+1)) + 0.5))
	case 0x0014:
		c.workTime = max(1, v&0xffffff)
	case 0x1004:
		c.addCommand(l, v)
	case 0x1008, 0x2008, 0x3008:
		w.setFIFO(v)
	case 0x3010:
		c.threshold = v & 0x7ff
	}
}

func (c *Core) setControl(v uint32) {
	if v&1 != 0 {
		c.errors = 0
	}
	if (v^c.control)>>1&3 != 0 && c.waiting() > 0 {
		c.report("number of midstates changed with %d words of works waiting", c.waiting())
	}
	c.control = v &^ 1
	if v&controlEnable == 0 {
		c.reset()
	}
}

func (w Window) setFIFO(v uint32) {
	c := w.c
	c.irq[w.n] = v&4 != 0
	if v&1 != 0 && w.n == command {
		c.commandRx = fifo{}
	}
	if v&1 != 0 && w.n == workRx {
		c.workRx = fifo{}
	}
	if v&2 != 0 && w.n == command {
		c.commandTx = nil
	}
	if v&2 != 0 && w.n == workTx {
		c.words, c.works = nil, nil
	}
}

// addCommand sends a command once its words are complete: at once, or behind the
// work that is being sent.
func (c *Core) addCommand(l chipsim.Line, v uint32) {
	if !c.enabled() {
		c.report("command %08x while the core is off", v)
		return
	}
	c.commandTx = append(c.commandTx, v)
	if f := commandFrame(c.commandTx); f != nil {
		l.Write(f)
		c.commandTx, c.commandFree = nil, l.Free()
	}
}

// addWork takes a word of a work. It does not bring the chain up to date: there are
// 36 of them in each work.
func (c *Core) addWork(v uint32) {
	if c.take(v, c.chain.Clock()) {
		c.chain.Kick()
	}
}

// take is true when the word ends the only work.
func (c *Core) take(v uint32, now time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stopped:
		return false
	case !c.enabled():
		c.report("work %08x while the core is off", v)
		return false
	case len(c.words) == 0 && c.waiting() >= workTxSize-c.workWords():
		c.report("work FIFO is full")
		return false
	}
	c.words = append(c.words, v)
	if len(c.words) < c.workWords() {
		return false
	}
	if low := c.words[0] & (1<<c.shift() - 1); low != 0 {
		c.report("work id %04x has low bits, of midstates", c.words[0])
	}
	c.works = append(c.works, work{now, c.words})
	c.words = nil
	return len(c.works) == 1
}

// Wait waits until the window's interrupt is there, for limit at most.
func (w Window) Wait(limit time.Duration) error {
	if w.n == workRx {
		w.c.keepers.Add(1)
		defer w.c.keepers.Add(-1)
	}
	for end := time.Now().Add(limit); !w.interrupt(); {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if w.n == command && w.c.keepers.Load() > 0 {
			w.c.sleep(left)
		} else {
			w.c.chain.Wait(left)
		}
	}
	return nil
}

// sleep lets who waits for solutions keep the chain going.
func (c *Core) sleep(limit time.Duration) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.answered:
	}
}

// interrupt is the state of the window's line.
func (w Window) interrupt() (on bool) {
	status := w.Read32(0x0c)
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	return w.c.irq[w.n] && status&pending != 0
}
