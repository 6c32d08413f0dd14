package channel

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// TestOpeningOrders: whatever order a server opens in, hashing starts as soon as a
// job and a tip are known that belong together.
func TestOpeningOrders(t *testing.T) {
	for name, row := range map[string]struct {
		messages []sv2.Message
		last     Change
		job      uint32
		ntime    uint32
	}{
		"future, tip":               {[]sv2.Message{future(1), prevHash(1, 1, 1000)}, TipChanged, 1, 1000},
		"tip, future":               {[]sv2.Message{prevHash(1, 1, 1000), future(1)}, TipChanged, 1, 1000},
		"tip, other future":         {[]sv2.Message{prevHash(1, 1, 1000), future(2)}, Nothing, 0, 0},
		"tip, at once":              {[]sv2.Message{prevHash(1, 1, 1000), atOnce(2, 1005)}, TipChanged, 2, 1005},
		"at once, tip":              {[]sv2.Message{atOnce(1, 1005), prevHash(1, 1, 1000)}, TipChanged, 1, 1005},
		"at once, later tip":        {[]sv2.Message{atOnce(1, 1005), prevHash(1, 1, 1010)}, TipChanged, 1, 1010},
		"tip, at once, named later": {[]sv2.Message{prevHash(1, 1, 1000), atOnce(2, 1005), future(1)}, Nothing, 2, 1005},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewClient(Opening{ChannelID: 1})
			for i, m := range row.messages {
				change, err := c.Handle(m, start)
				if err != nil || i == len(row.messages)-1 && change != row.last {
					t.Fatalf("message %d: %v, %v", i, change, err)
				}
			}
			j := c.Active()
			if j == nil {
				j = &Job{}
			}
			if j.ID != row.job || j.NTime != row.ntime {
				t.Errorf("job %d from %d, want %d from %d", j.ID, j.NTime, row.job, row.ntime)
			}
		})
	}
}

func TestFutureJobs(t *testing.T) {
	c, _ := testClient(t)
	for id := range uint32(40) {
		handle(t, c, future(10+id), Nothing)
	}
	handle(t, c, future(40), Nothing) // again: replaces the first
	if got := ids(c.future); len(got) != maxFuture || got[0] != 34 || got[15] != 40 {
		t.Errorf("future jobs %v", got)
	}
	first := c.Active()
	handle(t, c, prevHash(41, 2, 2000), TipChanged)
	if c.Job(first.Number) != nil || len(c.future) != 0 || c.Active().ID != 41 {
		t.Errorf("active %+v, %d future, old job %v", c.Active(), len(c.future), c.Job(first.Number))
	}
}

func TestPastJobs(t *testing.T) {
	c, _ := testClient(t)
	old := share(c)
	handle(t, c, atOnce(2, 1001), JobChanged)
	if _, err := c.Submit(old); err != nil {
		t.Errorf("share of a past job: %v", err)
	}
	for id := range uint32(maxLive) {
		handle(t, c, atOnce(3+id, 1001), JobChanged)
	}
	if _, err := c.Submit(old); !errors.Is(err, ErrStale) || len(c.live) != maxLive {
		t.Errorf("share of a job long past: %v, %d live", err, len(c.live))
	}
}

// TestRecovery: after a fault a server that sends good jobs is obeyed again.
func TestRecovery(t *testing.T) {
	c, _ := testClient(t)
	change, err := c.Handle(prevHash(77, 2, 2000), start)
	if change != Stopped || !errors.Is(err, ErrProtocol) || c.Active() != nil {
		t.Fatalf("unknown job: %v, %v", change, err)
	}
	handle(t, c, future(5), Nothing)
	handle(t, c, prevHash(5, 3, 3000), TipChanged)
	change, err = c.Handle(&mining.SetExtranoncePrefix{ChannelID: 1, ExtranoncePrefix: make(sv2.Bytes, 33)}, start)
	if change != Stopped || !errors.Is(err, ErrProtocol) {
		t.Errorf("long prefix: %v, %v", change, err)
	}
	handle(t, c, atOnce(6, 3001), TipChanged)
	if j := c.Active(); j.PrevHash[0] != 3 {
		t.Errorf("active %+v", j)
	}
}

