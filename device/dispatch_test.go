package device

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// fake is a hasher that does what run says.
type fake struct {
	name string
	run  func(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error
}

func (f *fake) String() string { return f.name }

func (f *fake) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	return f.run(ctx, feed, found)
}

// hand is a hasher in the test's hand: the test calls feed and found itself.
type hand struct {
	feed  *hashing.Feed
	found func(hashing.Solution)
}

// rig is a dispatcher that runs, one hand for each hasher, and what was submitted.
type rig struct {
	*Dispatcher
	hands []hand

	mu     sync.Mutex
	shares []channel.Share
}

func newRig(t *testing.T, hashers int) *rig {
	t.Helper()
	r := &rig{hands: make([]hand, hashers)}
	var list []hashing.Hasher
	for i := range hashers {
		list = append(list, &fake{"hand", func(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
			feed.Declare(hashing.Traits{HashRate: 1000})
			r.hands[i] = hand{feed, found}
			<-ctx.Done()
			return nil
		}})
	}
	r.start(t, list)
	return r
}

// start runs a dispatcher of the hashers until the test ends.
func (r *rig) start(t *testing.T, list []hashing.Hasher) {
	t.Helper()
	var err error
	r.Dispatcher, err = NewDispatcher(list, DispatcherConfig{Submit: func(s channel.Share) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.shares = append(r.shares, s)
	}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.Run(t.Context()) }() // ends before the test's cleanup does
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
}

// job makes a job whose shares take so many hashes.
func job(number uint64, hashes float64) *channel.Job {
	return &channel.Job{
		Number: number, ID: uint32(number) + 1000, Version: 0x20000000, VersionMask: 0x1fffe000,
		PrevHash: bitcoin.Hash{1}, MerkleRoot: bitcoin.Hash{byte(number), byte(number >> 8)},
		NTime: 1_700_000_000, NBits: 0x1d00ffff, Received: time.Now(),
		Target: bitcoin.RateTarget(hashes, 60),
	}
}

// solve finds the first nonce from a start whose hash meets want and not avoid.
func solve(w hashing.Work, from uint32, want bitcoin.Target, avoid *bitcoin.Target) hashing.Solution {
	h := w.Header
	for h.Nonce = from; ; h.Nonce++ {
		hash := h.Hash()
		if want.MetBy(hash) && (avoid == nil || !avoid.MetBy(hash)) {
			return hashing.Solution{Work: w.ID, Nonce: h.Nonce, Version: h.Version, NTime: h.NTime}
		}
	}
}

func (h hand) next(t *testing.T) hashing.Work {
	t.Helper()
	w, err := h.feed.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestShareLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		j := job(7, 100)
		r.Job(j, true)
		w := r.hands[0].next(t)
		if w.Target.Cmp(j.Target) < 0 {
			t.Fatalf("work's target %v is harder than the job's", w.Target)
		}
		s := solve(w, 0, j.Target, nil)
		r.hands[0].found(s)
		if len(r.shares) != 1 {
			t.Fatalf("%d shares left, want 1; %+v", len(r.shares), r.Status().Total)
		}
		got := r.shares[0]
		header := j.Header(got.Nonce, got.NTime, got.Version)
		want := channel.Share{Job: 7, JobID: 1007, Nonce: s.Nonce, NTime: s.NTime, Version: s.Version, Hash: header.Hash(), Found: time.Now()}
		if got != want || !j.Target.MetBy(got.Hash) {
			t.Errorf("share %+v, want %+v", got, want)
		}
	})
}

