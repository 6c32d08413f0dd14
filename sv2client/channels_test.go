package sv2client

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
)

// A fleet is a pool that gives several channels on a connection and checks that each
// counts for itself.
type fleet struct {
	w *world

	mu     sync.Mutex
	limit  int   // of channels
	mute   bool  // what is beyond the limit gets no answer,
	hangUp bool  // or the end of the connection
	peer   *peer // the last connection
	rates  map[uint32]float64
	next   map[uint32]uint32 // sequence number of each open channel
	users  map[string]int
	shares int
	ids    uint32
}

func newFleet(w *world, name string, limit int) *fleet {
	f := &fleet{w: w, limit: limit, users: map[string]int{}}
	w.pool(name, f.serve)
	return f
}

func (f *fleet) serve(p *peer) {
	if !p.setUp(0) {
		return
	}
	f.mu.Lock()
	f.peer, f.next, f.rates = p, map[uint32]uint32{}, map[uint32]float64{}
	f.mu.Unlock()
	p.serve(f.answer)
}

// open are the channels of the last connection, from the first.
func (f *fleet) open() []uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.next))
}

func (f *fleet) answer(m sv2.Message) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch m := m.(type) {
	case *mining.OpenStandardMiningChannel:
		return f.grant(m)
	case *mining.UpdateChannel:
		f.rates[m.ChannelID] = float64(m.NominalHashRate)
	case *mining.CloseChannel:
		delete(f.next, m.ChannelID)
	case *mining.SubmitSharesStandard:
		want, open := f.next[m.ChannelID]
		if !open || m.SequenceNumber != want || m.JobID/100 != m.ChannelID {
			f.w.t.Errorf("share %+v: channel open %v, want sequence number %d and a job of its channel", m, open, want)
		}
		f.next[m.ChannelID]++
		f.shares++
		f.peer.channel = m.ChannelID
		return f.peer.accept(m.SequenceNumber)
	}
	return true
}

func (f *fleet) grant(m *mining.OpenStandardMiningChannel) bool {
	f.users[m.UserIdentity]++
	p := f.peer
	if len(f.next) >= f.limit {
		switch {
		case f.hangUp:
			return false
		case f.mute:
			return true
		}
		return p.send(&mining.OpenMiningChannelError{RequestID: m.RequestID, ErrorCode: "too-many-channels"})
	}
	f.ids++
	id := f.ids
	f.next[id], f.rates[id] = 0, float64(m.NominalHashRate)
	p.channel = id
	return p.send(&mining.OpenStandardMiningChannelSuccess{RequestID: m.RequestID, ChannelID: id,
		Target: target(), ExtranoncePrefix: []byte{byte(id)}}) && p.job(id*100, 1)
}

// each calls do for every open channel, which p.channel is then.
func (f *fleet) each(do func(p *peer, id uint32)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(f.next)) {
		f.peer.channel = id
		do(f.peer, id)
	}
}

// beginMany starts a client with so many miners; the first of the list is the rig that
// must be stopped, and the others are nothing but miners.
func (w *world) beginMany(cfg Config, n int) []*rig {
	first := &rig{world: w, result: make(chan error, 1), ended: map[uint32][]Ended{}}
	rigs, miners := []*rig{first}, []Miner{first}
	for range n - 1 {
		r := &rig{world: w}
		rigs, miners = append(rigs, r), append(miners, r)
	}
	cfg.Ended = func(e Ended) {
		first.mu.Lock()
		defer first.mu.Unlock()
		first.ended[e.Share.Nonce] = append(first.ended[e.Share.Nonce], e)
	}
	c, err := New(cfg, miners...)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rigs {
		r.c = c
	}
	ctx, cancel := context.WithCancel(context.Background())
	first.cancel = cancel
	w.wg.Go(func() { first.result <- c.Run(ctx) })
	return rigs
}

func hashing(rigs []*rig) (n int) {
	for _, r := range rigs {
		if r.hashing() {
			n++
		}
	}
	return n
}

