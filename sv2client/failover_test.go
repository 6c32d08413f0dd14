package sv2client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
)

// identity makes a pool's key and a certificate from until after the start of the
// world; authority is told to clients.
func identity(t *testing.T, from, until time.Duration) *noise.Identity {
	t.Helper()
	random := rand.NewChaCha8(seedBytes(3))
	authority, err := noise.NewSecretKey(random)
	if err != nil {
		t.Fatal(err)
	}
	static, err := noise.NewSecretKey(random)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := noise.Issue(authority, static.Public(), time.Now().Add(from), time.Now().Add(until), random)
	if err != nil {
		t.Fatal(err)
	}
	id, err := noise.FixedIdentity(static, cert, authority.Public(), random,
		cert.From) // the pool does not look at its clock
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Each way in which the preferred pool can fail, and the time in which the next one
// must have taken over. Shares are found every 5 s.
func TestFailover(t *testing.T) {
	const s, m = time.Second, time.Minute
	for name, c := range map[string]struct {
		bad    func(*peer)
		fault  Kind
		within time.Duration
		setup  func(*world)
	}{
		"refuse":     {fault: Unreachable, within: s, setup: func(w *world) { w.gone("bad") }},
		"black hole": {fault: Unreachable, within: 16 * s},
		"no handshake": {bad: func(p *peer) { io.Copy(io.Discard, p.raw) }, fault: Handshake, within: 16 * s, setup: func(w *world) {
			w.ident["bad:34254"], w.mute["bad:34254"] = identity(w.t, 0, time.Hour), true
		}},
		"wrong key": {bad: good, fault: WrongKey, within: s, setup: func(w *world) {
			w.ident["bad:34254"] = identity(w.t, 0, time.Hour)
		}},
		"expired":         {bad: good, fault: BadCertificate, within: s, setup: func(w *world) { w.ident["bad:34254"] = identity(w.t, -time.Hour, -time.Minute) }},
		"not yet valid":   {bad: good, fault: BadCertificate, within: s, setup: func(w *world) { w.ident["bad:34254"] = identity(w.t, time.Hour, 2*time.Hour) }},
		"hang up":         {bad: func(p *peer) { p.next() }, fault: Disconnected, within: s},
		"mute":            {bad: (*peer).wait, fault: Unanswered, within: 12 * s},
		"no channel":      {bad: func(p *peer) { p.setUp(0); p.wait() }, fault: Unanswered, within: 32 * s},
		"no job":          {bad: func(p *peer) { p.setUp(0); p.opened(1); p.wait() }, fault: Unanswered, within: 32 * s},
		"future job only": {bad: func(p *peer) { p.setUp(0); p.opened(1); p.send(&mining.NewMiningJob{ChannelID: 1}); p.wait() }, fault: Unanswered, within: 32 * s},
		"silent": {bad: func(p *peer) {
			p.begin(1)
			p.every(2*time.Hour, p.more)
		}, fault: Silent, within: 10*m + 2*s},
		"rejects everything": {bad: func(p *peer) {
			p.begin(1)
			p.rejects(func(uint32) bool { return true })
		}, fault: Rejecting, within: 55 * s},
		"rejects most": {bad: func(p *peer) {
			p.begin(1)
			p.rejects(func(n uint32) bool { return n%3 != 0 })
		}, fault: Rejecting, within: 510 * s},
		"acknowledges nothing": {bad: func(p *peer) {
			p.begin(1)
			p.w.wg.Go(func() {
				for n := uint32(2); p.more(n); n++ {
					time.Sleep(m)
				}
			})
			p.wait()
		}, fault: Unacknowledged, within: 64*5*s + 10*s},
		"stale tip": {bad: func(p *peer) {
			p.begin(1)
			p.every(30*s, p.more)
		}, fault: Stale, within: 90*m + 2*s},
		"time stands still": {bad: func(p *peer) {
			p.begin(1)
			then := uint32(time.Now().Unix())
			p.every(5*m, func(n uint32) bool {
				return p.send(&mining.NewMiningJob{ChannelID: p.channel, JobID: n, MinNTime: sv2.Some(then), Version: 0x20000000})
			})
		}, fault: Stale, within: time.Hour + 2*s},
		"cut while mining": {bad: func(p *peer) { p.begin(1); p.more(2); time.Sleep(s) }, fault: Disconnected, within: 2 * s},
		"redirected without end": {bad: func(p *peer) {
			p.begin(1)
			p.send(&sv2.Reconnect{})
			p.wait()
		}, fault: Redirected, within: 65 * s},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.pool("bad", c.bad)
				w.pool("good", good)
				if c.setup != nil {
					c.setup(w)
				}
				cfg := w.config("bad", "good")
				if name == "wrong key" {
					cfg.Pools[0].Key = secret(t, 99).Public()
				}
				r := w.begin(cfg, 5*time.Second)
				took := r.untilOn("good", c.within+c.within/10)
				if took > c.within {
					t.Errorf("took %v, want %v at most", took, c.within)
				}
				if got := r.c.Status().Pools[0].Fault; got != c.fault.String() {
					t.Errorf("fault %q, want %q: %s", got, c.fault, r.c.Status().Pools[0].Error)
				}
				r.stop()
			})
		})
	}
}

