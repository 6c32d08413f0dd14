package pool

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
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

// TestTipChange is the life of a channel over three tips: the first fits the job
// sent ahead, the second is two blocks higher, the third comes at the same height.
func TestTipChange(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		d := r.ready().open(1, 1e12)
		ahead := d.ahead()
		r.chain.templates <- template(101, 2, hardBits)
		tip := next[*mining.SetNewPrevHash](d.device)
		if tip.JobID != ahead.JobID || tip.PrevHash[31] != 2 || tip.NBits != hardBits {
			t.Errorf("new tip %+v, want the job %d sent ahead", tip, ahead.JobID)
		}
		full := next[*mining.NewMiningJob](d.device)
		if !full.MinNTime.Valid || full.MinNTime.Value < tip.MinNTime || full.MerkleRoot == ahead.MerkleRoot {
			t.Errorf("full job %+v after %+v", full, tip)
		}
		ahead = d.ahead()

		for i, height := range []uint32{103, 103} {
			r.chain.templates <- template(height, 3+byte(i), hardBits)
			fresh := next[*mining.NewMiningJob](d.device)
			tip = next[*mining.SetNewPrevHash](d.device)
			if fresh.MinNTime.Valid || tip.JobID != fresh.JobID || fresh.JobID == ahead.JobID || tip.PrevHash[31] != 3+byte(i) {
				t.Errorf("at height %d: job %+v, tip %+v", height, fresh, tip)
			}
			ahead = d.ahead()
		}
		if s := r.pool.Status(); s.Chain.Tips != 4 || s.Template.Height != 103 || !s.Chain.Healthy {
			t.Errorf("status %+v", s)
		}
	})
}

// TestDifficultyFalls: on a test network the same block may become easier.
func TestDifficultyFalls(t *testing.T) {
	bubble(t, Config{Batch: 1}, func(r *rig) {
		d := r.ready().open(1, 1e4)
		d.ahead()
		r.chain.templates <- template(100, 1, easyBits)
		d.job = next[*mining.NewMiningJob](d.device)
		d.tip = next[*mining.SetNewPrevHash](d.device)
		if d.tip.NBits != easyBits || d.tip.JobID != d.job.JobID || d.job.MinNTime.Valid {
			t.Errorf("job %+v, tip %+v", d.job, d.tip)
		}
		d.ahead()
		d.target, _ = bitcoin.CompactTarget(easyBits)
		d.send(d.find(true))
		next[*mining.SubmitSharesSuccess](d.device)
		if n := len(r.chain.taken()); n != 1 {
			t.Errorf("the chain got %d blocks", n)
		}
	})
}

// TestNothingAheadOfUnknownSubsidy: where a template pays less than the subsidy we
// would claim, the next empty block is not ours to guess.
func TestNothingAheadOfUnknownSubsidy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t, Config{}, true)
		poor := template(100, 1, hardBits)
		poor.Value = 1000
		r.chain.templates <- poor
		d := r.ready().open(1, 1e12)
		d.quiet(10 * time.Second)
		poor = template(101, 2, hardBits)
		poor.Value = 1000
		r.chain.templates <- poor
		j := next[*mining.NewMiningJob](d.device)
		if m := next[*mining.SetNewPrevHash](d.device); m.JobID != j.JobID {
			t.Errorf("job %+v, tip %+v", j, m)
		}
		r.stop()
	})
}

func TestJobsBetweenTips(t *testing.T) {
	bubble(t, Config{Refresh: 20 * time.Second, MaxJobAge: time.Minute, SharesPerMinute: 1e-6}, func(r *rig) {
		began := time.Now()
		d := r.ready().open(1, 1e12)
		d.ahead()
		for range 5 { // a busy node: only the newest counts, and only when it is time
			r.chain.templates <- template(100, 1, hardBits)
		}
		first := next[*mining.NewMiningJob](d.device)
		if at := time.Since(began).Round(time.Second); at != 20*time.Second || !first.MinNTime.Valid {
			t.Errorf("job %+v after %v, want one on the same tip after 20 s", first, at)
		}
		for range 3 { // a silent node
			began = time.Now()
			m := skipTo[*mining.NewMiningJob](d.device)
			if at := time.Since(began); at < 59*time.Second || at > 61*time.Second {
				t.Errorf("job after %v, want one each minute", at)
			}
			if m.MerkleRoot == first.MerkleRoot || m.MinNTime.Value < first.MinNTime.Value+59 {
				t.Errorf("job %+v repeats %+v", m, first)
			}
			first = m
		}
	})
}