// many runs a test with a pool of so many channels and a client of three miners.
func many(t *testing.T, limit int, prepare func(*fleet, *Config), test func(f *fleet, rigs []*rig)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f := newFleet(w, "a", limit)
		cfg := w.config("a")
		if prepare != nil {
			prepare(f, &cfg)
		}
		rigs := w.beginMany(cfg, 3)
		rigs[0].untilOn("a", 20*time.Second)
		synctest.Wait()
		test(f, rigs)
		rigs[0].stop()
		if n := hashing(rigs); n > 0 {
			t.Errorf("%d miners still have a job", n)
		}
	})
}

func TestChannels(t *testing.T) {
	many(t, 3, nil, func(f *fleet, rigs []*rig) {
		roots := map[bitcoin.Hash]bool{}
		for i, r := range rigs {
			for range i + 1 {
				r.found()
			}
			roots[r.active().MerkleRoot] = true
		}
		rigs[0].c.SetHashRate(1, 5e6)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(roots) != 3 || f.users["alice.1"] != 3 {
			t.Errorf("%d different jobs for users %v", len(roots), f.users)
		}
		third := 1e6 / 3
		if want := map[uint32]float64{1: float64(float32(third)), 2: 5e6, 3: float64(float32(third))}; !maps.Equal(f.rates, want) {
			t.Errorf("pool was told %v, want %v", f.rates, want)
		}
		st := rigs[0].c.Status()
		if st.State != Mining || st.Accepted != 6 || st.Pending != 0 || st.Channel.ID != 1 || len(st.Channels) != 3 || st.Job.ID != 100 {
			t.Errorf("status %+v", st)
		}
		for i, c := range st.Channels {
			if c.State != Mining || c.ID != uint32(i+1) || c.Accepted != uint64(i+1) || c.Credited != uint64(i+1) {
				t.Errorf("channel %d: %+v", i, c)
			}
		}
		if len(rigs[0].tried("a")) != 1 {
			t.Error("more than one connection")
		}
	})
}

// What the pool says to one channel is for that one alone, and a new tip comes to each.
func TestChannelsAreApart(t *testing.T) {
	many(t, 3, nil, func(f *fleet, rigs []*rig) {
		hard := target()
		hard[28] = 0
		f.each(func(p *peer, id uint32) {
			if id == 2 {
				p.send(&mining.SetTarget{ChannelID: id, MaximumTarget: hard})
			}
			p.more(id*100 + 1)
		})
		synctest.Wait()
		for i, r := range rigs {
			if j := r.active(); (j.Target == bitcoin.Target(hard)) != (i == 1) || j.ID != uint32(i+1)*100+1 {
				t.Errorf("miner %d has job %+v", i, j)
			}
		}
		f.each(func(p *peer, id uint32) { p.job(id*100+2, 2) })
		synctest.Wait()
		for i, r := range rigs {
			if r.tips != 2 || r.active().PrevHash != wireHash(tipOf(2)) {
				t.Errorf("miner %d heard of %d tips and has %+v", i, r.tips, r.active())
			}
			r.found()
		}
		synctest.Wait()
		if st := rigs[0].c.Status(); st.Accepted != 3 || len(st.Lost)+len(st.Rejected) > 0 {
			t.Errorf("status %+v", st)
		}
	})
}

// A channel that is closed is opened again; the others do not notice.
func TestOneChannelClosed(t *testing.T) {
	many(t, 3, nil, func(f *fleet, rigs []*rig) {
		for _, r := range rigs {
			r.forget()
		}
		f.each(func(p *peer, id uint32) {
			if id == 2 {
				p.send(&mining.CloseChannel{ChannelID: id, ReasonCode: "maintenance"})
				delete(f.next, id)
			}
		})
		synctest.Wait()
		if hashing(rigs) != 2 || rigs[1].hashing() {
			t.Errorf("%d miners have jobs", hashing(rigs))
		}
		rigs[0].until(4*time.Second, "another channel", rigs[1].hashing)
		if ids := f.open(); !slices.Equal(ids, []uint32{1, 3, 4}) || rigs[0].paused() || rigs[2].paused() {
			t.Errorf("channels %v; others paused %v, %v", ids, rigs[0].paused(), rigs[2].paused())
		}
		rigs[1].found()
		synctest.Wait()
		if st := rigs[0].c.Status(); st.Accepted != 1 || st.State != Mining {
			t.Errorf("status %+v", st)
		}
	})
}

