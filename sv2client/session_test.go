package sv2client

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/sv2net"
)

// single runs test with one pool that does what serve says.
func single(t *testing.T, serve func(*peer), test func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pool("a", serve)
		r := w.begin(w.config("a"), 0)
		test(r)
		r.stop()
	})
}

func TestFirstShare(t *testing.T) {
	var setup sv2.SetupConnection
	var open mining.OpenStandardMiningChannel
	single(t, func(p *peer) {
		if p.begin(1) {
			setup, open = p.setup, p.open
			p.every(time.Hour, p.more)
		}
	}, func(r *rig) {
		r.untilOn("a", time.Second)
		j := r.active()
		if j.ID != 1 || j.PrevHash != wireHash(tipOf(1)) || j.VersionMask != mining.NarrowVersionMask {
			t.Errorf("job %+v", j)
		}
		r.found()
		r.until(time.Second, "an accepted share", func() bool { return r.c.Status().Accepted == 1 })
		st := r.c.Status()
		if st.State != Mining || st.Pool != "a:34254" || st.Channel.ID != 5 || st.Job.ID != 1 || st.Pending != 0 || st.Channel.Credited != 1 {
			t.Errorf("status %+v", st)
		}
	})
	if setup.Protocol != 0 || setup.MinVersion != 2 || setup.MaxVersion != 2 || setup.EndpointHost != "a" ||
		setup.EndpointPort != 34254 || setup.Vendor == "" ||
		setup.Flags != mining.FlagRequiresStandardJobs|mining.FlagRequiresVersionRolling {
		t.Errorf("set-up %+v", setup)
	}
	if open.UserIdentity != "alice.1" || open.NominalHashRate != 1e6 || open.MaxTarget != sv2.U256(bitcoin.RateTarget(1e6, mostShares)) {
		t.Errorf("open %+v", open)
	}
}

func TestFixedVersionObeyed(t *testing.T) {
	single(t, func(p *peer) {
		if p.setUp(mining.FlagRequiresFixedVersion) && p.opened(5) && p.job(1, 1) {
			p.wait()
		}
	}, func(r *rig) {
		r.untilOn("a", time.Second)
		if m := r.active().VersionMask; m != 0 {
			t.Errorf("version mask %#x, want 0", m)
		}
	})
}

func TestNoRolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var flags uint32
		w.pool("a", func(p *peer) {
			if p.begin(1) {
				flags = p.setup.Flags
				p.wait()
			}
		})
		cfg := w.config("a")
		cfg.FixedVersion = true
		r := w.begin(cfg, 0)
		r.untilOn("a", time.Second)
		if flags != mining.FlagRequiresStandardJobs || r.active().VersionMask != 0 {
			t.Errorf("flags %#x, mask %#x", flags, r.active().VersionMask)
		}
		r.stop()
	})
}

