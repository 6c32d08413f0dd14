package pool

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

func TestUpdateChannel(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		d := r.ready().open(1, 1e6)
		d.ahead()
		update := func(id uint32, rate float32, limit bitcoin.Target) {
			d.send(&mining.UpdateChannel{ChannelID: id, NominalHashRate: sv2.F32(rate), MaximumTarget: sv2.U256(limit)})
		}
		for _, c := range []struct {
			code  string
			id    uint32
			rate  float64
			limit bitcoin.Target
		}{
			{mining.CodeInvalidChannelID, 4, 1e6, bitcoin.MaxTarget()},
			{mining.CodeInvalidNominalHashrate, d.id, math.NaN(), bitcoin.MaxTarget()},
			{mining.CodeInvalidNominalHashrate, d.id, math.Inf(1), bitcoin.MaxTarget()},
			{mining.CodeInvalidNominalHashrate, d.id, -1, bitcoin.MaxTarget()},
			{mining.CodeMaxTargetOutOfRange, d.id, 1e6, bitcoin.Target{}},
		} {
			update(c.id, float32(c.rate), c.limit)
			if m := next[*mining.UpdateChannelError](d.device); m.ErrorCode != c.code || m.ChannelID != c.id {
				t.Errorf("got %+v, want %s", m, c.code)
			}
		}
		update(d.id, 1e6, bitcoin.MaxTarget()) // nothing new
		d.quiet(time.Second)
		limit := bitcoin.RateTarget(1e9, 12)
		update(d.id, 1e6, limit)
		if m := next[*mining.SetTarget](d.device); bitcoin.Target(m.MaximumTarget) != limit || m.ChannelID != d.id {
			t.Errorf("got %+v, want the maximum", m)
		}
		if j := next[*mining.NewMiningJob](d.device); !j.MinNTime.Valid {
			t.Errorf("job %+v does not start at once", j)
		}
		update(d.id, 1e12, limit) // a faster device
		if m := next[*mining.SetTarget](d.device); bitcoin.Target(m.MaximumTarget).Cmp(limit) >= 0 {
			t.Errorf("got %+v, want a harder target", m)
		}
	})
}

func TestSeveralChannels(t *testing.T) {
	bubble(t, Config{Batch: 1, Limits: Limits{Channels: 3}}, func(r *rig) {
		d := r.ready()
		a, b := d.open(1, 1e4), d.open(2, 1e4)
		if a.id == b.id || a.job.MerkleRoot == b.job.MerkleRoot {
			t.Errorf("channels %d and %d share work", a.id, b.id)
		}
		c := d.open(3, 1e4)
		d.send(&mining.OpenStandardMiningChannel{RequestID: 4, NominalHashRate: 1, MaxTarget: maxU256()})
		if m := skipTo[*mining.OpenMiningChannelError](d); m.RequestID != 4 || m.ErrorCode != codeTooManyChannels {
			t.Errorf("fourth channel got %+v", m)
		}
		d.send(&mining.CloseChannel{ChannelID: a.id}, &mining.CloseChannel{ChannelID: c.id}, &mining.CloseChannel{ChannelID: 99})
		time.Sleep(3 * time.Second) // what was on its way has come
		drain(d)
		d.send(a.find(true))
		if m := next[*mining.SubmitSharesError](d); m.ErrorCode != mining.CodeInvalidChannelID {
			t.Errorf("a share for a closed channel got %+v", m)
		}
		d.send(b.find(true))
		if m := next[*mining.SubmitSharesSuccess](d); m.ChannelID != b.id {
			t.Errorf("the other channel got %+v", m)
		}
		r.chain.templates <- template(101, 2, hardBits)
		if m := next[*mining.SetNewPrevHash](d); m.ChannelID != b.id {
			t.Errorf("the tip is told to %+v", m)
		}
		if n := r.pool.prefixes.InUse(); n != 1 {
			t.Errorf("%d prefixes in use", n)
		}
		again := d.reopen(5)
		if again == a.id || again == c.id {
			t.Errorf("channel number %d is used again", again)
		}
	})
}

func drain(d *device) {
	for {
		select {
		case <-d.got:
		default:
			return
		}
	}
}

func (d *device) reopen(request uint32) uint32 {
	d.send(&mining.OpenStandardMiningChannel{RequestID: request, NominalHashRate: 1e4, MaxTarget: maxU256()})
	return skipTo[*mining.OpenStandardMiningChannelSuccess](d).ChannelID
}

// TestChurn: devices behind a proxy come and go on its one connection for years. That
// uses up no extranonces and stops at no limit of what is open at a time.
func TestChurn(t *testing.T) {
	bubble(t, Config{Limits: Limits{Connections: 1, Channels: 2, Messages: 1e6}}, func(r *rig) {
		d := r.ready()
		for i := range uint32(200) {
			id := d.reopen(i)
			d.send(&mining.CloseChannel{ChannelID: id})
		}
		if n := r.pool.prefixes.InUse(); n > 1 { // the last may be on its way
			t.Errorf("%d extranonce prefixes in use", n)
		}
	})
}

func TestRefusedOpenings(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		d := r.ready()
		for _, c := range []struct {
			code string
			m    sv2.Message
		}{
			{mining.CodeInvalidNominalHashrate, &mining.OpenStandardMiningChannel{NominalHashRate: -1, MaxTarget: maxU256()}},
			{mining.CodeMaxTargetOutOfRange, &mining.OpenStandardMiningChannel{NominalHashRate: 1}},
			{mining.CodeExtendedChannelsNotSupportedForStandardJobs, &mining.OpenExtendedMiningChannel{MaxTarget: maxU256()}},
		} {
			d.send(c.m)
			if m := next[*mining.OpenMiningChannelError](d); m.ErrorCode != c.code {
				t.Errorf("got %+v, want %s", m, c.code)
			}
		}
		d.send(&mining.SetCustomMiningJob{ChannelID: 1, RequestID: 8})
		if m := next[*mining.SetCustomMiningJobError](d); m.RequestID != 8 || m.ErrorCode != mining.CodeInvalidChannelID {
			t.Errorf("custom job got %+v", m)
		}
		e := r.dial()
		e.send(setup(0))
		next[*sv2.SetupConnectionSuccess](e)
		e.send(&mining.OpenExtendedMiningChannel{RequestID: 5, MaxTarget: maxU256(), MinExtranonceSize: 2})
		if m := next[*mining.OpenMiningChannelError](e); m.RequestID != 5 || m.ErrorCode != codeNoExtended {
			t.Errorf("extended channel got %+v", m)
		}
		limit := bitcoin.RateTarget(1e15, 1)
		e.send(&mining.OpenStandardMiningChannel{NominalHashRate: 1, MaxTarget: sv2.U256(limit), UserIdentity: "\x1b[2J\xffu"})
		if m := next[*mining.OpenStandardMiningChannelSuccess](e); bitcoin.Target(m.Target).Cmp(limit) > 0 {
			t.Errorf("target %x is above the device's maximum", m.Target)
		}
		synctest.Wait()
		for _, p := range r.pool.peers {
			for _, s := range p.channels {
				if s.user != "?[2J?u" {
					t.Errorf("user is kept as %q", s.user)
				}
			}
		}
	})
}