// Each claim is counted as what it is, and only shares leave.
func TestClaims(t *testing.T) {
	easy, hard := 20.0, 500.0
	for _, c := range []struct {
		name  string
		claim func(t *testing.T, r *rig, w hashing.Work) hashing.Solution
		want  Tally
	}{
		{"share", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			return solve(w, 0, r.supplies[0].job.Target, nil)
		}, Tally{Works: 1, Solutions: 1, Shares: 1}},
		{"below the pool's target", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			return solve(w, 0, w.Target, &r.supplies[0].job.Target)
		}, Tally{Works: 1, Solutions: 1}},
		{"not a solution", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			return solve(w, 0, bitcoin.MaxTarget(), &w.Target)
		}, Tally{Works: 1, HardwareErrors: 1}},
		{"version that is not the work's", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			w.Header.Version ^= 0x2000
			return solve(w, 0, r.supplies[0].job.Target, nil)
		}, Tally{Works: 1, HardwareErrors: 1}},
		{"time that is not the work's", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			w.Header.NTime++
			return solve(w, 0, r.supplies[0].job.Target, nil)
		}, Tally{Works: 1, HardwareErrors: 1}},
		{"unknown work", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			w.ID += 5
			return solve(w, 0, r.supplies[0].job.Target, nil)
		}, Tally{Works: 1, Stale: 1}},
		{"forgotten work", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			for range recent {
				r.hands[0].next(t)
			}
			return solve(w, 0, r.supplies[0].job.Target, nil)
		}, Tally{Works: 1 + recent, Stale: 1}},
		{"duplicate", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			s := solve(w, 0, r.supplies[0].job.Target, nil)
			r.hands[0].found(s)
			return s
		}, Tally{Works: 1, Solutions: 1, Shares: 1, Duplicates: 1}},
		{"old tip", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			s := solve(w, 0, r.supplies[0].job.Target, nil)
			r.Job(job(8, hard), true)
			return s
		}, Tally{Works: 1, Stale: 1}},
		{"replaced job, same tip", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			s := solve(w, 0, r.supplies[0].job.Target, nil)
			r.Job(job(8, hard), false)
			return s
		}, Tally{Works: 1, Solutions: 1, Shares: 1}},
		{"stopped job", func(t *testing.T, r *rig, w hashing.Work) hashing.Solution {
			s := solve(w, 0, r.supplies[0].job.Target, nil)
			r.Job(nil, false)
			return s
		}, Tally{Works: 1, Stale: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.Job(job(7, hard), true)
				r.hands[0].feed.Declare(hashing.Traits{HashRate: easy * wishedSolutions})
				w := r.hands[0].next(t)
				r.hands[0].found(c.claim(t, r, w))
				if got := r.Status().Total; got != c.want {
					t.Errorf("counted %+v, want %+v", got, c.want)
				}
				if len(r.shares) != int(c.want.Shares) {
					t.Errorf("%d shares left, want %d", len(r.shares), c.want.Shares)
				}
			})
		})
	}
}

// A hasher that rolls version bits gets them to itself, and its solutions count.
func TestRollingHasher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.Job(job(7, 50), true)
		one := r.hands[1].next(t)
		r.hands[0].feed.Declare(hashing.Traits{RollBits: 4, HashRate: 1000})
		w := r.hands[0].next(t)
		if w.VersionMask != 0x0001e000 || (w.Header.Version^one.Header.Version)&^w.VersionMask == 0 {
			t.Fatalf("work of the rolling hasher: version %#x, mask %#x; the other's: %#x",
				w.Header.Version, w.VersionMask, one.Header.Version)
		}
		w.Header.Version = hashing.RollVersion(w.Header.Version, w.VersionMask, 11)
		r.hands[0].found(solve(w, 0, r.supplies[0].job.Target, nil))
		if len(r.shares) != 1 || r.shares[0].Version != w.Header.Version {
			t.Errorf("shares %+v, want one with version %#x", r.shares, w.Header.Version)
		}
	})
}

// Without version bits a job has one work each second; hashers wait for it.
func TestNextWaitsForTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		j := job(7, 50)
		j.VersionMask = 0
		time.Sleep(300 * time.Millisecond) // on its way
		r.Job(j, true)
		for i := range uint32(5) {
			w := r.hands[i%2].next(t)
			if w.Header.NTime != j.NTime+i || time.Since(j.Received) != max(300*time.Millisecond, time.Duration(i)*time.Second) {
				t.Errorf("work %d: time %d after %v", i, w.Header.NTime-j.NTime, time.Since(j.Received))
			}
		}
	})
}

// The same job again, after a pause or with a new target, goes on where it was.
func TestSameJobGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		j := job(7, 50)
		r.Job(j, true)
		first := r.hands[0].next(t)
		r.Job(nil, false)
		r.Job(j, false)
		second := r.hands[0].next(t)
		easier := *j
		easier.Target = bitcoin.RateTarget(10, 60)
		r.Job(&easier, false)
		third := r.hands[0].next(t)
		if first.Header == second.Header || second.Header == third.Header || first.Header == third.Header {
			t.Error("work was given out twice")
		}
		if third.Target.Cmp(easier.Target) < 0 {
			t.Error("work's target is harder than the job's new one")
		}
	})
}

func TestJobWakesHashers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		var works atomic.Int32
		for _, h := range r.hands {
			go func() {
				if _, err := h.feed.Next(t.Context()); err == nil {
					works.Add(1)
				}
			}()
		}
		synctest.Wait()
		if works.Load() != 0 {
			t.Fatal("work without a job")
		}
		changed := r.hands[0].feed.Changed()
		r.Job(job(7, 50), true)
		<-changed
		synctest.Wait()
		if works.Load() != 3 {
			t.Errorf("%d of 3 hashers have work", works.Load())
		}
	})
}