// A pool that does not know REQUIRES_VERSION_ROLLING is asked again without.
func TestRollingRefused(t *testing.T) {
	single(t, func(p *peer) {
		m, err := p.next()
		if err != nil {
			return
		}
		setup := m.(*sv2.SetupConnection)
		answer, ok := sv2.Setup{Supported: mining.FlagRequiresStandardJobs}.Answer(setup)
		if p.send(answer) && ok && p.opened(5) && p.job(1, 1) {
			p.wait()
		}
	}, func(r *rig) {
		r.untilOn("a", time.Second)
		if n := len(r.tried("a")); n != 2 {
			t.Errorf("%d connections, want 2", n)
		}
	})
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(*peer)
		kind  Kind
	}{
		"extended only": {func(p *peer) { p.setUp(mining.FlagRequiresExtendedChannels); p.wait() }, Refused},
		"setup error": {func(p *peer) {
			p.next()
			p.send(&sv2.SetupConnectionError{ErrorCode: sv2.CodeUnsupportedProtocol})
			p.wait()
		}, Refused},
		"version": {func(p *peer) {
			p.next()
			p.send(&sv2.SetupConnectionSuccess{UsedVersion: 3})
			p.wait()
		}, Refused},
		"unknown user": {func(p *peer) {
			if p.setUp(0) {
				m, _ := p.next()
				p.send(&mining.OpenMiningChannelError{RequestID: m.(*mining.OpenStandardMiningChannel).RequestID, ErrorCode: mining.CodeUnknownUser})
				p.wait()
			}
		}, Refused},
		"job before set-up": {func(p *peer) { p.next(); p.more(1); p.wait() }, Violation},
		"prev hash of no job": {func(p *peer) {
			if p.setUp(0) && p.opened(5) {
				p.job(1, 1)
				p.send(&mining.SetNewPrevHash{ChannelID: 5, JobID: 9})
				p.wait()
			}
		}, Violation},
		"short message": {func(p *peer) {
			if p.setUp(0) {
				p.conn.SendFrame(sv2.Frame{Type: mining.TypeOpenStandardMiningChannelSuccess, Payload: []byte{1, 2}})
				p.wait()
			}
		}, Violation},
		"oversize": {func(p *peer) {
			if p.setUp(0) {
				p.conn.SendFrame(sv2.Frame{Type: mining.TypeNewMiningJob, Payload: make([]byte, sv2net.DevicePayload+1)})
				p.wait()
			}
		}, Violation},
	} {
		t.Run(name, func(t *testing.T) {
			single(t, c.serve, func(r *rig) {
				r.until(time.Second, "a fault", func() bool { return r.c.Status().Pools[0].Fault != "" })
				p := r.c.Status().Pools[0]
				if p.Fault != c.kind.String() || p.Advice == "" || p.Error == "" || p.NextTry == nil {
					t.Errorf("pool status %+v, want fault %v", p, c.kind)
				}
			})
		})
	}
}

// play gives the pool's end of one connection to the test.
func play(t *testing.T, test func(r *rig, p *peer)) {
	ready, done := make(chan *peer, 1), make(chan struct{})
	synctest.Test(t, func(t *testing.T) {
		ready, done = make(chan *peer, 1), make(chan struct{})
		w := newWorld(t)
		w.pool("a", func(p *peer) {
			if p.begin(1) {
				ready <- p
				<-done
			}
		})
		r := w.begin(w.config("a"), 0)
		r.untilOn("a", time.Second)
		test(r, <-ready)
		close(done)
		r.stop()
	})
}

func TestMessagesObeyed(t *testing.T) {
	play(t, func(r *rig, p *peer) {
		w := target()
		w[28] = 0 // harder
		p.send(&mining.SetTarget{ChannelID: 5, MaximumTarget: w})
		synctest.Wait()
		if r.active().Target != bitcoin.Target(target()) {
			t.Error("SetTarget changed the active job")
		}
		p.send(&mining.SetExtranoncePrefix{ChannelID: 5, ExtranoncePrefix: []byte{9}})
		p.more(2)
		synctest.Wait()
		if j := r.active(); j.ID != 2 || j.Target != bitcoin.Target(w) || len(j.ExtranoncePrefix) != 1 {
			t.Errorf("job after SetTarget and SetExtranoncePrefix: %+v", j)
		}
		p.send(&mining.SetGroupChannel{GroupChannelID: 88, ChannelIDs: []uint32{4, 5}})
		p.channel = 88
		p.job(3, 2)
		synctest.Wait()
		if j := r.active(); j.ID != 3 || j.PrevHash != wireHash(tipOf(2)) {
			t.Errorf("job addressed to the new group: %+v", j)
		}
		p.send(&sv2.ChannelEndpointChanged{ChannelID: 5}, &mining.UpdateChannelError{ChannelID: 5, ErrorCode: "invalid\x1b[m"},
			&sv2.SetupConnectionSuccess{UsedVersion: 2}, &mining.OpenStandardMiningChannelSuccess{RequestID: 99, ChannelID: 6})
		for _, typ := range []sv2.Type{0x4001<<8 | 1, sv2.ChannelMsg | 0x4001<<8 | 1, 0x7f, mining.TypeSetCustomMiningJobError} {
			p.conn.SendFrame(sv2.Frame{Type: typ, Payload: []byte{0}})
		}
		p.channel = 5
		p.more(4)
		synctest.Wait()
		if j := r.active(); j == nil || j.ID != 4 {
			t.Errorf("after messages that change nothing: %+v", j)
		}
	})
}

