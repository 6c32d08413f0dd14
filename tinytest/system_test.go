package tinytest

import (
	"crypto/rand"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
	"github.com/lodefw/lode/sv2client"
)

// bubble runs a test on virtual time.
func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// honest fails the test if a share was refused or lost, or recorded other than once.
// One in twenty may be stale: devices that begin a job in the same instant also find
// in the same instants, and one of them may find a block.
func (r *Rig) honest() {
	r.t.Helper()
	accepted, stale := uint64(0), uint64(0)
	for i, d := range r.Devices {
		s := d.Status().Pool
		accepted += s.Accepted
		stale += s.Rejected[mining.CodeStaleShare] + s.Lost["stale"]
		delete(s.Rejected, mining.CodeStaleShare)
		delete(s.Lost, "stale")
		if len(s.Rejected) > 0 || len(s.Lost) > 0 {
			r.t.Errorf("device %d: rejected %v, lost %v, want none", i, s.Rejected, s.Lost)
		}
	}
	if stale*20 > accepted {
		r.t.Errorf("%d stale shares, %d accepted", stale, accepted)
	}
	r.recordedOnce()
}

func (r *Rig) recordedOnce() {
	r.t.Helper()
	for _, p := range r.Pools {
		if n, twice := p.Ledger.Shares(); twice > 0 {
			r.t.Errorf("%s: %d of %d shares recorded twice", p.URL.Host, twice, n)
		}
	}
}

func TestWrongKeyIsRefused(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		other, _ := noise.NewSecretKey(rand.Reader)
		r := New(t, Options{Client: func(_ int, c *sv2client.Config) { c.Pools[0].Key = other.Public() }})
		d := r.Devices[0]
		r.Until("the client says why", time.Minute, func() bool { return d.Status().Pool.Pools[0].Failed > 0 })
		time.Sleep(time.Hour)
		if err := d.Stop(); err == nil || !strings.Contains(err.Error(), "wrong key") {
			t.Errorf("Run = %v, want it to end with the only pool's wrong key", err)
		}
		s := d.Status().Pool.Pools[0]
		if s.Fault != sv2client.WrongKey.String() || s.Advice == "" {
			t.Errorf("fault %q (%s), want %q with advice", s.Fault, s.Error, sv2client.WrongKey)
		}
		if n := len(r.Net.Links()); n > 150 {
			t.Errorf("%d connections in an hour: that is hammering", n)
		}
		if n, _ := r.Pools[0].Ledger.Shares(); n > 0 {
			t.Errorf("%d shares reached a pool of the wrong key", n)
		}
	})
}

func TestExpiredCertificateIsRefused(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r := New(t, Options{Devices: -1})
		p := r.Pools[0]
		p.Kill()
		static, _ := noise.NewSecretKey(rand.Reader)
		now := time.Now()
		cert, err := noise.Issue(p.authority, static.Public(), now.Add(-2*time.Hour), now.Add(-time.Hour), rand.Reader)
		r.check(err)
		id, err := noise.FixedIdentity(static, cert, p.authority.Public(), rand.Reader, func() time.Time { return now.Add(-90 * time.Minute) })
		r.check(err)
		r.serve(p, sv2net.ListenConfig{Config: p.Cfg.Conn(), Identity: id})
		d := r.AddDevice(0)
		r.Until("the certificate is refused", time.Minute, func() bool {
			return d.Status().Pool.Pools[0].Fault == sv2client.BadCertificate.String()
		})
		if n, _ := p.Ledger.Shares(); n > 0 {
			t.Errorf("%d shares went to a pool with an expired certificate", n)
		}
	})
}

func TestPoolKilledAndBack(t *testing.T) {
	bubble(t, "blocks", func(t *testing.T) {
		r := killedAndBack(t, Options{Devices: 5})
		var accepted, stale uint64
		for i, d := range r.Devices {
			s := d.Status().Pool
			accepted, stale = accepted+s.Accepted, stale+s.Rejected[mining.CodeStaleShare]
			delete(s.Rejected, mining.CodeStaleShare)
			if len(s.Rejected) > 0 {
				t.Errorf("device %d: rejected %v", i, s.Rejected)
			}
		}
		if stale*20 > accepted { // see honest; but what a killed pool did not answer is lost
			t.Errorf("%d stale shares, %d accepted", stale, accepted)
		}
	})
	bubble(t, "jobs", func(t *testing.T) {
		// No blocks: none that another device has found makes a share stale.
		r := killedAndBack(t, Options{Devices: 5, Chain: NewChain(0x1b00ffff)})
		for i, d := range r.Devices {
			if s := d.Status().Pool; len(s.Rejected) > 0 {
				t.Errorf("device %d: rejected %v; a pool that comes back must see only its own jobs", i, s.Rejected)
			}
		}
	})
}