func TestGroups(t *testing.T) {
	c, _ := testClient(t)
	to := func(id uint32) *mining.SetTarget {
		return &mining.SetTarget{ChannelID: id, MaximumTarget: sv2.U256(ease(8 * int(id%8)))}
	}
	handle(t, c, to(9), Nothing)
	if c.Target() != ease(8) {
		t.Error("SetTarget of our group was ignored")
	}
	handle(t, c, &mining.SetGroupChannel{GroupChannelID: 12, ChannelIDs: []uint32{4, 1}}, Nothing)
	handle(t, c, &mining.SetGroupChannel{GroupChannelID: 13, ChannelIDs: []uint32{4}}, Nothing)
	for _, id := range []uint32{9, 13, 0, 44} {
		handle(t, c, to(id), Nothing)
		handle(t, c, &mining.CloseChannel{ChannelID: id}, Nothing)
		handle(t, c, &mining.SetNewPrevHash{ChannelID: id, JobID: 99}, Nothing)
	}
	if c.Target() != ease(8) || c.GroupID() != 12 || c.Active() == nil {
		t.Error("a foreign message was obeyed")
	}
	handle(t, c, to(12), Nothing)
	if c.Target() != ease(32) {
		t.Error("SetTarget of our new group was ignored")
	}
	handle(t, c, &mining.CloseChannel{ChannelID: 12}, Closed)
}

func TestGroupZeroIsNone(t *testing.T) {
	c := NewClient(Opening{ChannelID: 1})
	m := future(1)
	m.ChannelID = 0
	handle(t, c, m, Nothing)
	if len(c.future) != 0 {
		t.Error("a message for group 0 was obeyed without a group")
	}
}

func TestVersionMask(t *testing.T) {
	c, _ := testClient(t)
	s := share(c)
	s.Version ^= 0x2000
	if _, err := c.Submit(s); err != nil {
		t.Errorf("rolled version: %v", err)
	}
	handle(t, c, &mining.NewExtendedMiningJob{ChannelID: 9, JobID: 2, MinNTime: sv2.Some(1000), Version: 0x20000000}, JobChanged)
	s = share(c)
	s.Version ^= 0x2000
	if _, err := c.Submit(s); !errors.Is(err, ErrShare) {
		t.Errorf("rolled version where the job forbids it: %v", err)
	}
}

func TestNTime(t *testing.T) {
	c, _ := testClient(t)
	for _, row := range []struct {
		ntime uint32
		after time.Duration
		ok    bool
	}{
		{1000, 0, true}, {999, time.Hour, false}, {1001, 0, false}, {1001, time.Second - 1, false},
		{1001, time.Second, true}, {1060, time.Minute, true}, {1061, time.Minute, false}, {1000, -time.Hour, true}, {1001, -time.Hour, false},
	} {
		s := share(c)
		s.NTime, s.Found = row.ntime, start.Add(row.after)
		if _, err := c.Submit(s); (err == nil) != row.ok || err != nil && !errors.Is(err, ErrShare) {
			t.Errorf("time %d after %v: %v", row.ntime, row.after, err)
		}
	}
	j := Job{NTime: 0xfffffff0, Received: start}
	if got := j.MaxNTime(start.Add(time.Hour)); got != 0xffffffff {
		t.Errorf("MaxNTime at the end of time = %d", got)
	}
}

// TestAnswers drives the matching by a script: s submits, +n accepts up to n, -n
// refuses n, x closes.
func TestAnswers(t *testing.T) {
	for _, row := range []struct{ script, want string }{
		{"s s s -1 +2", "1r 0a 2a"},
		{"s s s +0 +2", "0a 1a 2a"},
		{"s s s -2 -0 +2", "2r 0r 1a"},
		{"s s s +2 +2 -1 +0", "0a 1a 2a"},
		{"s +0 s s -1 -1 +2", "0a 1r 2a"},
		{"s s +7 -7 +1", "0a 1a"},
		{"+0 -0 s +0", "0a"},
		{"s s s -2 -1 -0 s +3", "2r 1r 0r 3a"},
		{"s s s s -1 -2 +1 +3", "1r 2r 0a 3a"},
		{"s s x s", "0l 1l"},
	} {
		c, ended := testClient(t)
		one := share(c)
		var got []string
		for _, word := range strings.Fields(row.script) {
			n := uint32(word[len(word)-1] - '0')
			switch word[0] {
			case 's':
				_, _ = c.Submit(one)
			case 'x':
				c.Close("cut")
			case '+':
				handle(t, c, &mining.SubmitSharesSuccess{ChannelID: 1, LastSequenceNumber: n, NewSubmitsAcceptedCount: 99}, Nothing)
			case '-':
				handle(t, c, &mining.SubmitSharesError{ChannelID: 1, SequenceNumber: n, ErrorCode: "no"}, Nothing)
			}
		}
		for _, o := range *ended {
			got = append(got, fmt.Sprintf("%d%c", o.Sequence, o.End.String()[0]))
		}
		if s := fmt.Sprint(got); s != "["+row.want+"]" {
			t.Errorf("%s: ended %s, want %s", row.script, s, row.want)
		}
	}
}

