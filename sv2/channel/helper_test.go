package channel

import (
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// start is when the tests begin: behind all of their jobs' times.
var start = time.Unix(1_700_000_000, 0)

// ease is the target that one hash in 2^bits meets (bits a multiple of 8).
func ease(bits int) bitcoin.Target {
	t := bitcoin.MaxTarget()
	for i := range bits / 8 {
		t[31-i] = 0
	}
	return t
}

// network is a block target that tests do not meet by chance: 2^-40.
const network uint32 = 0x1b_00ffff

// testBody is a body at a height, which makes all its hashes its own.
func testBody(t testing.TB, height uint32, extranonceSize int) *Body {
	t.Helper()
	template := &bitcoin.Template{
		Height: height, Version: 0x20000000, PrevHash: bitcoin.DoubleHash([]byte{byte(height)}),
		NBits: network, NTime: uint32(start.Unix()) - 60, Value: 5_000_000_000,
		CoinbaseVersion: 2, CoinbasePrefix: bitcoin.HeightPush(height), CoinbaseSequence: 0xffffffff,
		MerklePath: []bitcoin.Hash{{1}, {2}, {3}},
	}
	body, err := NewBody(template, bitcoin.Push([]byte("lode")), []bitcoin.Output{{Value: 5_000_000_000, Script: []byte{0x51}}}, extranonceSize)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// testServer is a channel with an active job of body.
func testServer(t testing.TB, target bitcoin.Target, body *Body) *Server {
	t.Helper()
	s, err := NewServer(Grant{ChannelID: 1, Target: target, ExtranoncePrefix: []byte{1, 2, 3, 4}, VersionMask: mining.VersionMask})
	if err != nil {
		t.Fatal(err)
	}
	nextTip(t, s, body)
	return s
}

// nextTip makes a future job of body and starts it.
func nextTip(t testing.TB, s *Server, body *Body) (mining.NewMiningJob, mining.SetNewPrevHash) {
	t.Helper()
	job, err := s.NewJob(body, true)
	if err != nil {
		t.Fatal(err)
	}
	tip, err := s.SetNewPrevHash(body, body.Tip)
	if err != nil {
		t.Fatal(err)
	}
	return job, tip
}

// active is a share of the active job that nothing speaks against but its hash.
func active(s *Server) mining.SubmitSharesStandard {
	j := &s.live[len(s.live)-1]
	return mining.SubmitSharesStandard{ChannelID: s.id, JobID: j.id, NTime: j.minNTime, Version: j.body.Version}
}

// search moves m's nonce to the next hash above low and at most high.
func search(s *Server, m *mining.SubmitSharesStandard, low, high bitcoin.Target) {
	for {
		m.Nonce++
		h := s.header(m).Hash()
		if high.MetBy(h) && !low.MetBy(h) {
			return
		}
	}
}

// header is the header that m claims, whether or not it is any good.
func (s *Server) header(m *mining.SubmitSharesStandard) *bitcoin.Header {
	return &bitcoin.Header{
		Version: m.Version, PrevHash: s.tip.PrevHash, MerkleRoot: s.job(m.JobID).root,
		NTime: m.NTime, NBits: s.tip.NBits, Nonce: m.Nonce,
	}
}

// handle is Handle for messages that must be in order.
func handle(t testing.TB, c *Client, m sv2.Message, want Change) {
	t.Helper()
	got, err := c.Handle(m, start)
	if err != nil || got != want {
		t.Fatalf("Handle(%+v) = %v, %v; want %v", m, got, err, want)
	}
}

func future(id uint32) *mining.NewMiningJob {
	return &mining.NewMiningJob{ChannelID: 1, JobID: id, Version: 0x20000000, MerkleRoot: sv2.U256{byte(id)}}
}

func atOnce(id, ntime uint32) *mining.NewMiningJob {
	m := future(id)
	m.MinNTime = sv2.Some(ntime)
	return m
}

func prevHash(id uint32, hash byte, ntime uint32) *mining.SetNewPrevHash {
	return &mining.SetNewPrevHash{ChannelID: 1, JobID: id, PrevHash: sv2.U256{hash}, MinNTime: ntime, NBits: network}
}

// testClient hashes job 1 on tip 1 from time 1000, and keeps how its shares end.
func testClient(t testing.TB) (*Client, *[]Outcome) {
	t.Helper()
	ended := new([]Outcome)
	c := NewClient(Opening{
		ChannelID: 1, GroupID: 9, Target: ease(8), ExtranoncePrefix: []byte{0, 0, 0, 1},
		VersionMask: mining.NarrowVersionMask, Ended: func(o Outcome) { *ended = append(*ended, o) },
	})
	handle(t, c, future(1), Nothing)
	handle(t, c, prevHash(1, 1, 1000), TipChanged)
	return c, ended
}

// share is a share of the client's active job.
func share(c *Client) Share {
	j := c.Active()
	return Share{Job: j.Number, NTime: j.NTime, Version: j.Version, Found: start}
}
