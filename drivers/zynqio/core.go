package zynqio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/hashing/sha256d"
)

// Core is the core of one chain. One goroutine at a time may write, one may Read
// and one wait for a Solution.
type Core struct {
	w     Windows
	baud  int
	ready int           // jobs that are known to have room
	shift atomic.Uint32 // log2 of the midstates

	answer [7]byte // the rest of one that was not read
	rest   []byte

	mu       sync.Mutex
	deadline time.Time
}

// New looks whether the core is one that is known, and starts it with empty FIFOs.
func New(w Windows) (*Core, error) {
	c := &Core{w: w}
	if err := c.there(); err != nil {
		return nil, err
	}
	w.Common.Write32(regControl, 0) // the hard reset of all FIFOs
	w.Common.Write32(regControl, controlEnable|controlClear)
	w.Command.Write32(regFIFO, fifoResetRx|fifoResetTx)
	w.Command.Write32(regFIFO, fifoIRQ)
	w.WorkRx.Write32(regFIFO, fifoResetRx)
	w.WorkRx.Write32(regFIFO, fifoIRQ)
	w.WorkTx.Write32(regFIFO, fifoResetTx)
	return c, nil
}

// check refuses cores that are not the one this package was written for.
func check(v, build uint32) error {
	switch {
	case build < oldest || build >= 1<<31:
		return fmt.Errorf("zynqio: the FPGA has no core of zynq-io-am1-s9: its build is %#x, want a Unix time; load that bitstream (stock firmware has another)", build)
	case v&versionMask != version:
		return fmt.Errorf("zynqio: the core is %s, built %s, want %s: load that bitstream",
			versionText(v), time.Unix(int64(build), 0).UTC().Format(time.DateOnly), versionText(version))
	}
	return nil
}

func versionText(v uint32) string {
	return fmt.Sprintf("%d.%d.%d of model %02x", v>>12&15, v>>8&15, v&0xff, v>>20&0xff)
}

// there looks whether the core still is.
func (c *Core) there() error {
	return check(c.w.Common.Read32(regVersion), c.w.Common.Read32(regBuild))
}

// Build is when the bitstream was made.
func (c *Core) Build() time.Time { return time.Unix(int64(c.w.Common.Read32(regBuild)), 0).UTC() }

// BadFrames is how many frames from the chips the core has dropped, for their CRC
// or because nobody emptied its FIFOs.
func (c *Core) BadFrames() uint64 { return uint64(c.w.Common.Read32(regErrors)) }

// SetReadDeadline is for Read and Solution; they see it within 50 ms.
func (c *Core) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return nil
}

// wait returns once the window's receive FIFO has something, or the deadline has
// passed.
func (c *Core) wait(w Window) error {
	for w.Read32(regStatus)&statusRxEmpty != 0 {
		c.mu.Lock()
		until := c.deadline
		c.mu.Unlock()
		limit := sliceOfWait
		if !until.IsZero() {
			limit = min(limit, time.Until(until))
		}
		if limit <= 0 {
			return errTimeout{}
		}
		if err := w.Wait(limit); err != nil {
			return fmt.Errorf("zynqio: %w", err)
		}
	}
	return nil
}

// errTimeout is a read deadline that has passed.
type errTimeout struct{}

func (errTimeout) Error() string { return "zynqio: nothing came in time" }

// Timeout tells it from a core that fails.
func (errTimeout) Timeout() bool { return true }

// errLate is a FIFO that the core does not empty.
var errLate = errors.New("zynqio: the core does not send: is it enabled, and its bitstream still loaded?")