// rejects answers shares, those that bad picks with an error, and gives a job each minute.
func (p *peer) rejects(bad func(n uint32) bool) {
	p.w.wg.Go(func() {
		for n := uint32(2); p.more(n); n++ {
			time.Sleep(time.Minute)
		}
	})
	p.serve(func(m sv2.Message) bool {
		s, ok := m.(*mining.SubmitSharesStandard)
		if !ok {
			return true
		}
		if bad(s.SequenceNumber) {
			return p.send(&mining.SubmitSharesError{ChannelID: p.channel, SequenceNumber: s.SequenceNumber, ErrorCode: mining.CodeInvalidShare})
		}
		return p.accept(s.SequenceNumber)
	})
}

// A slow device finds a share a minute and must notice all the same.
func TestSlowDeviceNotices(t *testing.T) {
	for name, c := range map[string]struct {
		bad    func(*peer)
		within time.Duration
	}{
		"rejects":         {func(p *peer) { p.begin(1); p.rejects(func(uint32) bool { return true }) }, 14 * time.Minute},
		"no acknowledges": {func(p *peer) { p.begin(1); p.w.wg.Go(func() { p.every0(time.Minute) }); p.wait() }, 17 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.pool("bad", c.bad)
				w.pool("good", good)
				r := w.begin(w.config("bad", "good"), 65*time.Second)
				r.untilOn("good", c.within)
				r.stop()
			})
		})
	}
}

// every0 gives a job each interval.
func (p *peer) every0(d time.Duration) {
	for n := uint32(2); p.more(n); n++ {
		time.Sleep(d)
	}
}

// The preferred pool is taken again once it works, without a pause in hashing.
func TestReturnsToPreferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pool("b", good)
		r := w.begin(w.config("a", "b"), time.Second)
		r.untilOn("b", time.Second)
		time.Sleep(time.Hour)
		tries := w.tried("a")
		if n := len(tries); n < 60 || n > 130 {
			t.Errorf("preferred pool was tried %d times in an hour", n)
		}
		w.pool("a", (*peer).wait) // takes connections but does nothing: no reason to switch
		time.Sleep(5 * time.Minute)
		if r.on() != "b" || !r.hashing() {
			t.Errorf("on %q", r.on())
		}
		r.forget()
		w.pool("a", good)
		_, _, before := r.counts() // a new tip costs one now and then
		r.untilOn("a", 75*time.Second)
		if r.paused() {
			t.Error("hashing paused for the switch")
		}
		time.Sleep(time.Minute)
		if _, rejected, lost := r.counts(); rejected+lost > before {
			t.Errorf("the switch cost shares: %+v", r.c.Status())
		}
		if n := r.c.Status().Switches; n != 2 {
			t.Errorf("%d switches", n)
		}
		r.stop()
	})
}

// A pool that rejects everything must not get half of the device's time.
func TestUselessPoolIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pool("a", func(p *peer) { p.begin(1); p.rejects(func(uint32) bool { return true }) })
		w.pool("b", good)
		r := w.begin(w.config("a", "b"), 5*time.Second)
		time.Sleep(6 * time.Hour)
		accepted, rejected, _ := r.counts()
		if rejected*10 > accepted {
			t.Errorf("%d rejected, %d accepted", rejected, accepted)
		}
		w.gone("b") // nothing better is left: the bad one is tried in spite of all
		w.cutAll()
		r.untilOn("a", 90*time.Second)
		r.stop()
	})
}