func TestShareEndings(t *testing.T) {
	play(t, func(r *rig, p *peer) {
		for range 3 {
			r.found()
		}
		for range 3 {
			if m, err := p.next(); err != nil || m.Type() != mining.TypeSubmitSharesStandard {
				t.Fatalf("%T, %v", m, err)
			}
		}
		p.send(&mining.SubmitSharesError{ChannelID: 5, SequenceNumber: 1, ErrorCode: mining.CodeDifficultyTooLow})
		p.send(&mining.SubmitSharesSuccess{ChannelID: 5, LastSequenceNumber: 1, NewSubmitsAcceptedCount: 1, NewSharesSum: 7})
		synctest.Wait()
		st := r.c.Status()
		if st.Accepted != 1 || st.Rejected[mining.CodeDifficultyTooLow] != 1 || st.Pending != 1 || st.Channel.Credited != 7 {
			t.Errorf("status %+v", st)
		}
		j := r.active()
		bad := *j
		bad.Version ^= 1
		r.share(&bad, 100)
		bad = *j
		bad.Number += 50
		r.share(&bad, 101)
		bad.Number = 0
		r.share(&bad, 102)
		synctest.Wait()
		p.job(2, 2)
		synctest.Wait()
		r.share(j, 103)
		synctest.Wait()
		p.raw.Close()
		synctest.Wait()
		st = r.c.Status()
		want := map[string]uint64{lostLimits: 1, lostStale: 3, Disconnected.String(): 1}
		for cause, n := range want {
			if st.Lost[cause] != n {
				t.Errorf("lost %v, want %v", st.Lost, want)
				break
			}
		}
		r.found() // no job: nothing is sent
		r.share(j, 104)
		if st = r.c.Status(); st.Lost[lostNoPool] != 1 {
			t.Errorf("lost %v, want one for no pool", st.Lost)
		}
	})
}

func TestBlocksAreCounted(t *testing.T) {
	play(t, func(r *rig, p *peer) {
		j := r.active()
		for i, last := range []byte{0, 0, 1} { // the network's target begins with four zero bytes
			x := channel.Share{Job: j.Number, NTime: j.NTime, Version: j.Version}
			x.Hash[0], x.Hash[31] = byte(i), last
			r.c.Submit(x)
		}
		for range 3 {
			p.next()
		}
		if n := r.c.Status().Blocks; n != 1 {
			t.Errorf("%d blocks, want 1: one share has no hash, one is too large", n)
		}
	})
}

func TestCloseChannelReopens(t *testing.T) {
	opens := 0
	single(t, func(p *peer) {
		if !p.setUp(0) {
			return
		}
		for id := uint32(5); p.opened(id) && p.job(1, 1); id++ {
			opens++
			time.Sleep(time.Second)
			if !p.send(&mining.CloseChannel{ChannelID: id, ReasonCode: "maintenance"}) {
				return
			}
		}
	}, func(r *rig) {
		r.untilOn("a", time.Second)
		r.until(3*time.Second, "a stop", func() bool { return !r.hashing() })
		r.untilOn("a", 4*time.Second)
		if n := len(r.tried("a")); n != 1 {
			t.Errorf("%d connections, want the same one", n)
		}
		r.until(time.Minute, "giving up", func() bool { return r.c.Status().Pools[0].Fault == ChannelClosed.String() })
		if opens != maxClosings+1 {
			t.Errorf("opened %d channels", opens)
		}
	})
}

