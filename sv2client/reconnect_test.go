package sv2client

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
)

// sendsOn is a pool that works, but asks each client to go to host after a while.
func sendsOn(host string, port uint16, after time.Duration) func(*peer) {
	return func(p *peer) {
		if p.begin(1) {
			p.every(after, func(uint32) bool { p.send(&sv2.Reconnect{NewHost: host, NewPort: port}); return false })
		}
	}
}

func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := identity(t, 0, time.Hour)
		w.ident["a:34254"], w.ident["elsewhere:34254"] = id, id
		w.pool("a", sendsOn("elsewhere", 0, time.Minute))
		w.pool("elsewhere", good)
		r := w.begin(w.config("a"), time.Second)
		r.untilOn("a", time.Second)
		r.until(61*time.Second, "the message", func() bool { return time.Since(w.start) >= time.Minute })
		r.forget()
		if d := r.untilOn("elsewhere", 5*time.Second); d < time.Second/2 {
			t.Errorf("went after %v: no jitter", d)
		}
		if r.paused() {
			t.Error("hashing paused")
		}
		if st := r.c.Status(); !st.Encrypted || st.Pool != "elsewhere:34254" {
			t.Errorf("status %+v", st)
		}
		w.cutAll()
		r.until(3*time.Second, "coming back", func() bool { return r.on() == "a" })
		r.stop()
	})
}

// A server with another key, a plain one and one that is not there: the client
// stays with, or comes back to, the configured address.
func TestReconnectToWrongServer(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *world){
		"other key": func(t *testing.T, w *world) {
			w.pool("elsewhere", good)
			other, err := noise.NewIdentity(noise.IdentityConfig{Authority: secret(t, 7), Random: fixedRandom(), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			w.ident["elsewhere:34254"] = other
		},
		"not there": func(t *testing.T, w *world) {},
		"hangs":     func(t *testing.T, w *world) { w.pool("elsewhere", nil) },
		"plain": func(t *testing.T, w *world) {
			w.pool("elsewhere", good)
			w.ident["elsewhere:34254"], w.plain["elsewhere:34254"] = identity(t, 0, time.Hour), true
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.ident["a:34254"] = identity(t, 0, time.Hour)
				w.pool("a", sendsOn("elsewhere", 0, time.Minute))
				prepare(t, w)
				r := w.begin(w.config("a"), time.Second)
				r.untilOn("a", time.Second)
				r.until(90*time.Second, "a fault", func() bool { return r.c.Status().Pools[0].Fault != "" })
				if n := len(w.tried("elsewhere")); n != 1 {
					t.Errorf("other server tried %d times", n)
				}
				time.Sleep(10 * time.Second)
				if r.on() != "a" || !r.hashing() {
					t.Errorf("on %q, %+v", r.on(), r.c.Status())
				}
				w.cutAll()
				r.untilOn("a", 10*time.Second)
				r.stop()
			})
		})
	}
}

// A pool that says Reconnect and hangs up has not failed.
func TestReconnectAndHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pool("a", func(p *peer) { p.begin(1); p.send(&sv2.Reconnect{NewPort: 4}) })
		w.pools["a:4"] = good
		r := w.begin(w.config("a"), 0)
		r.until(5*time.Second, "the other port", func() bool { return r.c.Status().Pool == "a:4" && r.hashing() })
		if f := r.c.Status().Pools[0].Failed; f != 0 {
			t.Errorf("%d failures", f)
		}
		r.stop()
	})
}

// A pool that sends us on once too often and has hung up when we see it fails once.
func TestOneReconnectTooManyAndHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c, err := New(w.config("a"), &rig{})
		if err != nil {
			t.Fatal(err)
		}
		p := c.pools[0]
		p.hops = c.cfg.Limits.Hops
		s := c.newSession(p, p.url, time.Now())
		s.moved <- p.url
		close(s.done)
		(&run{c: c, ctx: t.Context(), cur: s}).lost()
		if p.failures != 1 || p.penalties != 1 || p.last.Kind != Redirected {
			t.Errorf("%d failures, %d penalties, the last is %v", p.failures, p.penalties, p.last)
		}
	})
}

func TestReconnectNonsense(t *testing.T) {
	play(t, func(r *rig, p *peer) {
		p.send(&sv2.Reconnect{NewHost: "a b\x00"}, &sv2.Reconnect{NewHost: "x/9key"})
		p.more(2)
		time.Sleep(10 * time.Second)
		if r.on() != "a" || len(r.tried("a")) != 1 || r.active().ID != 2 {
			t.Errorf("on %q after %d dials", r.on(), len(r.tried("a")))
		}
	})
}

// Shares found for the old pool while the new one takes over are answered by the old.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		slow := func(p *peer) { // answers after 2 s
			p.begin(1)
			p.serve(func(m sv2.Message) bool {
				if s, ok := m.(*mining.SubmitSharesStandard); ok {
					time.Sleep(2 * time.Second)
					return p.accept(s.SequenceNumber)
				}
				return true
			})
		}
		w.pool("b", slow)
		r := w.begin(w.config("a", "b"), 0)
		r.untilOn("b", time.Second)
		old := r.active()
		r.found()
		w.pool("a", good)
		r.untilOn("a", 4*time.Second)
		r.share(old, 50)
		time.Sleep(7 * time.Second)
		if st := r.c.Status(); st.Accepted != 2 || st.Pools[1].Counts.Accepted != 2 || len(st.Lost) != 0 {
			t.Errorf("status %+v", st)
		}
		r.share(old, 51)
		if st := r.c.Status(); st.Lost[lostStale] != 1 {
			t.Errorf("lost %v", st.Lost)
		}
		r.stop()
	})
}
