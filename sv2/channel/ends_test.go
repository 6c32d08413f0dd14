package channel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// ends is a client and a server with a wire between them that keeps the order in
// each direction and takes its time.
type ends struct {
	t       testing.TB
	rng     *rand.Rand
	now     time.Time
	server  *Server
	client  *Client
	batch   Batch
	down    []sv2.Message
	up      []*mining.SubmitSharesStandard
	tips    []bitcoin.Hash // of the shares on their way up
	bodies  []*Body
	height  uint32
	waiting *Body // has a future job that was sent ahead

	sent, accepted int
	ended          map[uint32]Outcome
	codes          map[string]int
}

func newEnds(t testing.TB, seed uint64) *ends {
	e := &ends{t: t, rng: rand.New(rand.NewPCG(seed, 2)), now: start, ended: map[uint32]Outcome{}, codes: map[string]int{}}
	server, err := NewServer(Grant{ChannelID: 1, Target: ease(8), ExtranoncePrefix: []byte{1, 2, 3, 4}, VersionMask: mining.VersionMask})
	if err != nil {
		t.Fatal(err)
	}
	e.server = server
	e.client = NewClient(Opening{
		ChannelID: 1, Target: ease(8), ExtranoncePrefix: []byte{1, 2, 3, 4}, VersionMask: mining.VersionMask,
		Ended: func(o Outcome) {
			if old, twice := e.ended[o.Sequence]; twice {
				t.Errorf("share %d ended as %v and as %v", o.Sequence, old.End, o.End)
			}
			e.ended[o.Sequence] = o
		},
	})
	e.batch = Batch{ChannelID: 1, Count: 4, Wait: 10 * time.Second}
	e.newTip()
	return e
}

func (e *ends) send(m sv2.Message, err error) {
	if err != nil {
		e.t.Fatal(err)
	}
	e.down = append(e.down, m)
}

func (e *ends) body() *Body {
	e.height++
	return testBody(e.t, e.height, 6)
}

// newTip starts a job that was sent ahead, or a fresh one.
func (e *ends) newTip() {
	next := e.waiting
	if next == nil {
		next = e.body()
		m, err := e.server.NewJob(next, true)
		e.send(&m, err)
	}
	m, err := e.server.SetNewPrevHash(next, next.Tip)
	e.send(&m, err)
	e.bodies, e.waiting = []*Body{next}, nil
}

// step does one thing at random at either end.
func (e *ends) step() {
	e.now = e.now.Add(time.Duration(e.rng.IntN(3000)) * time.Millisecond)
	switch n := e.rng.IntN(200); {
	case n == 0:
		e.newTip()
	case n == 1 && e.waiting == nil:
		e.waiting = e.body()
		m, err := e.server.NewJob(e.waiting, true)
		e.send(&m, err)
	case n < 12:
		m, err := e.server.NewJob(e.bodies[0], false)
		e.send(&m, err)
	case n < 22:
		m := e.server.SetTarget(ease(8 * e.rng.IntN(2)))
		e.send(&m, nil)
	case n == 22:
		m, err := e.server.SetExtranoncePrefix([]byte{9, byte(e.rng.Uint32()), 0, 0})
		e.send(&m, err)
	case n < 80:
		e.receive()
	case n < 150:
		e.judge()
	case n < 190:
		e.mine()
	}
}

func (e *ends) receive() {
	if len(e.down) > 0 {
		m := e.down[0]
		e.down = e.down[1:]
		if _, err := e.client.Handle(m, e.now); err != nil {
			e.t.Fatal(err)
		}
	}
}

// mine finds one honest share of any valid job, with everything rolled that may be.
func (e *ends) mine() {
	live := e.client.live
	if len(live) == 0 {
		return
	}
	j := live[e.rng.IntN(len(live))]
	s := Share{Job: j.Number, Found: e.now, Nonce: e.rng.Uint32()}
	s.Version = j.Version ^ e.rng.Uint32()&j.VersionMask
	s.NTime = j.NTime + uint32(e.rng.Uint64N(uint64(j.MaxNTime(e.now)-j.NTime)+1))
	for ; ; s.Nonce++ {
		h := j.Header(s.Nonce, s.NTime, s.Version)
		if s.Hash = h.Hash(); j.Target.MetBy(s.Hash) {
			break
		}
	}
	m, err := e.client.Submit(s)
	if err != nil {
		e.t.Fatal(err)
	}
	copied := *m
	e.up, e.tips = append(e.up, &copied), append(e.tips, j.PrevHash)
	e.sent++
}

// judge takes the next share at the server. Only one whose job died while it was on
// its way may be refused.
func (e *ends) judge() {
	if len(e.up) == 0 {
		if e.batch.Due(e.now) {
			e.flush()
		}
		return
	}
	m, tip := e.up[0], e.tips[0]
	e.up, e.tips = e.up[1:], e.tips[1:]
	r, code := e.server.Submit(m, e.now)
	e.codes[code]++
	switch {
	case code == "":
		e.accepted++
		if e.batch.Add(m.SequenceNumber, r.Credit, e.now) {
			e.flush()
		}
	case code == mining.CodeStaleShare && tip != e.server.tip.PrevHash:
		e.send(&mining.SubmitSharesError{ChannelID: 1, SequenceNumber: m.SequenceNumber, ErrorCode: code}, nil)
	default:
		e.t.Fatalf("honest share %+v: %s", m, code)
	}
}

func (e *ends) flush() {
	m := new(mining.SubmitSharesSuccess)
	if e.batch.Take(m) {
		e.send(m, nil)
	}
}

// TestHonestSharesAreAccepted: across changes of target, job, prefix and tip, with
// messages on their way in both directions, what the client submits is accepted
// unless its job died meanwhile, and both ends agree on every share.
func TestHonestSharesAreAccepted(t *testing.T) {
	total := map[string]int{}
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			e := newEnds(t, seed)
			for range 1000 {
				e.step()
			}
			for len(e.up) > 0 {
				e.judge()
			}
			e.flush()
			for len(e.down) > 0 {
				e.receive()
			}
			stats := e.client.Stats()
			if len(e.ended) != e.sent || int(stats.Accepted) != e.accepted || stats.Pending != 0 || stats.Strays != 0 || stats.Lost != 0 {
				t.Errorf("%d sent, %d ended, %d accepted by the server, %+v", e.sent, len(e.ended), e.accepted, stats)
			}
			for code, n := range e.codes {
				total[code] += n
			}
		})
	}
	t.Logf("shares by code: %v", total)
	if total[""] < 1000 || total[mining.CodeStaleShare] < 10 {
		t.Errorf("shares by code: %v", total)
	}
}

// TestRenewedJobsDoNotOverlap: jobs made again of one body for a new target give
// the client other headers, so that no share is found twice.
func TestRenewedJobsDoNotOverlap(t *testing.T) {
	e := newEnds(t, 1)
	roots := map[bitcoin.Hash]bool{}
	for range 30 {
		m, err := e.server.NewJob(e.bodies[0], false)
		if err != nil || roots[bitcoin.Hash(m.MerkleRoot)] {
			t.Fatalf("root %v again, or %v", m.MerkleRoot, err)
		}
		roots[bitcoin.Hash(m.MerkleRoot)] = true
	}
}
