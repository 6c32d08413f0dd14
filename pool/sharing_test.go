package pool

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2/mining"
)

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

// TestBlocksAreShares: where a block is easier than the share that the hash rate asks
// for, the device's target is the network's, and follows it.
func TestBlocksAreShares(t *testing.T) {
	bubble(t, Config{SharesPerMinute: 6}, func(r *rig) {
		r.chain.templates <- template(100, 1, easyBits)
		synctest.Wait() // until it is worked on: there was another before
		d := r.ready().open(1, 1e12)
		network, err := bitcoin.CompactTarget(easyBits)
		if err != nil || d.target != network {
			t.Fatalf("target %v, want the network's %v (%v)", d.target, network, err)
		}
		d.ahead()
		r.chain.templates <- template(101, 2, hardBits)
		skipTo[*mining.SetNewPrevHash](d.device)
		harder := bitcoin.Target(skipTo[*mining.SetTarget](d.device).MaximumTarget)
		if want := bitcoin.RateTarget(float64(float32(1e12)), 6); harder.Cmp(want) > 0 {
			t.Errorf("target %v on the harder tip, want at most %v", harder, want)
		}
	})
}
