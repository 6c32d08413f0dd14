package channel

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2/mining"
)

// CodeTooManyShares refuses shares beyond the 2^20 that a channel can tell apart on
// one tip. It is ours; a target that fits the device never leads there.
const CodeTooManyShares = "too-many-shares"

// ntimeAhead is how far in the future a block's time may be, in seconds. Nodes
// have the same limit.
const ntimeAhead = 7200

// Result is what became of an accepted share, and of any other as far as it got.
type Result struct {
	Accepted bool
	// Block: the hash meets the network's target. Hand the block in first, then
	// acknowledge.
	Block  bool
	Credit uint64         // integer difficulty of the target, for the acknowledgement
	Hashes float64        // expected work of a share at this target, for statistics
	Target bitcoin.Target // that the share was held to
	Hash   bitcoin.Hash
	Header bitcoin.Header
	Body   *Body

	job uint32
	pre *prefix
}

// Coinbase is the whole coinbase transaction of the share, with witness.
func (r *Result) Coinbase() []byte {
	j := serverJob{id: r.job, body: r.Body, prefix: r.pre}
	var b [maxExtranonce]byte
	return r.Body.Coinbase.Full(j.extranonce(&b))
}

// AppendBlock appends the whole block that the share is. The body must have come
// from a template with its transactions.
func (r *Result) AppendBlock(b []byte) []byte {
	var txs [][]byte
	if r.Body.Template != nil {
		txs = r.Body.Template.Transactions
	}
	return bitcoin.AppendBlock(b, &r.Header, r.Coinbase(), txs)
}

// Submit judges a share. It is accepted if the code is empty; else the code is for
// SubmitShares.Error. The order of the checks is the reference implementation's,
// so that a share wrong in two ways gets the same code everywhere.
//
// A share is judged by the job it names: by the target that was in force when that
// job became active, whatever SetTarget said since. A block counts even if the
// channel's target is harder.
func (s *Server) Submit(m *mining.SubmitSharesStandard, now time.Time) (r Result, code string) {
	if m.ChannelID != s.id {
		return r, mining.CodeInvalidChannelID
	}
	j := s.job(m.JobID)
	if j == nil {
		return r, s.missing(m.JobID)
	}
	if code := s.version(m.Version, j.body.Version); code != "" {
		return r, code
	}
	if m.NTime < j.minNTime || int64(m.NTime) > now.Unix()+ntimeAhead {
		return r, mining.CodeInvalidShare
	}
	r.Header = bitcoin.Header{
		Version: m.Version, PrevHash: s.tip.PrevHash, MerkleRoot: j.root,
		NTime: m.NTime, NBits: s.tip.NBits, Nonce: m.Nonce,
	}
	r.Hash = r.Header.Hash()
	return r, s.judge(&r, j)
}

// job is the active or past job with this number.
func (s *Server) job(id uint32) *serverJob {
	for i := len(s.live) - 1; i >= 0; i-- {
		if s.live[i].id == id {
			return &s.live[i]
		}
	}
	return nil
}

// missing is the code for a job that is not valid: numbers rise, so one below the
// next that is not a waiting future job was valid once.
func (s *Server) missing(id uint32) string {
	for i := range s.future {
		if s.future[i].id == id {
			return mining.CodeInvalidJobID
		}
	}
	if id == 0 || id >= s.nextID {
		return mining.CodeInvalidJobID
	}
	return mining.CodeStaleShare
}

func (s *Server) version(share, job uint32) string {
	switch {
	case bitcoin.VersionAllowed(share, job, s.mask):
		return ""
	case s.mask == 0:
		return mining.CodeVersionRollingNotAllowed
	}
	return mining.CodeInvalidNonRollableVersionBit
}

// judge does the checks that need the hash.
func (s *Server) judge(r *Result, j *serverJob) string {
	t := j.terms
	r.Body, r.job, r.pre = j.body, j.id, j.prefix
	r.Credit, r.Hashes, r.Target = t.credit, t.hashes, t.target
	if s.seen.has(&r.Hash) {
		return mining.CodeDuplicateShare
	}
	r.Block = s.tip.Target.MetBy(r.Hash)
	switch {
	case t.target.MetBy(r.Hash):
	case r.Block: // the channel's target is the harder one: credit what was proved
		r.Credit, r.Hashes, r.Target = s.tip.Target.Credit(), s.tip.Target.Hashes(), s.tip.Target
	default:
		return mining.CodeDifficultyTooLow
	}
	if !s.seen.add(&r.Hash) {
		if !r.Block {
			return CodeTooManyShares
		}
		r.Credit, r.Hashes = 0, 0 // it would earn again each time it is sent
	}
	r.Accepted = true
	return ""
}

// Duplicates is how many shares of this tip the channel remembers.
func (s *Server) Duplicates() int { return s.seen.n }
