package bm13xx

import (
	"context"
	"fmt"
	"time"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
)

// A Queue is a Port with an engine behind it that knows the frames of the BM1387,
// such as zynqio's FPGA core: it takes jobs ahead of time and sends them one by
// one, at a pace that no program can hold. Commands and their answers go through
// the Port as ever, with their CRCs, jobs and solutions do not.
type Queue interface {
	Port
	// Pace says how many midstates the jobs to come have, and the time from one to
	// the next. Jobs that wait are dropped if the number of midstates changes.
	Pace(midstates int, every time.Duration) error
	// Room is how many jobs it takes now.
	Room() int
	// Job queues a job under a number from 0 to MaxJobNumber, nbits, ntime and the
	// merkle root's last four bytes as they are in the header.
	Job(number uint16, nbits, ntime uint32, merkle [4]byte, midstates []sha256d.State) error
	// Drop forgets the jobs that have not been sent.
	Drop() error
	// Solution waits for the next, until the read deadline: a nonce as
	// bitcoin.Header has it, with the job's number and the midstate's.
	Solution() (number uint16, midstate int, nonce uint32, err error)
	// BadFrames is how many frames from the chips were dropped for their CRC.
	BadFrames() uint64
}

// MaxJobNumber is the highest number that a Queue has to carry.
const MaxJobNumber = queueSlots - 1

const (
	// queueSlots is how many jobs are remembered: far more than wait in a queue
	// and can still be answered.
	queueSlots = 512
	// refillAt is how long a queue that was full is left alone, in jobs. It is far
	// less than what waits: a program may be late.
	refillAt = 8
	// openPause is between two jobs that open cores.
	openPause = 5 * ms
)

// queued is what a chain with a Queue keeps of it.
type queued struct {
	Queue
	slots     [queueSlots]slot
	number    uint16 // of the newest job
	sequence  uint32
	midstates int           // that it was told last
	every     time.Duration // the same
}

// solution is what a Queue hands out.
type solution struct {
	number   uint16
	midstate int
	nonce    uint32
}

// queueOf is the port's queue, nil if it has none.
func queueOf(port Port, m Model) (*queued, error) {
	q, ok := port.(Queue)
	if !ok {
		return nil, nil
	}
	if m != BM1387 {
		return nil, fmt.Errorf("bm13xx: the chips are %v, the port knows the frames of the %v only", m, BM1387)
	}
	return &queued{Queue: q}, nil
}

// clear forgets all jobs, here and in the queue.
func (q *queued) clear() error {
	for i := range q.slots {
		q.slots[i].used = false
	}
	q.midstates, q.every = 0, 0
	return q.Drop()
}

// set tells the queue what has changed of its pace.
func (q *queued) set(midstates int, every time.Duration) error {
	if midstates == q.midstates && every == q.every {
		return nil
	}
	if err := q.Pace(midstates, every); err != nil {
		return fmt.Errorf("bm13xx: %w", err)
	}
	q.midstates, q.every = midstates, every
	return nil
}

// enqueue is send for a chain with a queue. It does not allocate.
func (c *Chain) enqueue(w *hashing.Work) (time.Duration, error) {
	q, m := c.queue, &c.jobs.midstates
	q.number = (q.number + 1) % queueSlots
	q.sequence++
	s := &q.slots[q.number]
	*s = slot{used: true, sequence: q.sequence, work: *w}
	m.make(&s.work.Header, hashing.LowBits(w.VersionMask, 2))
	s.n, s.versions = m.n, m.versions
	if err := c.pace(s); err != nil {
		return 0, err
	}
	t := tailOf(&s.work.Header)
	if err := q.Job(q.number, t.nbits, t.ntime, t.merkle, m.states[:m.n]); err != nil {
		return 0, fmt.Errorf("bm13xx: cannot send to the chips: %w", err)
	}
	c.mu.Lock()
	c.status.jobs++
	c.mu.Unlock()
	return c.sweepOf(s), nil
}

// pace has the queue send jobs such as this one in time.
func (c *Chain) pace(s *slot) error {
	return c.queue.set(s.n, time.Duration(renewAt*float64(c.sweepOf(s))))
}

// refill asks for more work while the queue has room, and looks again later.
func (r *runner) refill() {
	if r.queue.Room() > 0 {
		r.ask()
		return
	}
	r.renew.Reset(refillAt * r.queue.every)
}

// judgeQueued is judge for what a queue hands out.
func (c *Chain) judgeQueued(n solution, now time.Time) (hashing.Solution, bool) {
	s := &c.queue.slots[n.number%queueSlots]
	if !s.used {
		c.tally(c.origin(n.nonce), lost, now)
		return hashing.Solution{}, false
	}
	h := s.work.Header
	h.Nonce = n.nonce
	possible := n.midstate < s.n
	if possible {
		h.Version = s.versions[n.midstate]
	}
	return c.weigh(s, h, possible, now)
}

// readSolutions hands solutions to the runner until the queue fails or ctx ends.
func (r *runner) readSolutions(ctx context.Context) {
	for {
		number, midstate, nonce, err := r.queue.Solution()
		if err != nil {
			if ctx.Err() == nil {
				r.failed <- err // has room
			}
			return
		}
		select {
		case r.solutions <- solution{number, midstate, nonce}:
		case <-ctx.Done():
			return
		}
	}
}

// openQueued is openCores for a chain with a queue.
func (c *Chain) openQueued(ctx context.Context, t *tail) error {
	if err := c.queue.set(1, openPause); err != nil {
		return err
	}
	for range c.spec.cores {
		if err := c.queue.Job(0, t.nbits, t.ntime, t.merkle, c.jobs.midstates.states[:1]); err != nil {
			return fmt.Errorf("bm13xx: cannot send to the chips: %w", err)
		}
		if err := sleep(ctx, openPause); err != nil {
			return err
		}
	}
	return sleep(ctx, openPause)
}
