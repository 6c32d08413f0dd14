package a1

import "fmt"

// Register is a chip's only register: the clock goes in, the state comes out.
type Register [6]byte

// Register returns what to write for a setting. The last four bytes are the
// ones that every known program writes; their meaning is not published.
func (p PLL) Register() Register {
	return Register{p.post<<6 | p.pre<<1 | byte(p.fb>>8), byte(p.fb), 0x21, 0x84, 0, 0}
}

// PLL is the clock setting; ok is false when it is none that can be.
func (r Register) PLL() (p PLL, ok bool) {
	p, err := NewPLL(int(r[0]&1)<<8|int(r[1]), int(r[0]>>1&0x1f), int(r[0]>>6))
	return p, err == nil
}

// Locked tells whether the clock runs at its setting.
func (r Register) Locked() bool { return r[2]&1 != 0 }

// Queue tells how many jobs the chip has.
func (r Register) Queue() Queue { return Queue(r[3] & 3) }

// Jobs are the ids of the job that runs and of the one that waits; 0 is none.
func (r Register) Jobs() (running, waiting uint8) { return r[4] & 0xf, r[4] >> 4 }

// Cores is the number of cores that passed the self-test.
func (r Register) Cores() int { return int(r[5]) }

// Queue is the state of a chip's job queue.
type Queue uint8

// States of the queue.
const (
	QueueEmpty   Queue = 0
	QueueHalf    Queue = 1 // a job runs, room for one more
	QueueInvalid Queue = 2 // never seen from a chip that works
	QueueFull    Queue = 3
)

// String names the state.
func (q Queue) String() string {
	switch q {
	case QueueEmpty:
		return "empty"
	case QueueHalf:
		return "half"
	case QueueFull:
		return "full"
	}
	return fmt.Sprintf("invalid (%d)", uint8(q))
}