// TestAnswersWrap: sequence numbers wrap around 2^32.
func TestAnswersWrap(t *testing.T) {
	c, ended := testClient(t)
	c.acks.first = 0xfffffffe
	for range 4 {
		if _, err := c.Submit(share(c)); err != nil {
			t.Fatal(err)
		}
	}
	handle(t, c, &mining.SubmitSharesError{ChannelID: 1, SequenceNumber: 0xffffffff}, Nothing)
	handle(t, c, &mining.SubmitSharesSuccess{ChannelID: 1, LastSequenceNumber: 0}, Nothing)
	if got := fmt.Sprint(sequences(*ended)); got != "[4294967295 4294967294 0]" {
		t.Errorf("ended %s", got)
	}
	if s := c.Stats(); s.Pending != 1 || s.Accepted != 2 || s.Rejected != 1 {
		t.Errorf("%+v", s)
	}
}

func sequences(list []Outcome) (out []uint32) {
	for _, o := range list {
		out = append(out, o.Sequence)
	}
	return out
}

// TestPendingBound: a server that never answers costs bounded memory; its shares are
// lost, oldest first.
func TestPendingBound(t *testing.T) {
	c, ended := testClient(t)
	for range maxPending + 10 {
		if _, err := c.Submit(share(c)); err != nil {
			t.Fatal(err)
		}
	}
	lost := slices.Clone(*ended)
	if len(lost) != 10 || lost[9].Sequence != 9 || lost[9].End != Lost || len(c.acks.ring) != maxPending {
		t.Errorf("%d lost, ring of %d", len(lost), len(c.acks.ring))
	}
	if n := c.Expire(start); n != 0 {
		t.Errorf("Expire lost %d young shares", n)
	}
	if n := c.Expire(start.Add(1)); n != maxPending || c.Stats().Pending != 0 {
		t.Errorf("Expire lost %d, %+v", n, c.Stats())
	}
}

func TestClosed(t *testing.T) {
	c, ended := testClient(t)
	s := share(c)
	if _, err := c.Submit(s); err != nil {
		t.Fatal(err)
	}
	handle(t, c, &mining.CloseChannel{ChannelID: 1, ReasonCode: "bye"}, Closed)
	if len(*ended) != 1 || (*ended)[0].End != Lost || (*ended)[0].Reason != "channel closed: bye" {
		t.Errorf("ended %+v", *ended)
	}
	handle(t, c, future(3), Nothing)
	if _, err := c.Submit(s); !errors.Is(err, ErrClosed) || c.Active() != nil || len(c.future) != 0 {
		t.Errorf("Submit after the end: %v", err)
	}
	c.Close("again")
	if len(*ended) != 1 {
		t.Error("a share ended twice")
	}
}

// TestNumbers: job numbers are unique across channels that share a counter.
func TestNumbers(t *testing.T) {
	numbers := new(atomic.Uint64)
	used := map[uint64]bool{}
	for range 3 {
		c := NewClient(Opening{ChannelID: 1, Numbers: numbers})
		handle(t, c, prevHash(1, 1, 1000), Nothing)
		for range 3 {
			if _, err := c.Handle(atOnce(1, 1000), start); err != nil {
				t.Fatal(err)
			}
			used[c.Active().Number] = true
		}
	}
	if len(used) != 9 {
		t.Errorf("%d numbers for 9 jobs", len(used))
	}
}

func TestSubmitAllocates(t *testing.T) {
	c, _ := testClient(t)
	c.acks.ended = nil
	s := share(c)
	answer := &mining.SubmitSharesSuccess{ChannelID: 1}
	if n := testing.AllocsPerRun(1000, func() {
		m, err := c.Submit(s)
		if err != nil {
			t.Fatal(err)
		}
		answer.LastSequenceNumber = m.SequenceNumber
		if _, err := c.Handle(answer, start); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a share and its answer", n)
	}
}

// TestGroupJobOnStandardChannel works out the merkle root as the coinbase says, with
// and without BIP141's fields in the halves.
func TestGroupJobOnStandardChannel(t *testing.T) {
	body := testBody(t, 1, 4)
	want := bitcoin.FoldMerkle(body.Coinbase.TxID([]byte{0, 0, 0, 1}), body.Path)
	for _, bip141 := range []bool{false, true} {
		c, _ := testClient(t)
		p, s := body.Coinbase.Prefix, body.Coinbase.Suffix
		if bip141 {
			p, s = bitcoin.AddBIP141(p, s)
		}
		m := &mining.NewExtendedMiningJob{ChannelID: 9, JobID: 2, MinNTime: sv2.Some(1000), CoinbaseTxPrefix: p, CoinbaseTxSuffix: s}
		for _, h := range body.Path {
			m.MerklePath = append(m.MerklePath, sv2.U256(h))
		}
		handle(t, c, m, JobChanged)
		if got := c.Active().MerkleRoot; got != want {
			t.Errorf("BIP141 %v: root %v, want %v", bip141, got, want)
		}
	}
}
