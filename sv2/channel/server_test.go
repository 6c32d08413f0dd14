package channel

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// TestSubmitOrder breaks one more rule with each row, from the last checked to the
// first, and keeps what was broken: the code is always that of the first check.
func TestSubmitOrder(t *testing.T) {
	s := testServer(t, ease(8), testBody(t, 1, 6))
	m := active(s)
	search(s, &m, ease(8), bitcoin.MaxTarget())
	now := start
	for _, row := range []struct {
		change func()
		want   string
	}{
		{func() {}, mining.CodeDifficultyTooLow},
		{func() { m.NTime-- }, mining.CodeInvalidShare},
		{func() { m.Version ^= 1 }, mining.CodeInvalidNonRollableVersionBit},
		{func() { s.mask = 0 }, mining.CodeVersionRollingNotAllowed},
		{func() { m.JobID = 0 }, mining.CodeInvalidJobID},
		{func() { m.ChannelID++ }, mining.CodeInvalidChannelID},
	} {
		row.change()
		if r, code := s.Submit(&m, now); code != row.want || r.Accepted || r.Block {
			t.Errorf("Submit = %+v, %q; want %q", r, code, row.want)
		}
	}
}

func TestSubmitTime(t *testing.T) {
	s := testServer(t, bitcoin.MaxTarget(), testBody(t, 1, 6))
	for _, row := range []struct {
		ntime uint32
		want  string
	}{
		{s.tip.NTime, ""},
		{s.tip.NTime - 1, mining.CodeInvalidShare},
		{uint32(start.Unix()) + 7200, ""},
		{uint32(start.Unix()) + 7201, mining.CodeInvalidShare},
		{0xffffffff, mining.CodeInvalidShare},
		{0, mining.CodeInvalidShare},
	} {
		m := active(s)
		m.NTime = row.ntime
		if _, code := s.Submit(&m, start); code != row.want {
			t.Errorf("time %d: %q, want %q", row.ntime, code, row.want)
		}
	}
}

func TestSubmitVersion(t *testing.T) {
	s := testServer(t, bitcoin.MaxTarget(), testBody(t, 1, 6))
	for _, row := range []struct {
		mask, version uint32
		want          string
	}{
		{mining.VersionMask, 0x3fffffe0, ""},
		{mining.VersionMask, 0x20000020, ""},
		{mining.VersionMask, 0x20000010, mining.CodeInvalidNonRollableVersionBit},
		{mining.VersionMask, 0, mining.CodeInvalidNonRollableVersionBit},
		{0, 0x20000000, ""},
		{0, 0x20000020, mining.CodeVersionRollingNotAllowed},
	} {
		m := active(s)
		m.Version, s.mask = row.version, row.mask
		if _, code := s.Submit(&m, start); code != row.want {
			t.Errorf("version %08x, mask %08x: %q, want %q", row.version, row.mask, code, row.want)
		}
	}
}

// TestSubmitTarget: equal counts as meeting, one less does not, and a job keeps the
// target that it became active under.
func TestSubmitTarget(t *testing.T) {
	body := testBody(t, 1, 6)
	s := testServer(t, ease(8), body)
	m := active(s)
	search(s, &m, ease(16), ease(8))
	hash := bitcoin.Target(s.header(&m).Hash())
	less := hash
	less[0]-- // no test hash ends in a zero byte
	for _, row := range []struct {
		target bitcoin.Target
		want   string
	}{{less, mining.CodeDifficultyTooLow}, {hash, ""}} {
		s := testServer(t, row.target, body)
		if _, code := s.Submit(&m, start); code != row.want {
			t.Errorf("hash %v, target %v: %q, want %q", hash, row.target, code, row.want)
		}
	}
	s.SetTarget(less)
	if r, code := s.Submit(&m, start); code != "" || r.Target != ease(8) {
		t.Errorf("after SetTarget: %q, target %v", code, r.Target)
	}
	later, err := s.NewJob(body, false)
	if err != nil {
		t.Fatal(err)
	}
	search(s, &m, bitcoin.Target{}, ease(8))
	if r, code := s.Submit(&m, start); code != "" || r.Target != ease(8) {
		t.Errorf("past job after SetTarget: %q, target %v", code, r.Target)
	}
	m.JobID = later.JobID
	search(s, &m, less, ease(8))
	if _, code := s.Submit(&m, start); code != mining.CodeDifficultyTooLow {
		t.Errorf("later job: %q", code)
	}
}

