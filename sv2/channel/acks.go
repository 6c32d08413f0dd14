package channel

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/sv2/mining"
)

// Stats counts the shares of a client channel. Accepted, Rejected and Lost are by
// our own matching; ServerSum is what the server says it credited, for show: some
// servers' counts are cumulative.
type Stats struct {
	Submitted, Accepted, Rejected, Lost uint64
	Pending                             int
	Strays                              uint64 // answers that matched no share
	ServerSum                           uint64 // sum of new_shares_sum
}

// Stats counts what happened so far.
func (c *Client) Stats() Stats {
	s := c.acks.stats
	s.Pending = int(s.Submitted - s.Accepted - s.Rejected - s.Lost)
	return s
}

// Submit gives s its sequence number and makes the message for it. The message is
// valid until the next Submit. A refused share (ErrStale, ErrShare, ErrClosed) is
// not counted as submitted.
func (c *Client) Submit(s Share) (*mining.SubmitSharesStandard, error) {
	if c.closed {
		return nil, ErrClosed
	}
	j := c.Job(s.Job)
	if j == nil {
		return nil, ErrStale
	}
	if err := j.allows(&s); err != nil {
		return nil, err
	}
	s.JobID = j.ID
	c.submit = mining.SubmitSharesStandard{
		ChannelID: c.id, SequenceNumber: c.acks.add(s), JobID: j.ID,
		Nonce: s.Nonce, NTime: s.NTime, Version: s.Version,
	}
	return &c.submit, nil
}

// allows checks what the job lets a share vary. A share that does not say when it
// was found may have any later time.
func (j *Job) allows(s *Share) error {
	switch {
	case (s.Version^j.Version)&^j.VersionMask != 0:
		return fmt.Errorf("%w: version %08x, job %08x, mask %08x", ErrShare, s.Version, j.Version, j.VersionMask)
	case s.NTime < j.NTime || !s.Found.IsZero() && s.NTime > j.MaxNTime(s.Found):
		return fmt.Errorf("%w: time %d, job's is %d", ErrShare, s.NTime, j.NTime)
	}
	return nil
}

// Expire loses the shares found before the given time that the server has not
// answered, and says how many. A server may answer in batches, so be patient.
func (c *Client) Expire(before time.Time) int {
	n := 0
	for c.acks.n > 0 && c.acks.at(0).share.Found.Before(before) {
		c.acks.drop("no answer")
		n++
	}
	return n
}

// acks is a ring of the shares sent and not yet answered. Sequence numbers rise by
// one, so the place of a share follows from its number; a share refused in the
// middle leaves a hole until those before it have ended.
type acks struct {
	ring  []pending // length 0 or a power of two
	head  int       // place of the share with number first
	n     int       // places in use, holes included; the one at head is none
	first uint32    // sequence number at head
	stats Stats
	ended func(Outcome)
}

type pending struct {
	share Share
	hole  bool
}

func (a *acks) at(i int) *pending { return &a.ring[(a.head+i)&(len(a.ring)-1)] }

// add puts a share at the end and returns its sequence number, which begins at 0.
func (a *acks) add(s Share) uint32 {
	if a.n == maxPending {
		a.drop("too many shares without answer")
	}
	if a.n == len(a.ring) {
		a.grow()
	}
	*a.at(a.n) = pending{share: s}
	a.n++
	a.stats.Submitted++
	return a.first + uint32(a.n) - 1
}

func (a *acks) grow() {
	ring := make([]pending, max(8, 2*len(a.ring)))
	for i := range a.n {
		ring[i] = *a.at(i)
	}
	a.ring, a.head = ring, 0
}

// success accepts every share up to the number given that has not ended yet. Numbers
// behind the oldest share (an answer sent twice) and numbers never sent match nothing.
func (a *acks) success(m *mining.SubmitSharesSuccess) {
	a.stats.ServerSum += m.NewSharesSum
	d := m.LastSequenceNumber - a.first
	if d >= uint32(a.n) {
		a.stats.Strays++
		return
	}
	for last := m.LastSequenceNumber; a.n > 0 && int32(last-a.first) >= 0; {
		a.pop(Accepted, "")
	}
}

// reject ends one share, wherever it is.
func (a *acks) reject(m *mining.SubmitSharesError) {
	d := m.SequenceNumber - a.first
	if d >= uint32(a.n) || a.at(int(d)).hole {
		a.stats.Strays++
		return
	}
	if d == 0 {
		a.pop(Rejected, m.ErrorCode)
		return
	}
	p := a.at(int(d))
	p.hole = true
	a.end(p.share, m.SequenceNumber, Rejected, m.ErrorCode)
}

func (a *acks) drop(cause string) { a.pop(Lost, cause) }

func (a *acks) lose(cause string) {
	for a.n > 0 {
		a.drop(cause)
	}
	a.ring = nil
}

// pop ends the oldest share and closes up to the next.
func (a *acks) pop(e End, reason string) {
	share, seq := a.at(0).share, a.first
	a.step()
	for a.n > 0 && a.at(0).hole {
		a.step()
	}
	a.end(share, seq, e, reason)
}

func (a *acks) step() {
	a.head = (a.head + 1) & (len(a.ring) - 1)
	a.first++
	a.n--
}

func (a *acks) end(s Share, seq uint32, e End, reason string) {
	switch e {
	case Accepted:
		a.stats.Accepted++
	case Rejected:
		a.stats.Rejected++
	case Lost:
		a.stats.Lost++
	}
	if a.ended != nil {
		a.ended(Outcome{Share: s, Sequence: seq, End: e, Reason: reason})
	}
}