// A pool left for stale jobs is not taken again before it has another tip, but it is
// better than nothing.
func TestStalePoolIsShunned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stale := func(p *peer) {
			p.begin(1)
			p.every(30*time.Second, p.more)
		}
		w.pool("a", stale)
		w.pool("b", good)
		r := w.begin(w.config("a", "b"), 5*time.Second)
		r.untilOn("b", 91*time.Minute)
		time.Sleep(3 * time.Hour)
		if n := r.c.Status().Switches; n != 2 {
			t.Errorf("%d switches", n)
		}
		w.gone("b")
		w.cutAll()
		r.untilOn("a", time.Minute)
		w.pool("b", good)
		r.untilOn("b", 3*time.Minute)
		w.pool("a", good) // tip 1 again: shunned
		time.Sleep(40 * time.Minute)
		if on := r.on(); on != "b" {
			t.Errorf("on %q", on)
		}
		w.pool("a", func(p *peer) { p.begin(200); p.every(30*time.Second, p.more) })
		r.untilOn("a", 31*time.Minute)
		r.stop()
	})
}

// However a pool fails, it is not hammered.
func TestNeverHammers(t *testing.T) {
	for name, serve := range map[string]func(*peer){
		"accepts and closes": func(p *peer) {},
		"refuses set-up":     func(p *peer) { p.next(); p.send(&sv2.SetupConnectionError{ErrorCode: "no"}) },
		"a job and good-bye": func(p *peer) { p.begin(1) },
		"sends us in rounds": func(p *peer) { p.setUp(0); p.send(&sv2.Reconnect{}); p.wait() },
		"mines and sends us in rounds": func(p *peer) {
			p.begin(1)
			p.send(&sv2.Reconnect{NewHost: "a"})
			p.wait()
		},
		"closes channels": func(p *peer) {
			p.setUp(0)
			for p.opened(1) && p.job(1, 1) && p.send(&mining.CloseChannel{ChannelID: 1}) {
			}
		},
		"breaks rules": func(p *peer) { p.begin(1); p.send(&mining.SetNewPrevHash{ChannelID: 5, JobID: 9}); p.wait() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.pool("a", serve)
				r := w.begin(w.config("a"), time.Second)
				time.Sleep(time.Hour)
				tries := w.tried("a")
				if n := len(tries); n < 20 || n > 130 {
					t.Errorf("%d connections in an hour", n)
				}
				early := 0
				for i := range tries[1:] {
					d := tries[i+1] - tries[i]
					if d < time.Second {
						t.Errorf("connections %d and %d are %v apart", i, i+1, d)
					}
					if tries[i] < time.Minute {
						early++
					}
				}
				if early > 10 {
					t.Errorf("%d connections in the first minute", early)
				}
				r.stop()
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	l := Limits{}.withDefaults()
	random := rand.NewChaCha8(seedBytes(1))
	for n, want := range [][2]time.Duration{{1, 1}, {1, 2}, {2, 4}, {4, 8}, {8, 16}, {16, 32}, {30, 60}, {30, 60}} {
		seen := map[time.Duration]bool{}
		for range 100 {
			d := backoff(&l, n, random)
			seen[d] = true
			if d < want[0]*time.Second || d > want[1]*time.Second {
				t.Fatalf("pause %d is %v, want %v to %v s", n, d, want[0], want[1])
			}
		}
		if len(seen) < 50 && n > 0 {
			t.Errorf("pause %d has only %d values: no jitter", n, len(seen))
		}
	}
	if d := backoff(&l, 1<<30, random); d > time.Minute {
		t.Errorf("pause after very many failures: %v", d)
	}
}

// Each pool sees its own user and nothing of another's.
func TestCredentialsAreNotMixed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		seen := map[string]map[string]int{"a": {}, "b": {}, "c": {}}
		pool := func(name string) func(*peer) {
			return func(p *peer) {
				if p.begin(1) {
					w.mu.Lock()
					seen[name][p.open.UserIdentity]++
					seen[name]["to "+p.setup.EndpointHost]++
					w.mu.Unlock()
					time.Sleep(20 * time.Second)
				}
			}
		}
		for name := range seen {
			w.pool(name, pool(name))
		}
		cfg := w.config("a", "b", "c")
		cfg.Users = []string{"ann", "", "cleo"}
		r := w.begin(cfg, time.Second)
		time.Sleep(time.Hour)
		synctest.Wait()
		for name, user := range map[string]string{"a": "ann", "b": "alice.1", "c": "cleo"} {
			if len(seen[name]) != 2 || seen[name][user] < 10 || seen[name]["to "+name] < 10 {
				t.Errorf("pool %s saw %v", name, seen[name])
			}
		}
		r.stop()
	})
}

func TestWrongKeyEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.ident["a:34254"] = identity(t, 0, time.Hour)
		w.pool("a", good)
		cfg := w.config("a")
		cfg.Pools[0].Key = noise.PublicKey{31: 1}
		r := w.begin(cfg, 0)
		err := <-r.result
		if !errors.Is(err, ErrWrongKeys) || !errors.Is(err, noise.ErrWrongKey) {
			t.Errorf("Run = %v", err)
		}
		r.cancel()
		w.wg.Wait()
	})
}

// A key that was right once and is wrong now may be an attack: wait it out.
func TestWrongKeyLaterIsWaitedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		right := identity(t, 0, 100*time.Hour)
		w.ident["a:34254"] = right
		w.pool("a", good)
		r := w.begin(w.config("a"), 0)
		r.untilOn("a", time.Second)
		if st := r.c.Status(); !st.Encrypted {
			t.Error("not encrypted")
		}
		other, err := noise.NewIdentity(noise.IdentityConfig{Authority: secret(t, 77), Random: rand.NewChaCha8(seedBytes(1)), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.ident["a:34254"] = other
		w.mu.Unlock()
		w.cutAll()
		r.until(10*time.Second, "the wrong key", func() bool { return r.c.Status().Pools[0].Fault == WrongKey.String() })
		time.Sleep(10 * time.Minute)
		w.mu.Lock()
		w.ident["a:34254"] = right
		w.mu.Unlock()
		r.untilOn("a", 61*time.Second)
		r.stop()
	})
}

func secret(t *testing.T, seed uint64) noise.SecretKey {
	t.Helper()
	k, err := noise.NewSecretKey(rand.NewChaCha8(seedBytes(seed)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A board without a clock takes the time from the first job; a certificate that
// this time shows to be over ends the connection.
func TestClockFromFirstJob(t *testing.T) {
	for name, until := range map[string]time.Duration{"valid": time.Hour, "expired": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.clock = noise.Clock{Built: time.Now().Add(time.Minute)} // so now is before the program was built
				w.ident["a:34254"] = identity(t, -2*time.Hour, until)
				w.pool("a", good)
				cfg := w.config("a")
				var saved time.Time
				cfg.SeenTime = func(t time.Time) { saved = t }
				r := w.begin(cfg, 0)
				if until > 0 {
					r.untilOn("a", time.Second)
					if d := time.Since(saved); d < 0 || d > time.Second {
						t.Errorf("saved time %v", saved)
					}
				} else {
					r.until(time.Second, "a bad certificate", func() bool { return r.c.Status().Pools[0].Fault == BadCertificate.String() })
					if r.c.Status().Switches > 0 || r.hashing() || !saved.IsZero() {
						t.Errorf("hashed for it, saved %v", saved)
					}
				}
				r.stop()
			})
		})
	}
}

func TestNewRefuses(t *testing.T) {
	long := string(make([]byte, 256))
	for name, cfg := range map[string]Config{
		"no pool":        {},
		"too many users": {Pools: []noise.URL{url("a")}, Users: []string{"a", "b"}},
		"long user":      {Pools: []noise.URL{url("a")}, User: long},
		"long vendor":    {Pools: []noise.URL{url("a")}, Vendor: long},
	} {
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The usual Dial wants a key.
func TestDefaultDialWantsKey(t *testing.T) {
	cfg, err := Config{Pools: []noise.URL{url("a")}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := cfg.Dial(ctx, url("127.0.0.1")); dialKind(err) != WrongKey {
		t.Errorf("Dial = %v", err)
	}
}