// A pool that wants easier shares than we ask for is asked again and may have them, on
// the same connection; one that does not want those either refuses us.
func TestEasiestTargetRefused(t *testing.T) {
	var asked []sv2.U256
	single(t, func(p *peer) {
		if !p.setUp(0) {
			return
		}
		p.serve(func(m sv2.Message) bool {
			open, ok := m.(*mining.OpenStandardMiningChannel)
			if !ok {
				return true
			}
			asked = append(asked, open.MaxTarget)
			return p.send(&mining.OpenMiningChannelError{RequestID: open.RequestID, ErrorCode: mining.CodeMaxTargetOutOfRange})
		})
	}, func(r *rig) {
		r.until(time.Second, "a fault", func() bool { return r.c.Status().Pools[0].Fault == Refused.String() })
	})
	if want := []sv2.U256{sv2.U256(bitcoin.RateTarget(1e6, mostShares)), sv2.U256(bitcoin.MaxTarget())}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	for _, code := range []string{mining.CodeMaxTargetOutOfRange, "requested-max-target-out-of-range"} {
		play(t, func(r *rig, p *peer) {
			r.c.SetHashRate(0, 2e6)
			first, _ := hear[*mining.UpdateChannel](p)
			p.send(&mining.UpdateChannelError{ChannelID: 5, ErrorCode: code})
			second, ok := hear[*mining.UpdateChannel](p)
			if !ok || first.MaximumTarget != sv2.U256(bitcoin.RateTarget(2e6, mostShares)) ||
				second.MaximumTarget != sv2.U256(bitcoin.MaxTarget()) || second.NominalHashRate != first.NominalHashRate {
				t.Errorf("%s: %+v, then %+v", code, first, second)
			}
			p.send(&mining.UpdateChannelError{ChannelID: 5, ErrorCode: code})
			time.Sleep(time.Minute)
			if !r.hashing() || len(r.tried("a")) != 1 {
				t.Errorf("%s, twice: hashing is %v after %d connections", code, r.hashing(), len(r.tried("a")))
			}
		})
	}
}

func TestUpdateChannel(t *testing.T) {
	var told []time.Duration
	var rates []float64
	single(t, func(p *peer) {
		if !p.begin(1) {
			return
		}
		p.serve(func(m sv2.Message) bool {
			if u, ok := m.(*mining.UpdateChannel); ok {
				if u.ChannelID != 5 || u.MaximumTarget != sv2.U256(bitcoin.RateTarget(float64(u.NominalHashRate), mostShares)) {
					t.Errorf("%+v", u)
				}
				p.w.mu.Lock()
				defer p.w.mu.Unlock()
				told, rates = append(told, time.Since(p.w.start)), append(rates, float64(u.NominalHashRate))
			}
			return true
		})
	}, func(r *rig) {
		r.untilOn("a", time.Second)
		time.Sleep(10 * time.Second)
		r.c.SetHashRate(0, 1.05e6) // too little
		time.Sleep(time.Minute)
		r.c.SetHashRate(0, 2e6)
		time.Sleep(5 * time.Second)
		r.c.SetHashRate(0, 2.3e6) // waits for 30 s
		time.Sleep(5 * time.Second)
		synctest.Wait()
		r.world.mu.Lock()
		if len(told) != 1 || rates[0] != 2e6 {
			t.Errorf("told %v at %v", rates, told)
		}
		r.world.mu.Unlock()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		r.world.mu.Lock()
		if len(told) != 2 {
			t.Errorf("told %v at %v", rates, told)
		}
		r.world.mu.Unlock()
		for i := range 100 { // wild
			r.c.SetHashRate(0, float64(1+i%2*1e9))
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		r.world.mu.Lock()
		defer r.world.mu.Unlock()
		for i := range told[1:] {
			if d := told[i+1] - told[i]; d < time.Second {
				t.Errorf("two updates within %v", d)
			}
		}
		r.c.SetHashRate(0, -1)
		r.c.SetHashRate(0, 0)
		if r.c.hashRate(0) != 0 {
			t.Error("a negative rate was taken")
		}
	})
}
