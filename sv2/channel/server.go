package channel

import (
	"errors"
	"fmt"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// maxServerLive is how many jobs of one tip a server channel keeps, the active one
// included. Shares of older ones are stale.
const maxServerLive = 32

// Why a server channel makes no job.
var (
	ErrNoJob    = errors.New("channel: the body has no future job on this channel; make it with NewJob first")
	ErrWrongTip = errors.New("channel: the body builds on another tip; send SetNewPrevHash first")
	ErrSameWork = errors.New("channel: the body has a job on this channel already and no room for another extranonce; make a new body")
)

// Grant is how a server opens a standard channel.
type Grant struct {
	ChannelID        uint32
	Target           bitcoin.Target // cut down to MaxTarget if that is harder
	MaxTarget        bitcoin.Target // the easiest that the client can use; zero: no wish
	ExtranoncePrefix []byte
	VersionMask      uint32 // mining.VersionMask, or 0 with REQUIRES_FIXED_VERSION
}

// A Server is the pool's end of one standard channel: it makes the channel's jobs
// and judges its shares. It does no input or output and has no clock; one
// goroutine owns it, or one lock. An idle one takes about a kilobyte.
type Server struct {
	id     uint32
	mask   uint32
	max    bitcoin.Target
	terms  *terms // of jobs that become active from now on
	prefix *prefix
	tip    *Tip // nil before the first SetNewPrevHash
	nextID uint32
	future []serverJob // oldest first
	live   []serverJob // valid, the last is active
	seen   seen
}

// prefix is shared by the jobs that were made with it.
type prefix struct{ bytes []byte }

// terms are what a share is held to and what it earns; shared by the jobs that
// became active under them.
type terms struct {
	target bitcoin.Target
	credit uint64  // integer difficulty
	hashes float64 // expected work
}

func newTerms(t bitcoin.Target) *terms { return &terms{t, t.Credit(), t.Hashes()} }

// serverJob is 64 bytes on a 64-bit machine: there are many of them.
type serverJob struct {
	id       uint32
	minNTime uint32
	body     *Body
	prefix   *prefix
	terms    *terms // nil for a future job
	root     bitcoin.Hash
}

// NewServer opens a channel. It has no job yet: NewJob with future set and
// SetNewPrevHash come next (5.3.3).
func NewServer(g Grant) (*Server, error) {
	if n := len(g.ExtranoncePrefix); n > maxExtranonce {
		return nil, fmt.Errorf("channel: extranonce prefix of %d bytes, at most %d allowed", n, maxExtranonce)
	}
	s := &Server{id: g.ChannelID, mask: g.VersionMask, max: g.MaxTarget, nextID: 1}
	if s.max == (bitcoin.Target{}) {
		s.max = bitcoin.MaxTarget()
	}
	s.prefix = &prefix{clone(g.ExtranoncePrefix)}
	s.SetTarget(g.Target)
	return s, nil
}

// ChannelID is the channel's number on its connection.
func (s *Server) ChannelID() uint32 { return s.id }

// Target is the target of the next job.
func (s *Server) Target() bitcoin.Target { return s.terms.target }

// ExtranoncePrefix is the prefix of the next job. It must not be changed.
func (s *Server) ExtranoncePrefix() []byte { return s.prefix.bytes }

// NewJob makes a job of a body. A future job waits for SetNewPrevHash (at most 16
// wait, the oldest is dropped); another becomes active at once, under the present
// target, and the one before stays valid.
//
// One body can give several jobs, so that a new target need not wait for a new
// template: bytes of the coinbase's extranonce behind the channel's prefix hold the
// job's number, so that no header is searched twice.
func (s *Server) NewJob(body *Body, future bool) (mining.NewMiningJob, error) {
	if !future && (s.tip == nil || body.Tip != nil && body.Tip.PrevHash != s.tip.PrevHash) {
		return mining.NewMiningJob{}, fmt.Errorf("channel %d: %w", s.id, ErrWrongTip)
	}
	j, err := s.make(body)
	if err != nil {
		return mining.NewMiningJob{}, fmt.Errorf("channel %d: %w", s.id, err)
	}
	m := mining.NewMiningJob{ChannelID: s.id, JobID: j.id, Version: body.Version, MerkleRoot: sv2.U256(j.root)}
	if future {
		s.future = appendJob(s.future, j, maxFuture)
		return m, nil
	}
	j.terms, j.minNTime = s.terms, max(body.NTime, s.tip.NTime)
	s.live = appendJob(s.live, j, maxServerLive)
	m.MinNTime = sv2.Some(j.minNTime)
	return m, nil
}

// make numbers a job and works out its merkle root.
func (s *Server) make(body *Body) (serverJob, error) {
	j := serverJob{id: s.nextID, body: body, prefix: s.prefix}
	room := body.Coinbase.ExtranonceSize - len(s.prefix.bytes)
	if room < 0 {
		return j, fmt.Errorf("extranonce prefix of %d bytes, the body has room for %d", len(s.prefix.bytes), body.Coinbase.ExtranonceSize)
	}
	if room == 0 && (s.uses(s.live, body) || s.uses(s.future, body)) {
		return j, ErrSameWork
	}
	var b [maxExtranonce]byte
	j.root = body.root(j.extranonce(&b))
	s.nextID++
	if s.nextID == 0 {
		s.nextID = 1 // 0 is no job
	}
	return j, nil
}

// uses says whether one of the jobs is of this body, with the present prefix.
func (s *Server) uses(jobs []serverJob, body *Body) bool {
	for i := range jobs {
		if jobs[i].body == body && jobs[i].prefix == s.prefix {
			return true
		}
	}
	return false
}

// extranonce is the job's full extranonce: the prefix, then the low bytes of the
// job's number, big-endian, as far as there is room.
func (j *serverJob) extranonce(b *[maxExtranonce]byte) []byte {
	full := b[:j.body.Coinbase.ExtranonceSize]
	n := copy(full, j.prefix.bytes)
	id := j.id
	for i := len(full) - 1; i >= n; i-- {
		full[i] = byte(id)
		id >>= 8
	}
	return full
}

func appendJob(jobs []serverJob, j serverJob, limit int) []serverJob {
	if len(jobs) == limit {
		jobs = append(jobs[:0], jobs[1:]...)
	}
	return append(jobs, j)
}

// SetNewPrevHash starts the newest future job of body on a new tip. All other jobs
// die and the duplicates are forgotten.
func (s *Server) SetNewPrevHash(body *Body, tip *Tip) (mining.SetNewPrevHash, error) {
	for i := len(s.future) - 1; i >= 0; i-- {
		if s.future[i].body == body {
			return s.begin(s.future[i], tip), nil
		}
	}
	return mining.SetNewPrevHash{}, fmt.Errorf("channel %d: %w", s.id, ErrNoJob)
}

func (s *Server) begin(j serverJob, tip *Tip) mining.SetNewPrevHash {
	j.terms, j.minNTime = s.terms, tip.NTime
	s.tip = tip
	s.live = append(restart(s.live), j)
	s.future = restart(s.future)
	s.seen.clear()
	return mining.SetNewPrevHash{
		ChannelID: s.id, JobID: j.id, PrevHash: sv2.U256(tip.PrevHash),
		MinNTime: tip.NTime, NBits: tip.NBits,
	}
}

// restart empties a list; a long one is let go, a short one kept, without pointers
// to what was in it.
func restart(jobs []serverJob) []serverJob {
	if cap(jobs) > 4 {
		return nil
	}
	clear(jobs)
	return jobs[:0]
}

// SetTarget changes the target of future and later jobs, never above the client's
// maximum. The active job keeps its own: send another (NewJob) for it to count.
func (s *Server) SetTarget(t bitcoin.Target) mining.SetTarget {
	if t.Cmp(s.max) > 0 {
		t = s.max
	}
	s.terms = newTerms(t)
	return mining.SetTarget{ChannelID: s.id, MaximumTarget: sv2.U256(t)}
}

// SetMaxTarget obeys the maximum_target of UpdateChannel (5.3.7). If it is harder than
// the present target that changes too, and the message must be sent.
func (s *Server) SetMaxTarget(t bitcoin.Target) (m mining.SetTarget, changed bool) {
	s.max = t
	if s.terms.target.Cmp(t) <= 0 {
		return mining.SetTarget{}, false
	}
	return s.SetTarget(t), true
}

// SetExtranoncePrefix changes the prefix of jobs made from now on (5.3.10).
func (s *Server) SetExtranoncePrefix(p []byte) (mining.SetExtranoncePrefix, error) {
	if n := len(p); n > maxExtranonce {
		return mining.SetExtranoncePrefix{}, fmt.Errorf("channel %d: extranonce prefix of %d bytes, at most %d allowed", s.id, n, maxExtranonce)
	}
	s.prefix = &prefix{clone(p)}
	return mining.SetExtranoncePrefix{ChannelID: s.id, ExtranoncePrefix: s.prefix.bytes}, nil
}
