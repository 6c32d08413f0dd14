package channel

import (
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// script hands out a fuzzer's bytes; past the end all are zero.
type script []byte

func (s *script) next() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

// u32 is a small number, or now and then a large one.
func (s *script) u32() uint32 {
	if b := s.next(); b < 250 {
		return uint32(b % 50)
	}
	return uint32(s.next())<<24 | uint32(s.next())<<16 | uint32(s.next())<<8 | uint32(s.next())
}

// channel is our channel, our group, or a foreign one.
func (s *script) channel() uint32 { return []uint32{1, 1, 1, 9, 9, 44, 0, 12}[s.next()%8] }

func (s *script) hash() (h sv2.U256) { h[0], h[31] = s.next(), s.next(); return h }

// message is any message that a server may send.
func (s *script) message() sv2.Message {
	switch s.next() % 10 {
	case 0, 1:
		m := &mining.NewMiningJob{ChannelID: s.channel(), JobID: s.u32(), Version: s.u32(), MerkleRoot: s.hash()}
		m.MinNTime = sv2.OptU32{Value: s.u32(), Valid: s.next()%2 == 0}
		return m
	case 2:
		m := &mining.NewExtendedMiningJob{ChannelID: s.channel(), JobID: s.u32(), VersionRollingAllowed: s.next()%2 == 0, CoinbaseTxPrefix: make(sv2.Bytes, s.next()), CoinbaseTxSuffix: make(sv2.Bytes, s.next()), MerklePath: []sv2.U256{s.hash()}}
		m.MinNTime = sv2.OptU32{Value: s.u32(), Valid: s.next()%2 == 0}
		return m
	case 3:
		return &mining.SetNewPrevHash{ChannelID: s.channel(), JobID: s.u32(), PrevHash: s.hash(), MinNTime: s.u32(), NBits: s.u32()}
	case 4:
		return &mining.SetTarget{ChannelID: s.channel(), MaximumTarget: s.hash()}
	case 5:
		return &mining.SetExtranoncePrefix{ChannelID: s.channel(), ExtranoncePrefix: make(sv2.Bytes, s.next()%33)}
	case 6:
		return &mining.SetGroupChannel{GroupChannelID: s.channel(), ChannelIDs: []uint32{s.channel()}}
	case 7:
		return &mining.SubmitSharesSuccess{ChannelID: s.channel(), LastSequenceNumber: s.u32(), NewSubmitsAcceptedCount: s.u32()}
	case 8:
		return &mining.SubmitSharesError{ChannelID: s.channel(), SequenceNumber: s.u32(), ErrorCode: "no"}
	}
	if s.next() < 250 {
		return &sv2.Reconnect{}
	}
	return &mining.CloseChannel{ChannelID: s.channel(), ReasonCode: "bye"}
}

// FuzzClient: any sequence of messages and shares leaves a client within its bounds,
// and each share that was submitted ends exactly once.
func FuzzClient(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 1, 5, 5, 10, 10, 200, 200, 200, 7, 0, 1}, false)
	f.Add([]byte{2, 3, 1, 0, 20, 20, 0, 0, 0, 1, 3, 3, 1, 5, 5, 10, 10, 200, 9, 255, 0}, true)
	f.Fuzz(func(t *testing.T, events []byte, extended bool) {
		ended, submitted := map[uint32]bool{}, 0
		c := NewClient(Opening{ChannelID: 1, GroupID: 9, Target: ease(8), Extended: extended, ExtranonceSize: 4, VersionMask: mining.VersionMask,
			Ended: func(o Outcome) {
				if ended[o.Sequence] || o.End < Accepted || o.End > Lost {
					t.Fatalf("share %d ended again or badly: %+v", o.Sequence, o)
				}
				ended[o.Sequence] = true
			}})
		s, now := script(events), start
		for len(s) > 0 {
			now = now.Add(time.Duration(int8(s.next())) * time.Second)
			if s.next() >= 128 && c.Active() != nil {
				one := share(c)
				one.NTime, one.Found = one.NTime+uint32(s.next()), now
				if _, err := c.Submit(one); err == nil {
					submitted++
				}
				continue
			}
			change, err := c.Handle(s.message(), now)
			checkClient(t, c, change, err)
		}
		c.Close("the end")
		if len(ended) != submitted {
			t.Fatalf("%d shares submitted, %d ended", submitted, len(ended))
		}
	})
}