// A hasher that fails is started again, later and later; another does not notice.
func TestFailingHasherIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var starts []time.Duration
		bad := &fake{"bad", func(context.Context, *hashing.Feed, func(hashing.Solution)) error {
			starts = append(starts, time.Since(begin))
			if len(starts) == 3 {
				return nil // also wrong
			}
			return errors.New("cable out")
		}}
		good := &fake{"good", func(ctx context.Context, _ *hashing.Feed, _ func(hashing.Solution)) error {
			<-ctx.Done()
			time.Sleep(time.Second) // to come to rest
			return nil
		}}
		d, err := NewDispatcher([]hashing.Hasher{bad, good}, DispatcherConfig{Submit: func(channel.Share) {}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		checked := make(chan DispatcherStatus, 1)
		time.AfterFunc(149*time.Second, func() { checked <- d.Status() })
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		var want []time.Duration
		for _, s := range []time.Duration{0, 1, 3, 7, 15, 31, 63, 123} {
			want = append(want, s*time.Second)
		}
		if !reflect.DeepEqual(starts, want) {
			t.Errorf("starts at %v, want %v", starts, want)
		}
		if d := time.Since(begin); d != 151*time.Second {
			t.Errorf("Run returned after %v: it did not wait for the good hasher", d)
		}
		s := <-checked
		if b := s.Hashers[0]; b.Running || b.Failures != 8 || !strings.Contains(b.LastFailure, "cable out") {
			t.Errorf("status of the bad one %+v", b)
		}
		if g := s.Hashers[1]; !g.Running || g.Failures != 0 {
			t.Errorf("status of the good one %+v", g)
		}
		if len(s.Events) != 8 || !strings.Contains(s.Events[2].Text, "bad failed: returned without being asked") {
			t.Errorf("events %+v", s.Events)
		}
	})
}

// A hasher that ran well for long is restarted soon again.
func TestBackoffIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended, pauses []time.Duration
		begin := time.Now()
		h := &fake{"h", func(ctx context.Context, _ *hashing.Feed, _ func(hashing.Solution)) error {
			now := time.Since(begin)
			if n := len(ended); n > 0 {
				pauses = append(pauses, now-ended[n-1])
			}
			if len(pauses) == 4 {
				time.Sleep(2 * longestPause)
			}
			ended = append(ended, time.Since(begin))
			return errors.New("broken")
		}}
		d, err := NewDispatcher([]hashing.Hasher{h}, DispatcherConfig{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
		defer cancel()
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(pauses) < 6 || pauses[3] != 8*time.Second || pauses[4] != time.Second || pauses[5] != 2*time.Second {
			t.Errorf("pauses %v, want 1 2 4 8 1 2 s", pauses)
		}
	})
}

func TestHashRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.Job(job(7, 1e6), true)
		for i, h := range r.hands {
			target := bitcoin.RateTarget(float64(int(8)<<i), 60) // 9 and 17 hashes a solution
			h.feed.Declare(hashing.Traits{Target: &target})
		}
		works := []hashing.Work{r.hands[0].next(t), r.hands[1].next(t)}
		nonces := make([]uint32, 2)
		for range 900 {
			time.Sleep(100 * time.Millisecond)
			for i, h := range r.hands {
				s := solve(works[i], nonces[i], works[i].Target, nil)
				h.found(s)
				nonces[i] = s.Nonce + 1
			}
		}
		s := r.Status()
		for i, want := range []float64{90, 170} {
			if got := s.Hashers[i].HashRate; !near(got.Seconds5, want) || !near(got.Minute1, want) || !near(got.Minutes15, want) {
				t.Errorf("hash rate of hasher %d is %+v, want %v", i, got, want)
			}
		}
		if !near(s.HashRate.Minute1, 260) || s.Hashers[1].SolutionAgeSeconds != 0 || s.BestDifficulty <= 0 {
			t.Errorf("status %+v", s)
		}
		if s.Job.AgeSeconds != 90 || s.State != Mining {
			t.Errorf("job %+v, state %v", s.Job, s.State)
		}
	})
}

func TestStatusIsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.Job(job(7, 50), true)
		r.hands[0].found(solve(r.hands[0].next(t), 0, r.supplies[0].job.Target, nil))
		want := r.Status()
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got DispatcherStatus
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		for i := range got.Events {
			if !got.Events[i].Time.Equal(want.Events[i].Time) {
				t.Errorf("event %d at %v, want %v", i, got.Events[i].Time, want.Events[i].Time)
			}
			got.Events[i].Time = want.Events[i].Time
		}
		got.Time = want.Time
		if !reflect.DeepEqual(got, want) {
			t.Errorf("status\n%+v\nwent through JSON as\n%+v\n%s", want, got, text)
		}
		for _, word := range []string{`"state":"mining"`, `"5s":`, `"hardware_errors":0`, `"shares":1`} {
			if !strings.Contains(string(text), word) {
				t.Errorf("no %s in %s", word, text)
			}
		}
	})
}

func TestNewDispatcherNeedsHashers(t *testing.T) {
	if _, err := NewDispatcher(nil, DispatcherConfig{}); err == nil {
		t.Error("a dispatcher without hashers")
	}
}

// Job is for the tests that have one channel.
func (d *Dispatcher) Job(j *channel.Job, newTip bool) { d.supplies[0].Job(j, newTip) }