// Ways in which a pool gives fewer channels than there are miners: it keeps those that
// it gave, and is asked for more now and then.
func TestFewerChannels(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(*fleet)
		within time.Duration // until it is known
		dials  int
		cause  string
	}{
		"refused":    {func(f *fleet) {}, time.Second, 1, "too-many-channels"},
		"no answer":  {func(f *fleet) { f.mute = true }, 65 * time.Second, 1, "no answer to Open"},
		"hangs up":   {func(f *fleet) { f.hangUp = true }, 10 * time.Second, 3, ""},
		"one is not": {func(f *fleet) { f.limit = 2 }, time.Second, 1, "too-many-channels"},
	} {
		t.Run(name, func(t *testing.T) {
			var events atomic.Int32
			many(t, 1, func(f *fleet, cfg *Config) {
				c.set(f)
				cfg.Event = func(string) { events.Add(1) }
			}, func(f *fleet, rigs []*rig) {
				r := rigs[0]
				r.until(c.within, "an event", func() bool { return events.Load() > 0 })
				time.Sleep(c.within)
				synctest.Wait()
				st := r.c.Status()
				if !r.hashing() || hashing(rigs) != f.limit || st.State != Mining || len(r.tried("a")) != c.dials {
					t.Errorf("%d of %d miners have jobs after %d dials; %+v", hashing(rigs), f.limit, len(r.tried("a")), st)
				}
				if last := st.Channels[2]; !strings.Contains(last.Error, c.cause) || last.ID != 0 || last.State != Opening {
					t.Errorf("channel 2: %+v", last)
				}
				f.mu.Lock()
				f.limit = 3
				f.mu.Unlock()
				r.until(3*time.Minute, "all channels", func() bool { return hashing(rigs) == 3 })
				if st := r.c.Status(); len(r.tried("a")) != c.dials || st.Channels[2].Error != "" {
					t.Errorf("%d dials, channels %+v", len(r.tried("a")), st.Channels)
				}
			})
		})
	}
}

// A pool that always hangs up at the second channel is not asked often.
func TestHangUpIsNotProvoked(t *testing.T) {
	many(t, 1, func(f *fleet, _ *Config) { f.hangUp = true }, func(f *fleet, rigs []*rig) {
		for n := range uint32(6 * 12) {
			time.Sleep(5 * time.Minute)
			f.each(func(p *peer, id uint32) { p.job(id*100+n, byte(n)) })
		}
		if n := len(rigs[0].tried("a")); n > 20 || !rigs[0].hashing() {
			t.Errorf("%d connections in 6 hours; hashing %v", n, rigs[0].hashing())
		}
	})
}

// An answer that comes after we gave up is taken.
func TestLateChannel(t *testing.T) {
	many(t, 1, func(f *fleet, _ *Config) { f.mute = true }, func(f *fleet, rigs []*rig) {
		time.Sleep(31 * time.Second)
		f.mu.Lock()
		f.grant2(2)
		f.mu.Unlock()
		synctest.Wait()
		rigs[1].found()
		synctest.Wait()
		if st := rigs[0].c.Status(); hashing(rigs) != 2 || st.Accepted != 1 {
			t.Errorf("%d miners have jobs; %+v", hashing(rigs), st)
		}
	})
}

// grant2 gives a channel to a request of the past.
func (f *fleet) grant2(request uint32) {
	f.limit++
	f.grant(&mining.OpenStandardMiningChannel{RequestID: request})
}

func TestChannelsReconnect(t *testing.T) {
	many(t, 3, nil, func(f *fleet, rigs []*rig) {
		for n := range 5 {
			before := rigs[2].active().Number
			f.w.cutAll()
			rigs[0].until(20*time.Second, "all channels on a new connection", func() bool {
				return hashing(rigs) == 3 && rigs[2].active().Number != before
			})
			rigs[2].found()
			time.Sleep(6 * time.Minute) // healthy
			if got := rigs[0].c.Status().Accepted; got != uint64(n+1) {
				t.Errorf("%d shares accepted, want %d", got, n+1)
			}
			f.each(func(p *peer, id uint32) { p.more(id*100 + 9) })
			synctest.Wait() // these jobs are not the ones to wait for after the next cut
		}
	})
}