func checkClient(t *testing.T, c *Client, change Change, err error) {
	j := c.Active()
	switch {
	case (err != nil) != (change == Stopped):
		t.Fatalf("%v with error %v", change, err)
	case change >= Stopped && j != nil, (change == JobChanged || change == TipChanged) && j == nil:
		t.Fatalf("%v with job %v", change, j)
	case len(c.future) > maxFuture || len(c.live) > maxLive || len(c.acks.ring) > maxPending:
		t.Fatalf("%d future, %d live jobs, ring of %d", len(c.future), len(c.live), len(c.acks.ring))
	case c.Stats().Pending < 0:
		t.Fatalf("%+v", c.Stats())
	case j != nil && c.Job(j.Number) != j:
		t.Fatal("the active job is not valid")
	}
	if j != nil {
		j.Root([]byte{1, 2, 3, 4})
	}
}

// FuzzServer: any sequence of jobs and shares leaves a server within its bounds; no
// header is paid twice on one tip, and what is paid meets a target.
func FuzzServer(f *testing.F) {
	f.Add([]byte{9, 0, 0, 0, 0, 9, 0, 0, 0, 0, 1, 0, 2, 9, 0, 1, 0, 0})
	f.Add([]byte{4, 0, 3, 1, 9, 1, 0, 0, 0, 9, 0, 0, 0, 0})
	bodies := []*Body{testBody(f, 1, 5), testBody(f, 2, 5), testBody(f, 3, 5), testBody(f, 3, 4)}
	f.Fuzz(func(t *testing.T, events []byte) {
		s := testServer(t, ease(0), bodies[0])
		paid := map[bitcoin.Hash]bool{}
		for in := script(events); len(in) > 0; {
			body := bodies[in.next()%4]
			switch in.next() % 12 {
			case 0:
				_, _ = s.NewJob(body, false)
			case 1:
				_, _ = s.NewJob(body, true)
			case 2:
				if _, err := s.SetNewPrevHash(body, body.Tip); err == nil {
					clear(paid)
				}
			case 3:
				s.SetTarget(ease(8 * int(in.next()%2)))
			case 4:
				_, _ = s.SetExtranoncePrefix(make([]byte, in.next()%6))
			default:
				m := active(s)
				m.JobID, m.Nonce = in.u32(), in.u32()
				m.NTime += in.u32()
				m.Version ^= in.u32() << 5
				checkResult(t, s, &m, paid)
			}
			if len(s.future) > maxFuture || len(s.live) > maxServerLive || s.seen.n != len(paid) {
				t.Fatalf("%d future, %d live jobs, %d seen, %d paid", len(s.future), len(s.live), s.seen.n, len(paid))
			}
		}
	})
}

func checkResult(t *testing.T, s *Server, m *mining.SubmitSharesStandard, paid map[bitcoin.Hash]bool) {
	r, code := s.Submit(m, start)
	if r.Accepted != (code == "") {
		t.Fatalf("accepted %v with code %q", r.Accepted, code)
	}
	if !r.Accepted {
		return
	}
	if paid[r.Hash] || !r.Target.MetBy(r.Hash) || r.Hash != r.Header.Hash() {
		t.Fatalf("paid for %+v", r)
	}
	paid[r.Hash] = true
	if root := bitcoin.FoldMerkle(bitcoin.DoubleHash(r.Coinbase()), r.Body.Path); root != r.Header.MerkleRoot {
		t.Fatalf("the coinbase leads to root %v, the header has %v", root, r.Header.MerkleRoot)
	}
}