// TestQueuedTarget: SetTarget counts for future jobs in the queue.
func TestQueuedTarget(t *testing.T) {
	s := testServer(t, ease(8), testBody(t, 1, 6))
	next := testBody(t, 2, 6)
	if _, err := s.NewJob(next, true); err != nil {
		t.Fatal(err)
	}
	s.SetTarget(bitcoin.MaxTarget())
	if _, err := s.SetNewPrevHash(next, next.Tip); err != nil {
		t.Fatal(err)
	}
	m := active(s)
	search(s, &m, ease(8), bitcoin.MaxTarget())
	if _, code := s.Submit(&m, start); code != "" {
		t.Error(code)
	}
}

func TestJobLife(t *testing.T) {
	one, two, three := testBody(t, 1, 6), testBody(t, 1, 6), testBody(t, 2, 6)
	s := testServer(t, bitcoin.MaxTarget(), one)
	old := active(s)
	if _, err := s.NewJob(two, false); err != nil {
		t.Fatal(err)
	}
	waiting, err := s.NewJob(three, true)
	if err != nil {
		t.Fatal(err)
	}
	submit := func(m mining.SubmitSharesStandard, want string) {
		t.Helper()
		if _, code := s.Submit(&m, start); code != want {
			t.Errorf("job %d: %q, want %q", m.JobID, code, want)
		}
	}
	submit(old, "")                        // past
	submit(active(s), "")                  // active
	submit(old, mining.CodeDuplicateShare) // seen
	early := active(s)                     //
	early.JobID = waiting.JobID            //
	submit(early, mining.CodeInvalidJobID) // future
	early.JobID = waiting.JobID + 1        //
	submit(early, mining.CodeInvalidJobID) // never made
	if _, err := s.NewJob(three, false); !errors.Is(err, ErrWrongTip) {
		t.Errorf("a job of another tip: %v", err)
	}
	tip, err := s.SetNewPrevHash(three, three.Tip)
	if err != nil || tip.JobID != waiting.JobID || s.Duplicates() != 0 {
		t.Fatalf("SetNewPrevHash = %+v, %v; %d duplicates", tip, err, s.Duplicates())
	}
	submit(old, mining.CodeStaleShare)
	submit(active(s), "")
	if _, err := s.SetNewPrevHash(three, three.Tip); !errors.Is(err, ErrNoJob) {
		t.Errorf("a future job twice: %v", err)
	}
}

// TestBlock: a block counts even if the channel's target is harder than the
// network's; the result has all that is needed to hand it in.
func TestBlock(t *testing.T) {
	body := testBody(t, 1, 6)
	body.Template.Transactions = [][]byte{{0xde, 0xad}}
	body.Tip.Target = ease(8)
	s := testServer(t, ease(16), body)
	m := active(s)
	search(s, &m, ease(16), ease(8))
	r, code := s.Submit(&m, start)
	if code != "" || !r.Accepted || !r.Block || r.Target != ease(8) {
		t.Fatalf("Submit = %+v, %q", r, code)
	}
	if _, code := s.Submit(&m, start); code != mining.CodeDuplicateShare {
		t.Errorf("again: %q", code)
	}
	coinbase := r.Coinbase()
	root := bitcoin.FoldMerkle(bitcoin.DoubleHash(coinbase), body.Path)
	if root != r.Header.MerkleRoot || !bytes.Contains(coinbase, []byte{6, 1, 2, 3, 4, 0, 1}) {
		t.Errorf("coinbase %x has root %v, header %v", coinbase, root, r.Header.MerkleRoot)
	}
	block := r.AppendBlock(nil)
	want := bitcoin.AppendBlock(nil, &r.Header, coinbase, body.Template.Transactions)
	if !bytes.Equal(block, want) {
		t.Errorf("block %x, want %x", block, want)
	}
}

