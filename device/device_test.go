package device

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
	"github.com/lodefw/lode/sv2client"
)

// worker solves its work for real, ten times a second, and expects another rate
// than that.
type worker struct{ expects float64 }

func (w worker) String() string    { return "worker" }
func (w worker) HashRate() float64 { return w.expects }

func (w worker) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	target := bitcoin.RateTarget(19, 60) // 20 hashes a solution: 200 a second
	feed.Declare(hashing.Traits{HashRate: w.expects, Target: &target})
	for {
		changed := feed.Changed()
		work, err := feed.Next(ctx)
		if err != nil {
			return nil
		}
		for from, fresh := uint32(0), true; fresh; from++ {
			s := solve(work, from, work.Target, nil)
			from = s.Nonce
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
				fresh = false
			case <-time.After(100 * time.Millisecond):
				found(s)
			}
		}
	}
}

// pool is the server's end of one connection: it opens a channel, gives one job,
// accepts shares that meet the target, and notes what it was told.
type pool struct {
	t      *testing.T
	conn   *sv2net.Conn
	target bitcoin.Target
	job    *channel.Job

	mu     sync.Mutex
	rates  []float64
	shares uint32
}

func (p *pool) serve() {
	defer p.conn.Close()
	if err := p.conn.Handshake(context.Background()); err != nil {
		p.t.Error(err)
		return
	}
	for {
		f, err := p.conn.Receive()
		if err != nil {
			return // the device has gone
		}
		m := sv2.New(f.Type)
		if m == nil {
			m = mining.New(f.Type)
		}
		if err := sv2.Unmarshal(f.Payload, m); err != nil {
			p.t.Error(err)
			return
		}
		if err := p.conn.SendAll(p.answer(m)...); err != nil {
			return
		}
	}
}

func (p *pool) answer(m sv2.Message) []sv2.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	const id = 5
	switch m := m.(type) {
	case *sv2.SetupConnection:
		return []sv2.Message{&sv2.SetupConnectionSuccess{UsedVersion: 2}}
	case *mining.OpenStandardMiningChannel:
		p.rates = append(p.rates, float64(m.NominalHashRate))
		return []sv2.Message{
			&mining.OpenStandardMiningChannelSuccess{RequestID: m.RequestID, ChannelID: id,
				Target: sv2.U256(p.target), ExtranoncePrefix: []byte{1}},
			&mining.NewMiningJob{ChannelID: id, JobID: p.job.ID, Version: p.job.Version, MerkleRoot: sv2.U256(p.job.MerkleRoot)},
			&mining.SetNewPrevHash{ChannelID: id, JobID: p.job.ID, PrevHash: sv2.U256(p.job.PrevHash), MinNTime: p.job.NTime, NBits: p.job.NBits},
		}
	case *mining.UpdateChannel:
		p.rates = append(p.rates, float64(m.NominalHashRate))
	case *mining.SubmitSharesStandard:
		h := p.job.Header(m.Nonce, m.NTime, m.Version)
		if m.JobID != p.job.ID || !p.target.MetBy(h.Hash()) {
			p.t.Errorf("share %+v has hash %v", m, h.Hash())
		}
		p.shares++
		return []sv2.Message{&mining.SubmitSharesSuccess{ChannelID: id, LastSequenceNumber: m.SequenceNumber,
			NewSubmitsAcceptedCount: 1, NewSharesSum: 1}}
	}
	return nil
}

// A whole device against a pool: shares arrive, the measured hash rate is told, the
// status has it all, and the end is clean.
func TestDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pool{t: t, target: bitcoin.RateTarget(199, 60), job: job(3, 1)}
		var conns sync.WaitGroup
		defer conns.Wait()
		d, err := New(Config{
			Hashers: []hashing.Hasher{worker{expects: 80}, worker{expects: 0}},
			Client: sv2client.Config{
				Pools: []noise.URL{{Host: "pool", Port: 1}},
				User:  "someone",
				Dial: func(ctx context.Context, url noise.URL) (*sv2net.Conn, error) {
					near, far := net.Pipe()
					p.conn = sv2net.Server(far, sv2net.ListenConfig{Plain: true})
					conns.Go(p.serve)
					return sv2net.Client(ctx, near, url, sv2net.DialConfig{Plain: true})
				},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		s := d.Status()
		begin := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("Run took %v to end", took)
		}
		if s.State != Mining || !near(s.HashRate.Minute1, 400) {
			t.Errorf("state %v, rates %+v; want 400", s.State, s.HashRate)
		}
		if s.Pool.Accepted < 400 || s.Pool.Accepted != uint64(p.shares) || s.Total.Shares != uint64(p.shares) || s.Total.Stale+s.Total.HardwareErrors != 0 {
			t.Errorf("%d shares at the pool; device: %+v; client: %+v", p.shares, s.Total, s.Pool)
		}
		if len(p.rates) < 2 || p.rates[0] != 80 || !near(p.rates[len(p.rates)-1], 400) {
			t.Errorf("pool was told rates %v, want 80, then 400", p.rates)
		}
		text, err := json.Marshal(s)
		if err != nil || !strings.Contains(string(text), `"accepted":`) || !strings.Contains(string(text), `"hash_rate":{"5s":`) {
			t.Errorf("status as JSON: %s, %v", text, err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{Client: sv2client.Config{Pools: []noise.URL{{Host: "pool"}}}}); err == nil {
		t.Error("a device without hashers")
	}
	if _, err := New(Config{Hashers: []hashing.Hasher{worker{}}}); err == nil {
		t.Error("a device without a pool")
	}
}

func TestMoved(t *testing.T) {
	for _, c := range []struct {
		told, measured float64
		want           bool
	}{
		{1000, 1100, false}, {1000, 1200, true}, {1000, 900, false}, {1000, 800, true},
		{0, 5, true}, {1000, 0, false}, {0, 0, false},
	} {
		if got := moved(c.told, c.measured); got != c.want {
			t.Errorf("moved(%v, %v) = %v", c.told, c.measured, got)
		}
	}
}
