package channel

import (
	"math"
	"time"

	"github.com/lodefw/lode/sv2/mining"
)

// A Batch gathers accepted shares into one SubmitShares.Success: until there are
// Count, or until the first has waited Wait, so that a slow miner sees its answers
// too. Set the fields before use; it has no clock and no goroutine.
type Batch struct {
	ChannelID uint32
	Count     uint32        // shares for one answer; 0 is 1
	Wait      time.Duration // longest wait of a share

	n     uint32
	last  uint32
	sum   uint64
	since time.Time
}

// Add puts in one accepted share. It is true if the batch is full: Take it then.
func (b *Batch) Add(sequence uint32, credit uint64, now time.Time) bool {
	if b.n == 0 {
		b.since = now
	}
	b.n++
	b.last = sequence
	if b.sum += credit; b.sum < credit {
		b.sum = math.MaxUint64
	}
	return b.n >= b.Count
}

// Due says whether the first share has waited long enough. A clock that went back
// does not make it wait for ever.
func (b *Batch) Due(now time.Time) bool {
	return b.n > 0 && (now.Sub(b.since) >= b.Wait || now.Before(b.since))
}

// Deadline is when Due becomes true; ok is false for an empty batch.
func (b *Batch) Deadline() (t time.Time, ok bool) { return b.since.Add(b.Wait), b.n > 0 }

// Take writes the answer to m and begins a new batch. It is false, and m as it was,
// if there was nothing to answer.
func (b *Batch) Take(m *mining.SubmitSharesSuccess) bool {
	if b.n == 0 {
		return false
	}
	*m = mining.SubmitSharesSuccess{
		ChannelID: b.ChannelID, LastSequenceNumber: b.last,
		NewSubmitsAcceptedCount: b.n, NewSharesSum: b.sum,
	}
	b.n, b.sum = 0, 0
	return true
}