// until waits for bits of a status register, for a second at most.
func until(w Window, mask, want uint32) error {
	for end := time.Now().Add(time.Second); w.Read32(regStatus)&mask != want; {
		if time.Now().After(end) {
			return errLate
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Write sends commands, each with its CRC, which the core makes itself.
func (c *Core) Write(b []byte) (done int, err error) {
	for len(b) > 0 {
		n := 0
		if len(b) > 1 {
			n = int(b[1])
		}
		if n != 5 && n != 9 || len(b) < n {
			return done, fmt.Errorf("zynqio: % x is no command of a BM1387", b)
		}
		for word := 0; word+4 < n; word += 4 {
			if err := until(c.w.Command, statusTxFull, 0); err != nil {
				return done, err
			}
			c.w.Command.Write32(regTxFIFO, binary.LittleEndian.Uint32(b[word:]))
		}
		b, done = b[n:], done+n
	}
	return done, nil
}

// Read returns bytes of the answers to commands, until the read deadline.
func (c *Core) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		if err := c.wait(c.w.Command); err != nil {
			return 0, err
		}
		// Four bytes of the value, then two, nothing, and the CRC.
		first, second := c.w.Command.Read32(regRxFIFO), c.w.Command.Read32(regRxFIFO)
		if first|second == 0 {
			if err := c.there(); err != nil {
				return 0, err
			}
		}
		binary.LittleEndian.PutUint32(c.answer[:], first)
		binary.LittleEndian.PutUint16(c.answer[4:], uint16(second))
		c.answer[6] = byte(second >> 24)
		c.rest = c.answer[:]
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// SetBaud waits until all commands have left, switches the rate, and drops answers
// that were not read.
func (c *Core) SetBaud(baud int) error {
	if baud <= 0 || clock/8/baud-1 > maxDivisor || clock/8/baud < 1 {
		return fmt.Errorf("zynqio: the core cannot make %d baud, only %d to %d", baud, clock/8/(maxDivisor+1)+1, clock/8)
	}
	if err := until(c.w.Command, statusTxEmpty, statusTxEmpty); err != nil {
		return err
	}
	if c.baud > 0 {
		time.Sleep(commandBytes * 10 * time.Second / time.Duration(c.baud)) // the last one is on the line
	}
	c.w.Common.Write32(regBaud, uint32((clock/8+baud/2)/baud-1))
	c.baud, c.rest = baud, nil
	c.w.Command.Write32(regFIFO, fifoIRQ|fifoResetRx)
	return nil
}

// Pace sets how many midstates jobs have, 1, 2 or 4, and the time from one job to
// the next, at most 335 ms. Another number of midstates drops the jobs that wait
// and the solutions that were not read.
func (c *Core) Pace(midstates int, every time.Duration) error {
	shift := uint32(bits.TrailingZeros(uint(midstates)))
	if midstates != 1<<shift || shift > 2 || every <= 0 {
		return fmt.Errorf("zynqio: no pace for jobs of %d midstates every %v", midstates, every)
	}
	ticks := min(int64(every)/(int64(time.Second)/clock), maxWorkTime)
	c.w.Common.Write32(regWorkTime, uint32(max(1, ticks)))
	if control := controlEnable | shift<<controlShift; c.w.Common.Read32(regControl) != control {
		if err := c.Drop(); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // the longest job takes that at 1.5 Mbaud
		c.w.Common.Write32(regControl, control)
		c.w.WorkRx.Write32(regFIFO, fifoIRQ|fifoResetRx)
		c.shift.Store(shift)
	}
	c.w.WorkTx.Write32(regThreshold, refillJobs*(jobWords+midstate<<shift))
	return nil
}

// Room is how many jobs there is surely room for.
func (c *Core) Room() int {
	if c.ready == 0 && c.w.WorkTx.Read32(regStatus)&statusPending != 0 {
		c.ready = fullJobs - refillJobs
	}
	return c.ready
}

// Drop forgets the jobs that have not been sent.
func (c *Core) Drop() error {
	c.ready = 0
	c.w.WorkTx.Write32(regFIFO, fifoResetTx)
	return until(c.w.WorkTx, statusTxEmpty, statusTxEmpty)
}

// Job queues a job; midstates are as many as Pace has said. It does not allocate.
func (c *Core) Job(number uint16, nbits, ntime uint32, merkle [4]byte, midstates []sha256d.State) error {
	shift := c.shift.Load()
	if len(midstates) != 1<<shift || int(number) >= 1<<16>>shift {
		return fmt.Errorf("zynqio: job %d with %d midstates, the core is set to %d", number, len(midstates), 1<<shift)
	}
	c.ready = max(0, c.ready-1)
	w := c.w.WorkTx
	w.Write32(regTxFIFO, uint32(number)<<shift)
	w.Write32(regTxFIFO, nbits)
	w.Write32(regTxFIFO, ntime)
	w.Write32(regTxFIFO, binary.LittleEndian.Uint32(merkle[:]))
	for i := range midstates {
		for j := 7; j >= 0; j-- {
			w.Write32(regTxFIFO, midstates[i][j])
		}
	}
	return nil
}

// Solution waits for the next nonce that a chip has found, until the read deadline.
// It does not allocate.
func (c *Core) Solution() (number uint16, midstate int, nonce uint32, err error) {
	for {
		if err := c.wait(c.w.WorkRx); err != nil {
			return 0, 0, 0, err
		}
		nonce = c.w.WorkRx.Read32(regRxFIFO)
		second := c.w.WorkRx.Read32(regRxFIFO)
		if second&solutionFlag == 0 {
			// We are a word off, which the core never is, or it is gone.
			if err := c.there(); err != nil {
				return 0, 0, 0, err
			}
			c.w.WorkRx.Write32(regFIFO, fifoIRQ|fifoResetRx)
			continue
		}
		id, shift := second>>8&0xffff, c.shift.Load()
		return uint16(id >> shift), int(id & (1<<shift - 1)), nonce, nil
	}
}

// solutionFlag is set in the second word of every solution: the chip's trailer
// with its CRC is there.
const solutionFlag = 1 << 31
