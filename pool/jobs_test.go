package pool

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

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
		skipTo[*mining.NewMiningJob](d.device) // the fourth, within five minutes of the last template
		d.quiet(20 * time.Minute)              // the node is as good as dead
		r.chain.templates <- template(100, 1, hardBits)
		next[*mining.NewMiningJob](d.device)
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
