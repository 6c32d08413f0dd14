package device

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// roller is a hand that says how many version bits it rolls.
type roller struct {
	fake
	bits int
}

func (r *roller) RollBits() int { return r.bits }

func TestGroup(t *testing.T) {
	plain := &fake{name: "plain"}
	rolls := func(bits int) hashing.Hasher { return &roller{bits: bits} }
	for _, c := range []struct {
		hashers []hashing.Hasher
		want    []int
	}{
		{[]hashing.Hasher{plain, plain}, []int{0, 0}},
		{[]hashing.Hasher{rolls(16), rolls(16), rolls(16)}, []int{0, 1, 2}},
		{[]hashing.Hasher{rolls(2), rolls(2), rolls(2)}, []int{0, 0, 0}},
		{[]hashing.Hasher{rolls(16), plain, rolls(16), rolls(2)}, []int{0, 1, 2, 1}},
	} {
		if of, count := group(c.hashers, 0x1fffe000); !slices.Equal(of, c.want) || count != slices.Max(of)+1 {
			t.Errorf("group = %v, %d, want %v", of, count, c.want)
		}
	}
}

// chains is a rig of so many hands that roll all bits.
func chains(t *testing.T, n int) *rig {
	t.Helper()
	r := &rig{hands: make([]hand, n)}
	var list []hashing.Hasher
	for i := range n {
		list = append(list, &roller{bits: 16, fake: fake{"chain", func(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
			feed.Declare(hashing.Traits{HashRate: 1000, RollBits: 16})
			r.hands[i] = hand{feed, found}
			<-ctx.Done()
			return nil
		}}})
	}
	r.start(t, list)
	return r
}

// all are the works that the hands get at once; there must be one for each.
func (r *rig) all(t *testing.T) (works []hashing.Work) {
	t.Helper()
	for i, h := range r.hands {
		w, ok := h.feed.Try()
		if !ok {
			t.Fatalf("chain %d has no work", i)
		}
		works = append(works, w)
	}
	return works
}

func (r *rig) tell(i int, j *channel.Job, newTip bool) { r.Miners()[i].Job(j, newTip) }

// Each chain has its channel's job, and is told of that one's changes alone.
func TestChainsAreFedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := chains(t, 3)
		for i := range 3 {
			r.tell(i, job(uint64(i+1), 100), true)
		}
		old := r.all(t)
		r.tell(1, job(9, 100), true)
		for i, w := range old {
			select {
			case <-w.Changed:
				if i != 1 {
					t.Errorf("the work of chain %d was given up", i)
				}
			default:
				if i == 1 {
					t.Error("the work of the channel with a new tip goes on")
				}
			}
			r.hands[i].found(solve(w, 0, r.supplies[i].job.Target, nil))
		}
		if s := r.Status(); s.Total.Shares != 2 || s.Hashers[1].Stale != 1 {
			t.Errorf("total %+v", s.Total)
		}
		w, ok := r.hands[1].feed.Try()
		if !ok || w.Header.MerkleRoot != r.supplies[1].job.MerkleRoot {
			t.Errorf("work after the tip %+v", w)
		}
		numbers := []uint64{r.shares[0].Job, r.shares[1].Job}
		if !slices.Equal(numbers, []uint64{1, 3}) {
			t.Errorf("shares for jobs %v", numbers)
		}
	})
}

// A chain without a channel works for the others, and comes back to its own.
func TestChainsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := chains(t, 3)
		r.tell(0, job(1, 100), true)
		if _, ok := r.hands[1].feed.Try(); ok {
			t.Error("work of another's first second")
		}
		time.Sleep(3 * time.Second)
		works := r.all(t)
		ntimes := map[uint32]bool{}
		for i, w := range works {
			ntimes[w.Header.NTime] = true
			if w.Header.MerkleRoot != r.supplies[0].job.MerkleRoot {
				t.Errorf("chain %d has %+v", i, w)
			}
			r.hands[i].found(solve(w, 0, r.supplies[0].job.Target, nil))
		}
		if len(ntimes) != 3 || len(r.shares) != 3 {
			t.Errorf("times %v, %d shares", ntimes, len(r.shares))
		}
		r.tell(1, job(2, 100), true)
		if <-works[1].Changed; r.next(t, 1).Header.MerkleRoot != r.supplies[1].job.MerkleRoot {
			t.Error("chain 1 does not work for its channel")
		}
		r.tell(0, nil, true)
		if s := r.Status(); s.State != Mining || s.Job.Number != 2 {
			t.Errorf("status %+v", s)
		}
		time.Sleep(3 * time.Second)
		for i, w := range r.all(t) {
			if w.Header.MerkleRoot != r.supplies[1].job.MerkleRoot {
				t.Errorf("chain %d has %+v", i, w)
			}
		}
		r.tell(1, nil, true)
		if s := r.Status(); s.State != Waiting || s.Job != nil {
			t.Errorf("status %+v", s)
		}
	})
}

func (r *rig) next(t *testing.T, i int) hashing.Work { return r.hands[i].next(t) }

func TestPauseStopsAllChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := chains(t, 2)
		r.tell(0, job(1, 100), true)
		r.tell(1, job(2, 100), true)
		works := r.all(t)
		r.setPaused(true)
		for i, w := range works {
			<-w.Changed
			if _, ok := r.hands[i].feed.Try(); ok {
				t.Errorf("chain %d has work in a pause", i)
			}
		}
		if p, mining := r.paces(make([]time.Time, 2)); mining {
			t.Errorf("paces in a pause: %v", p)
		}
		time.Sleep(time.Second)
		r.setPaused(false)
		r.all(t)
	})
}

// Hash rates are told for each channel; those of chains without one count where they
// work.
func TestPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := chains(t, 2)
		target := bitcoin.RateTarget(9, 60)
		for _, h := range r.hands {
			h.feed.Declare(hashing.Traits{Target: &target, RollBits: 16, HashRate: 80})
		}
		r.tell(0, job(1, 1e6), true)
		r.tell(1, job(2, 1e6), true)
		nonces := make([]uint32, 2)
		works := r.all(t)
		for n := range 600 {
			time.Sleep(100 * time.Millisecond)
			for i, w := range works {
				if i == 1 || n%2 == 0 {
					s := solve(w, nonces[i], target, nil)
					r.hands[i].found(s)
					nonces[i] = s.Nonce + 1
				}
			}
		}
		since := []time.Time{time.Now().Add(-time.Hour), time.Now().Add(-30 * time.Second)}
		p, mining := r.paces(since)
		if !mining || len(p) != 2 || !near(p[0].rate, 50) || !near(p[1].rate, 100) || p[1].solutions != 600 || p[1].declared != 80 {
			t.Errorf("paces %+v", p)
		}
		r.tell(0, nil, true)
		if p, _ := r.paces(since); p[0] != (pace{}) || !near(p[1].rate, 150) || p[1].declared != 160 {
			t.Errorf("paces without channel 0: %+v", p)
		}
		for _, c := range []struct {
			rate float64
			want []float64
		}{{10, []float64{5, 5}}} {
			if got := r.split(c.rate); !slices.Equal(got, c.want) {
				t.Errorf("split(%v) = %v, want %v", c.rate, got, c.want)
			}
		}
	})
}