// A better pool takes over with all its channels, and hashing goes on meanwhile.
func TestChannelsFailOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		newFleet(w, "b", 3)
		rigs := w.beginMany(w.config("a", "b"), 3)
		r := rigs[0]
		r.until(5*time.Second, "three channels on b", func() bool { return r.on() == "b" && hashing(rigs) == 3 })
		r.forget()
		a := newFleet(w, "a", 3)
		r.until(5*time.Second, "three channels on a", func() bool { return r.on() == "a" && len(a.open()) == 3 && hashing(rigs) == 3 })
		if r.paused() {
			t.Error("the first miner paused")
		}
		for _, r := range rigs {
			r.found()
		}
		synctest.Wait()
		if a.shares != 3 || r.c.Status().Accepted != 3 {
			t.Errorf("%d shares at a; %+v", a.shares, r.c.Status())
		}
		r.stop()
	})
}

// moodyFleet answers like moody on as many channels as it likes.
func moodyFleet(seed uint64) func(*peer) {
	return func(p *peer) {
		p.w.mu.Lock()
		seed++
		random := rand.New(rand.NewPCG(seed, 3))
		p.w.mu.Unlock()
		if !p.setUp(0) {
			return
		}
		ids := uint32(0)
		p.serve(func(m sv2.Message) bool {
			switch m := m.(type) {
			case *mining.OpenStandardMiningChannel:
				switch n := random.IntN(12); {
				case n == 0:
					return true
				case n < 3:
					return p.send(&mining.OpenMiningChannelError{RequestID: m.RequestID, ErrorCode: "x"})
				}
				ids++
				p.channel = ids
				return p.send(&mining.OpenStandardMiningChannelSuccess{RequestID: m.RequestID, ChannelID: ids, Target: target()}) &&
					p.job(1, byte(random.IntN(250)))
			case *mining.SubmitSharesStandard:
				p.channel = m.ChannelID
				switch n := random.IntN(60); {
				case n == 0:
					return false
				case n == 1:
					return p.send(&mining.CloseChannel{ChannelID: p.channel, ReasonCode: "x"})
				case n < 4:
					return p.job(m.SequenceNumber+9, byte(m.SequenceNumber))
				case n < 15:
					return p.send(&mining.SubmitSharesError{ChannelID: p.channel, SequenceNumber: m.SequenceNumber, ErrorCode: "code"})
				case n < 40:
					return p.accept(m.SequenceNumber)
				}
			}
			return true
		})
	}
}

// As TestSharesEndExactlyOnce, on three channels.
func TestSharesOfChannelsEndExactlyOnce(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				random := rand.New(rand.NewPCG(seed, 4))
				for i, n := range []string{"a", "b", "c"} {
					w.pool(n, moodyFleet(seed+uint64(i)<<32))
				}
				rigs := w.beginMany(w.config("a", "b", "c"), 3)
				r := rigs[0]
				for range 500 {
					time.Sleep(time.Duration(random.ExpFloat64() * float64(200*time.Millisecond)))
					for range random.IntN(4) {
						r.sent++
						if j := rigs[random.IntN(3)].recent(random); j != nil {
							r.share(j, r.sent)
						} else {
							r.share(&channel.Job{Number: random.Uint64()}, r.sent)
						}
					}
					if random.IntN(60) == 0 {
						w.cutAll()
					}
				}
				r.stop()
				r.checkEndings()
			})
		})
	}
}

// recent is one of the last jobs, nil for none.
func (r *rig) recent(random *rand.Rand) *channel.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.jobs) == 0 {
		return nil
	}
	return r.jobs[max(0, len(r.jobs)-1-random.IntN(2))]
}

func TestNoMiner(t *testing.T) {
	if _, err := New(newWorld(t).config("a")); err == nil {
		t.Error("a client without a miner")
	}
}