// TestSameWork: two jobs of a body differ, or the second is refused. A share that
// leads to the same header under two numbers counts once.
func TestSameWork(t *testing.T) {
	roomy, tight := testBody(t, 1, 6), testBody(t, 1, 4)
	s := testServer(t, bitcoin.MaxTarget(), roomy)
	again, err := s.NewJob(roomy, false)
	if err != nil || bitcoin.Hash(again.MerkleRoot) == s.live[0].root {
		t.Errorf("second job of a body: %v, root %v", err, again.MerkleRoot)
	}
	s = testServer(t, bitcoin.MaxTarget(), tight)
	if _, err := s.NewJob(tight, false); !errors.Is(err, ErrSameWork) {
		t.Errorf("second job of a body without room: %v", err)
	}
	if _, err := s.SetExtranoncePrefix([]byte{5, 5, 5, 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.NewJob(tight, false); err != nil {
		t.Errorf("with another prefix: %v", err)
	}
	copied := s.live[1]
	copied.id = 99
	s.live = append(s.live, copied)
	m := active(s)
	if _, code := s.Submit(&m, start); code != "" {
		t.Error(code)
	}
	m.JobID = s.live[1].id
	if _, code := s.Submit(&m, start); code != mining.CodeDuplicateShare {
		t.Errorf("the same header under another number: %q", code)
	}
}

func TestPrefixPinned(t *testing.T) {
	body := testBody(t, 1, 6)
	s := testServer(t, bitcoin.MaxTarget(), body)
	old := active(s)
	m, err := s.SetExtranoncePrefix([]byte{9, 9, 9, 9})
	if err != nil || m.ChannelID != 1 || !bytes.Equal(m.ExtranoncePrefix, s.ExtranoncePrefix()) {
		t.Fatalf("SetExtranoncePrefix = %+v, %v", m, err)
	}
	if _, err := s.NewJob(body, false); err != nil {
		t.Fatal(err)
	}
	share := active(s)
	for _, row := range []struct {
		m      *mining.SubmitSharesStandard
		prefix []byte
	}{{&old, []byte{1, 2, 3, 4}}, {&share, []byte{9, 9, 9, 9}}} {
		r, code := s.Submit(row.m, start)
		if code != "" || !bytes.Contains(r.Coinbase(), row.prefix) {
			t.Errorf("job %d: %q, coinbase %x", row.m.JobID, code, r.Coinbase())
		}
		if root := bitcoin.FoldMerkle(bitcoin.DoubleHash(r.Coinbase()), body.Path); root != r.Header.MerkleRoot {
			t.Errorf("job %d: root of the coinbase %v, of the header %v", row.m.JobID, root, r.Header.MerkleRoot)
		}
	}
}

func TestMaxTarget(t *testing.T) {
	s, err := NewServer(Grant{ChannelID: 1, Target: ease(8), MaxTarget: ease(16)})
	if err != nil || s.Target() != ease(16) {
		t.Fatalf("opened at %v, %v", s.Target(), err)
	}
	if m := s.SetTarget(bitcoin.MaxTarget()); m.MaximumTarget != sv2.U256(ease(16)) {
		t.Errorf("SetTarget beyond the client's maximum = %v", m.MaximumTarget)
	}
	if _, changed := s.SetMaxTarget(ease(8)); changed {
		t.Error("an easier maximum changed the target")
	}
	if m, changed := s.SetMaxTarget(ease(24)); !changed || m.MaximumTarget != sv2.U256(ease(24)) {
		t.Errorf("a harder maximum: %v, %v", m, changed)
	}
}

// TestServerBounds: jobs and duplicates are bounded; a full set refuses shares
// rather than forget some.
func TestServerBounds(t *testing.T) {
	body := testBody(t, 1, 6)
	s := testServer(t, bitcoin.MaxTarget(), body)
	first := active(s)
	for range 100 {
		for _, future := range []bool{true, false} {
			if _, err := s.NewJob(body, future); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(s.future) != maxFuture || len(s.live) != maxServerLive {
		t.Errorf("%d future, %d live jobs", len(s.future), len(s.live))
	}
	if _, code := s.Submit(&first, start); code != mining.CodeStaleShare {
		t.Errorf("share of a job that was dropped: %q", code)
	}
	s.seen.n, s.seen.table = maxSeen, make([]uint64, 16)
	m := active(s)
	if _, code := s.Submit(&m, start); code != CodeTooManyShares {
		t.Errorf("full set: %q", code)
	}
	s.tip.Target = bitcoin.MaxTarget()
	if r, code := s.Submit(&m, start); code != "" || !r.Block || r.Credit != 0 || r.Hashes != 0 {
		t.Errorf("block with a full set: %+v, %q", r, code)
	}
}

func TestSeen(t *testing.T) {
	var s seen
	hash := func(i uint32) *bitcoin.Hash {
		h := (&bitcoin.Header{Nonce: i}).Hash()
		return &h
	}
	for i := range uint32(10_000) {
		if s.has(hash(i)) {
			t.Fatalf("has %d before", i)
		}
		if !s.add(hash(i)) || !s.has(hash(i)) || s.has(hash(i+1)) {
			t.Fatalf("after adding %d", i)
		}
	}
	if !s.has(hash(0)) || s.n != 10_000 || len(s.table) != 1<<14 {
		t.Errorf("%d in a table of %d", s.n, len(s.table))
	}
	s.clear()
	if s.has(hash(0)) || s.n != 0 || s.table != nil {
		t.Error("not cleared")
	}
	if zero := new(bitcoin.Hash); !s.add(zero) || !s.has(zero) {
		t.Error("a hash that ends in zeros is lost")
	}
}

func TestShareCheckAllocates(t *testing.T) {
	s := testServer(t, bitcoin.MaxTarget(), testBody(t, 1, 6))
	m := active(s)
	s.seen.table = make([]uint64, 1<<14)
	if n := testing.AllocsPerRun(1000, func() {
		m.Nonce++
		if _, code := s.Submit(&m, start); code != "" {
			t.Fatal(code)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a share", n)
	}
}

func BenchmarkShareCheck(b *testing.B) {
	s := testServer(b, bitcoin.MaxTarget(), testBody(b, 1, 6))
	m := active(s)
	now := time.Unix(start.Unix(), 0)
	b.ReportAllocs()
	for b.Loop() {
		if m.Nonce++; m.Nonce&0xffff == 0 {
			s.seen.n, s.seen.table = 0, make([]uint64, 1<<17)
		}
		if _, code := s.Submit(&m, now); code != "" && code != mining.CodeDuplicateShare {
			b.Fatal(code)
		}
	}
}

// BenchmarkNewJob tells one of many channels of a new block, behind a merkle path
// of twelve.
func BenchmarkNewJob(b *testing.B) {
	body := testBody(b, 1, 6)
	body.Path = make([]bitcoin.Hash, 12)
	servers := make([]*Server, 10_000)
	for i := range servers {
		servers[i] = testServer(b, ease(32), body)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s := servers[i%len(servers)]
		if _, err := s.NewJob(body, true); err != nil {
			b.Fatal(err)
		}
		if _, err := s.SetNewPrevHash(body, body.Tip); err != nil {
			b.Fatal(err)
		}
	}
}

// TestIdleSize: ten thousand channels that wait for shares stay small.
func TestIdleSize(t *testing.T) {
	const channels = 2000
	bodies := []*Body{testBody(t, 1, 6), testBody(t, 1, 6), testBody(t, 1, 6)}
	servers, vardiffs := make([]*Server, channels), make([]*Vardiff, channels)
	size := testAllocated(func() {
		for i := range servers {
			servers[i] = testServer(t, ease(32), bodies[0])
			for _, b := range bodies[1:] {
				if _, err := servers[i].NewJob(b, false); err != nil {
					t.Fatal(err)
				}
			}
			vardiffs[i] = NewVardiff(VardiffConfig{Nominal: 1e12}, start)
		}
	}) / channels
	if size > 2048 {
		t.Errorf("%d bytes for an idle channel with its vardiff", size)
	}
	t.Logf("%d bytes for an idle channel with its vardiff", size)
	runtime.KeepAlive(servers)
	runtime.KeepAlive(vardiffs)
}

// testAllocated is how much the heap grows by f, in bytes.
func testAllocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return after.HeapAlloc - before.HeapAlloc
}
