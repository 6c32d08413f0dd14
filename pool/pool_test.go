package pool

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// bubble runs a test on virtual time, with a pool that is ready.
func bubble(t *testing.T, cfg Config, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := start(t, cfg, true)
		test(r)
		r.stop()
	})
}

func TestSilentUntilAsked(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		d := r.dial()
		d.quiet(9 * time.Second)
		d.send(setup(0))
		if s := next[*sv2.SetupConnectionSuccess](d); s.Flags != 0 || s.UsedVersion != 2 {
			t.Errorf("answer %+v", s)
		}
		r.chain.templates <- template(101, 2, hardBits) // concerns nobody yet
		d.quiet(20 * time.Second)
		d.send(&extension.RequestExtensions{RequestID: 3})
		if m := next[*extension.RequestExtensionsSuccess](d); m.RequestID != 3 || len(m.SupportedExtensions) != 0 {
			t.Errorf("answer %+v", m)
		}
		d.quiet(5 * time.Second)
		d.open(1, 1e12)
	})
}

// TestBrokenProtocol: what a device must not send ends the connection; what it may
// send though nobody knows it does not.
func TestBrokenProtocol(t *testing.T) {
	frame := func(ty sv2.Type, payload string) sv2.Frame { return sv2.Frame{Type: ty, Payload: []byte(payload)} }
	for name, c := range map[string]struct {
		f    sv2.Frame
		open bool
	}{
		"second setup":            {frame(0, strings.Repeat("\x00", 20)), false},
		"server's message":        {frame(mining.TypeNewMiningJob, strings.Repeat("\x00", 45)), false},
		"unknown core message":    {frame(0x6f, ""), false},
		"job declaration":         {frame(0x50, "\x00\x00\x00\x00\x00"), false},
		"share cut short":         {frame(mining.TypeSubmitSharesStandard, "\x01\x00\x00"), false},
		"open cut short":          {frame(mining.TypeOpenStandardMiningChannel, "\x01"), false},
		"extension request short": {frame(0x0001<<8, "\x01"), false},
		"unknown extension":       {frame(0x4001<<8|1, "x"), true},
		"unknown on a channel":    {frame(sv2.ChannelMsg|0x4001<<8|1, "\x01\x00\x00\x00x"), true},
		"close without bit":       {frame(0x18, "\x01\x00\x00\x00\x00"), true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Config{}, func(r *rig) {
				d := r.ready()
				if err := d.conn.SendFrame(c.f); err != nil {
					t.Fatal(err)
				}
				if !c.open {
					d.closed()
					return
				}
				d.open(1, 1e12)
			})
		})
	}
}

func TestTimeouts(t *testing.T) {
	bubble(t, Config{Limits: Limits{WithoutShare: 2 * time.Hour}}, func(r *rig) {
		began := time.Now()
		silent, unused, idle := r.dial(), r.ready(), r.ready()
		m := idle.open(1, 1e3)
		closedAfter := func(d *device) time.Duration {
			for range d.got {
			}
			return time.Since(began).Round(time.Second)
		}
		if at := closedAfter(silent); at != 10*time.Second {
			t.Errorf("closed %v without SetupConnection", at)
		}
		if at := closedAfter(unused); at != 30*time.Second {
			t.Errorf("closed %v without a channel", at)
		}
		time.Sleep(time.Hour - time.Since(began))
		m.follow()
		m.send(m.find(true))
		if at := closedAfter(idle); at < 3*time.Hour-time.Minute || at > 3*time.Hour+time.Minute {
			t.Errorf("closed after %v, the last share came after 1h", at)
		}
	})
}

// TestDeviceThatDoesNotRead must not keep others from the new tip, and goes.
func TestDeviceThatDoesNotRead(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		good := r.ready().open(1, 1e12)
		good.ahead()
		for range 100 {
			near, far := net.Pipe()
			r.pipes.conns <- far
			conn, err := sv2net.Client(context.Background(), near, noise.URL{}, sv2net.DialConfig{Plain: true})
			if err != nil {
				t.Fatal(err)
			}
			conn.Send(setup(0))
			conn.Receive()
			conn.Send(&mining.OpenStandardMiningChannel{NominalHashRate: 1e12, MaxTarget: maxU256()})
			for range 3 {
				conn.Receive()
			}
			r.t.Cleanup(func() { conn.Close() })
		}
		last := r.ready().open(1, 1e12)
		last.ahead()
		began := time.Now()
		r.chain.templates <- template(101, 2, hardBits)
		next[*mining.SetNewPrevHash](good.device)
		next[*mining.SetNewPrevHash](last.device)
		if at := time.Since(began); at > time.Second {
			t.Errorf("told after %v", at)
		}
		time.Sleep(5 * time.Second)
		if n := r.pool.Status().Connections; n != 2 {
			t.Errorf("%d connections, want those who read", n)
		}
	})
}

func TestLimits(t *testing.T) {
	bubble(t, Config{Limits: Limits{Connections: 2, RefusedInARow: 20, Messages: 10}}, func(r *rig) {
		d := r.ready()
		r.ready()
		near, far := net.Pipe()
		r.pipes.conns <- far
		if _, err := near.Read(make([]byte, 1)); err == nil {
			t.Error("a third connection is served")
		}
		if n := r.pool.Status().TurnedAway; n != 1 {
			t.Errorf("%d connections were turned away", n)
		}
		began := time.Now()
		for range 60 { // 50 at once, 10 in a second
			d.send(&extension.RequestExtensions{})
		}
		for range 60 {
			next[*extension.RequestExtensionsSuccess](d)
		}
		if at := time.Since(began); at < 800*time.Millisecond || at > 1500*time.Millisecond {
			t.Errorf("60 messages were answered in %v", at)
		}
		m := d.open(1, 1e4)
		for range 21 {
			d.send(&mining.SubmitSharesStandard{ChannelID: m.id, JobID: 4242})
		}
		for range d.got {
		}
	})
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{BatchDelay: time.Minute}, true)
		d := r.ready().open(1, 1e4)
		d.ahead()
		d.send(d.find(true))
		r.dial()
		synctest.Wait()
		began := time.Now()
		r.stop()
		if at := time.Since(began); at > time.Second {
			t.Errorf("stopping took %v", at)
		}
		if m := next[*mining.SubmitSharesSuccess](d.device); m.NewSubmitsAcceptedCount != 1 {
			t.Errorf("last share answered with %+v", m)
		}
		d.closed()
	})
}

func TestChainFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{}, true)
		d := r.ready()
		r.chain.templates <- nil
		if err := <-r.served; err == nil || !strings.Contains(err.Error(), "chain is broken") {
			t.Errorf("Serve = %v", err)
		}
		r.served <- nil
		d.closed()
	})
}

// TestNoise is the same over the real thing.
func TestNoise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, Config{Batch: 1}, false)
		d := r.ready().open(1, 1e4)
		d.ahead()
		d.send(d.find(true))
		next[*mining.SubmitSharesSuccess](d.device)
		r.stop()
	})
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{}, newFakeChain(), nil, nil); err == nil {
		t.Error("a pool without a payout script")
	}
	if _, err := New(Config{PayoutScript: []byte{0x51}, Tag: strings.Repeat("x", 41)}, newFakeChain(), nil, nil); err == nil {
		t.Error("a pool with a long tag")
	}
}