// killedAndBack kills the pool five times while devices mine.
func killedAndBack(t *testing.T, o Options) *Rig {
	t.Helper()
	r := New(t, o)
	p := r.Pools[0]
	for range 5 {
		accepted := func() (n uint64) {
			for _, d := range r.Devices {
				n += d.Status().Pool.Accepted
			}
			return n
		}
		before := accepted()
		r.Until("shares are accepted", 3*time.Minute, func() bool { return accepted() > before+50 })
		p.Kill()
		time.Sleep(20 * time.Second)
		p.Start()
	}
	r.recordedOnce()
	return r
}

func TestFailoverAndReturn(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r := New(t, Options{Pools: 2, Devices: 2})
		on := func(p *Pool) func() bool {
			return func() bool {
				for _, d := range r.Devices {
					if s := d.Status().Pool; s.Pool != p.URL.Address() || s.State != sv2client.Mining {
						return false
					}
				}
				return true
			}
		}
		r.Until("all mine on the first pool", time.Minute, on(r.Pools[0]))
		r.Pools[0].Kill()
		r.Until("all mine on the second", 30*time.Second, on(r.Pools[1]))
		r.Pools[0].Start()
		r.Until("all are back", 5*time.Minute, on(r.Pools[0]))
		r.recordedOnce()
	})
}

func TestTipChangesUnderLoad(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r := New(t, Options{Devices: 20})
		for range 30 {
			time.Sleep(2*time.Second + 333*time.Microsecond)
			r.Chain.Advance()
		}
		r.Until("shares on the last tip", time.Minute, func() bool { n, _ := r.Pools[0].Ledger.Shares(); return n > 300 })
		r.honest()
	})
}

// On real time: a Send that waits for a slow link holds a mutex, and who waits for a
// mutex keeps virtual time still.
func TestSlowNetwork(t *testing.T) {
	for name, w := range map[string]Weather{
		"split":   {Split: 1},
		"delayed": {Delay: 300 * time.Millisecond},
		"both":    {Split: 3, Delay: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			r := New(t, Options{Devices: -1, Rate: 1e5})
			r.Net.SetWeather(w)
			r.AddDevice(0)
			r.Until("a block", 5*time.Minute, func() bool { return r.Chain.Mined() > 0 })
			r.recordedOnce()
		})
	}
}

func TestDamagedBytesEndTheConnection(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r := New(t, Options{Devices: -1})
		r.Net.SetWeather(Weather{Corrupt: 900})
		r.AddDevice(0)
		r.Until("five connections were lost", 10*time.Minute, func() bool { return len(r.Net.Links()) > 5 })
		r.Net.SetWeather(Weather{})
		before, _ := r.Pools[0].Ledger.Shares()
		r.Until("shares flow again", 10*time.Minute, func() bool { n, _ := r.Pools[0].Ledger.Shares(); return n > before+20 })
		r.recordedOnce()
	})
}

func TestStalledNetwork(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r := New(t, Options{Pools: 2})
		r.Until("mining", time.Minute, func() bool { return r.Devices[0].Status().Pool.Accepted > 0 })
		r.Net.Links()[0].Stall(true)
		r.Until("the device has gone to the other pool", 20*time.Minute, func() bool {
			s := r.Devices[0].Status().Pool
			return s.Pool == r.Pools[1].URL.Address() && s.State == sv2client.Mining
		})
		r.recordedOnce()
	})
}

func TestVardiffReachesTheWishedRate(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r := New(t, Options{Rate: 5000, Pool: func(_ int, c *pool.Config) { c.SharesPerMinute = 20 },
			Client: func(_ int, c *sv2client.Config) { c.HashRate = 1 }}) // it claims far too little
		time.Sleep(10 * time.Minute)
		before, _ := r.Pools[0].Ledger.Shares()
		time.Sleep(10 * time.Minute)
		after, _ := r.Pools[0].Ledger.Shares()
		if perMinute := float64(after-before) / 10; perMinute < 10 || perMinute > 40 {
			t.Errorf("%.1f shares a minute, want about 20", perMinute)
		}
		r.honest()
	})
}
