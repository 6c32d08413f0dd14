package channel

import (
	"math"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// A Job is what a channel tells us to mine: a header of which nonce, time and the
// bits of VersionMask are free. A Job that Client has handed out never changes
// again, so any goroutine may read it.
type Job struct {
	Number      uint64 // ours: never used twice, unlike ID
	ID          uint32 // the server's, unique only among the jobs that are valid
	Version     uint32
	VersionMask uint32 // bits of Version that may be rolled (5.1.1)
	PrevHash    bitcoin.Hash
	MerkleRoot  bitcoin.Hash // zero for an extended channel: Root makes it there
	NTime       uint32       // smallest and first time, Unix seconds
	NBits       uint32
	Received    time.Time      // when it became active: from here NTime may grow
	Target      bitcoin.Target // of shares; pinned when the job became active

	ExtranoncePrefix []byte    // pinned when the job arrived
	Extended         *Extended // nil on a standard channel
}

// Extended is what a job of an extended channel has in place of a merkle root.
type Extended struct {
	Coinbase       *bitcoin.Coinbase
	MerklePath     []bitcoin.Hash // deepest first
	ExtranonceSize int            // bytes to roll behind the prefix
}

// Header is the header of one attempt at the job.
func (j *Job) Header(nonce, ntime, version uint32) bitcoin.Header {
	return bitcoin.Header{
		Version: version, PrevHash: j.PrevHash, MerkleRoot: j.MerkleRoot,
		NTime: ntime, NBits: j.NBits, Nonce: nonce,
	}
}

// MaxNTime is the largest time a share found at now may carry: the job's own plus
// the seconds since it was received (5.3.11). A clock that went back counts as none.
func (j *Job) MaxNTime(now time.Time) uint32 {
	elapsed := max(0, int64(now.Sub(j.Received)/time.Second))
	return uint32(min(int64(j.NTime)+elapsed, math.MaxUint32))
}

// Root is the merkle root with the given rolled extranonce, which is empty on a
// standard channel.
func (j *Job) Root(extranonce []byte) bitcoin.Hash {
	if j.Extended == nil {
		return j.MerkleRoot
	}
	var full [maxExtranonce]byte
	n := copy(full[:], j.ExtranoncePrefix)
	n += copy(full[n:], extranonce)
	return bitcoin.FoldMerkle(j.Extended.Coinbase.TxID(full[:n]), j.Extended.MerklePath)
}

// maxExtranonce is the longest full extranonce, in bytes (5.3.10).
const maxExtranonce = 32

// A Share is a solution that meets the target of its job.
type Share struct {
	Job     uint64 // Job.Number
	JobID   uint32 // Job.ID
	Nonce   uint32
	NTime   uint32
	Version uint32 // whole field, with rolled bits
	Hash    bitcoin.Hash
	Found   time.Time
}

// An End is how a submitted share ended.
type End uint8

// Each submitted share ends in exactly one of these.
const (
	Accepted End = iota + 1
	Rejected     // Outcome.Reason is the server's error code
	Lost         // never answered; Outcome.Reason is the cause
)

func (e End) String() string {
	switch e {
	case Accepted:
		return "accepted"
	case Rejected:
		return "rejected"
	case Lost:
		return "lost"
	}
	return "pending"
}

// An Outcome says how one share ended. Reason is empty for an accepted share. The
// text of a server may be anything: print it with care.
type Outcome struct {
	Share    Share
	Sequence uint32
	End      End
	Reason   string
}