func TestSharesAndBatches(t *testing.T) {
	bubble(t, Config{Batch: 3, BatchDelay: 2 * time.Second, SharesPerMinute: 60}, func(r *rig) {
		d := r.ready().open(1, 1e4)
		d.ahead()
		for range 3 {
			d.send(d.find(true))
		}
		if m := next[*mining.SubmitSharesSuccess](d.device); m.LastSequenceNumber != 2 || m.NewSubmitsAcceptedCount != 3 || m.ChannelID != d.id {
			t.Errorf("full batch answered with %+v", m)
		}
		began := time.Now()
		d.send(d.find(true))
		if m := next[*mining.SubmitSharesSuccess](d.device); m.LastSequenceNumber != 3 || m.NewSubmitsAcceptedCount != 1 {
			t.Errorf("late batch answered with %+v", m)
		}
		if at := time.Since(began); at < 2*time.Second || at > 2*time.Second+2*tick {
			t.Errorf("late batch answered after %v", at)
		}
		bad := d.find(false)
		d.send(bad)
		if m := next[*mining.SubmitSharesError](d.device); m.ErrorCode != mining.CodeDifficultyTooLow || m.SequenceNumber != bad.SequenceNumber {
			t.Errorf("bad share answered with %+v", m)
		}
		s := r.pool.Status()
		if s.Accepted != 4 || s.Rejected[mining.CodeDifficultyTooLow] != 1 || s.Channels != 1 || s.Connections != 1 || s.HashRate <= 0 {
			t.Errorf("status %+v", s)
		}
		if len(r.ledger.shares) != 4 || r.ledger.shares[0] != "user" || math.Abs(r.ledger.work-s.Difficulty) > 1e-12 || s.Difficulty <= 0 {
			t.Errorf("ledger has %v with %v", r.ledger.shares, r.ledger.work)
		}
	})
}

func TestRolledBitsAndTime(t *testing.T) {
	bubble(t, Config{Batch: 1, SharesPerMinute: 60}, func(r *rig) {
		d := r.ready().open(1, 1e4)
		d.ahead()
		for bit := 5; bit <= 28; bit++ {
			d.bits = 1 << bit
			d.send(d.find(true))
			skipTo[*mining.SubmitSharesSuccess](d.device)
		}
		for _, seconds := range []uint32{1, 7000} {
			d.later = seconds
			d.send(d.find(true))
			skipTo[*mining.SubmitSharesSuccess](d.device)
		}
	})
}

func TestRefusals(t *testing.T) {
	bubble(t, Config{Batch: 1}, func(r *rig) {
		d := r.ready().open(1, 1e4)
		d.ahead()
		good := d.find(true)
		for _, c := range []struct {
			code   string
			change func(*mining.SubmitSharesStandard)
		}{
			{mining.CodeInvalidChannelID, func(m *mining.SubmitSharesStandard) { m.ChannelID = 0 }},
			{mining.CodeInvalidJobID, func(m *mining.SubmitSharesStandard) { m.JobID = 99 }},
			{mining.CodeInvalidShare, func(m *mining.SubmitSharesStandard) { m.NTime-- }},
			{mining.CodeInvalidShare, func(m *mining.SubmitSharesStandard) { m.NTime += 7300 }},
			{mining.CodeInvalidNonRollableVersionBit, func(m *mining.SubmitSharesStandard) { m.Version ^= 1 << 30 }},
			{"", func(*mining.SubmitSharesStandard) {}},
			{mining.CodeDuplicateShare, func(*mining.SubmitSharesStandard) {}},
		} {
			m := *good
			c.change(&m)
			d.send(&m)
			if c.code == "" {
				next[*mining.SubmitSharesSuccess](d.device)
				continue
			}
			if got := next[*mining.SubmitSharesError](d.device); got.ErrorCode != c.code {
				t.Errorf("got %q, want %q", got.ErrorCode, c.code)
			}
		}
		d.send(&mining.SubmitSharesExtended{ChannelID: d.id, SequenceNumber: 77, JobID: d.job.JobID})
		if got := next[*mining.SubmitSharesError](d.device); got.SequenceNumber != 77 || got.ErrorCode != mining.CodeInvalidChannelID {
			t.Errorf("an extended share on a standard channel gets %+v", got)
		}
	})
}

func TestBlock(t *testing.T) {
	for _, verdict := range []error{nil, errors.New("high-hash")} {
		synctest.Test(t, func(t *testing.T) {
			r := prepare(t, Config{Batch: 1}, true)
			r.chain.verdict = verdict
			r.chain.templates <- template(100, 1, easyBits)
			d := r.ready().open(1, 1e4)
			d.ahead()
			r.chain.submitted = func() { d.quiet(3 * time.Second) } // not acknowledged before
			d.target, _ = bitcoin.CompactTarget(easyBits)
			share := d.find(true)
			d.send(share)
			next[*mining.SubmitSharesSuccess](d.device)
			blocks := r.chain.taken()
			if len(blocks) != 1 {
				t.Fatalf("the chain got %d blocks", len(blocks))
			}
			h, err := bitcoin.ParseHeader(blocks[0][:80])
			if err != nil || h.Nonce != share.Nonce || h.PrevHash[31] != 1 || !d.target.MetBy(h.Hash()) {
				t.Errorf("the chain got header %+v, %v", h, err)
			}
			s := r.pool.Status()
			if len(r.ledger.blocks) != 1 || r.ledger.blocks[0] != verdict || len(r.ledger.shares) != 1 || s.Blocks+s.Refused != 1 || (s.Blocks == 1) != (verdict == nil) {
				t.Errorf("ledger %+v, status %+v", r.ledger, s)
			}
			r.stop()
		})
	}
}

func TestBlockOnDeadChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t, Config{Batch: 1, SubmitTimeout: 4 * time.Second}, true)
		r.chain.stuck = true
		r.chain.templates <- template(100, 1, easyBits)
		d := r.ready().open(1, 1e4)
		d.ahead()
		d.target, _ = bitcoin.CompactTarget(easyBits)
		began := time.Now()
		d.send(d.find(true))
		next[*mining.SubmitSharesSuccess](d.device) // the share is good all the same
		if at := time.Since(began); at != 4*time.Second {
			t.Errorf("acknowledged after %v", at)
		}
		d.send(d.find(true))
		time.Sleep(time.Second)
		began = time.Now()
		r.stop()
		if at := time.Since(began); at > 2*time.Second {
			t.Errorf("stopping took %v", at)
		}
	})
}

// TestVardiff floods the pool from a device that claims little: the target falls,
// with a job for it to count, and shares of the job before keep their target.
func TestVardiff(t *testing.T) {
	bubble(t, Config{SharesPerMinute: 60, Batch: 1}, func(r *rig) {
		d := r.ready().open(1, 1e4)
		d.ahead()
		for range 40 {
			d.send(d.find(true))
			next[*mining.SubmitSharesSuccess](d.device)
		}
		harder := skipTo[*mining.SetTarget](d.device)
		if bitcoin.Target(harder.MaximumTarget).Cmp(d.target) >= 0 {
			t.Errorf("target %x is not harder than %v", harder.MaximumTarget, d.target)
		}
		job := next[*mining.NewMiningJob](d.device)
		if !job.MinNTime.Valid {
			t.Errorf("no job for the target to count, but %+v", job)
		}
		d.send(d.find(true)) // the old job at the old target
		next[*mining.SubmitSharesSuccess](d.device)
		d.job = job
		s, h := d.try()
		for bitcoin.Target(harder.MaximumTarget).MetBy(h) || !d.target.MetBy(h) {
			s, h = d.try()
		}
		d.send(s) // the new job at the old target
		if m := next[*mining.SubmitSharesError](d.device); m.ErrorCode != mining.CodeDifficultyTooLow {
			t.Errorf("got %+v", m)
		}
		// Silence makes it easier again.
		easier := skipTo[*mining.SetTarget](d.device)
		if bitcoin.Target(easier.MaximumTarget).Cmp(bitcoin.Target(harder.MaximumTarget)) <= 0 {
			t.Errorf("after silence target %x follows %x", easier.MaximumTarget, harder.MaximumTarget)
		}
	})
}

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

// TestChurn: channels that open and close use up extranonces, so a connection gets
// only so many.
func TestChurn(t *testing.T) {
	bubble(t, Config{Limits: Limits{Channels: 2, Messages: 1e6}}, func(r *rig) {
		d := r.ready()
		for i := range uint32(2 * churn) {
			id := d.reopen(i)
			d.send(&mining.CloseChannel{ChannelID: id})
		}
		d.send(&mining.OpenStandardMiningChannel{RequestID: 99, NominalHashRate: 1e4, MaxTarget: maxU256()})
		if m := skipTo[*mining.OpenMiningChannelError](d); m.RequestID != 99 || m.ErrorCode != codeTooManyChannels {
			t.Errorf("got %+v", m)
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

// TestBadTemplate keeps the last good work.
func TestBadTemplate(t *testing.T) {
	bubble(t, Config{}, func(r *rig) {
		d := r.ready().open(1, 1e12)
		d.ahead()
		bad := template(101, 2, 0)
		r.chain.templates <- bad
		d.quiet(time.Second)
		if s := r.pool.Status(); s.Chain.Healthy || s.Chain.LastError == "" {
			t.Errorf("status %+v", s.Chain)
		}
		r.chain.templates <- template(101, 2, hardBits)
		next[*mining.SetNewPrevHash](d.device)
		if s := r.pool.Status(); !s.Chain.Healthy {
			t.Errorf("status %+v", s.Chain)
		}
	})
}

func TestNoTemplateYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t, Config{}, true)
		d := r.dial()
		d.closed()
		e := r.dial()
		r.chain.templates <- template(100, 1, hardBits)
		e.send(setup(0))
		next[*sv2.SetupConnectionSuccess](e)
		r.stop()
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
