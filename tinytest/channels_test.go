package tinytest

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/sv2client"
)

// roller is a hasher like a chain of new chips: it rolls all version bits itself and
// takes new work every few seconds. It notes how long it had none.
type roller struct {
	Hasher
	works atomic.Int64
	idle  atomic.Int64 // nanoseconds without work, after the first
}

func (h *roller) RollBits() int { return 16 }

func (h *roller) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	feed.Declare(hashing.Traits{HashRate: h.Rate, RollBits: h.RollBits()})
	for ctx.Err() == nil {
		asked := time.Now()
		w, err := feed.Next(ctx)
		if err != nil {
			return nil
		}
		if h.works.Add(1) > 1 {
			h.idle.Add(int64(time.Since(asked)))
		}
		sweep, end := context.WithTimeout(ctx, 4*time.Second)
		h.search(sweep, w, found)
		end()
	}
	return nil
}

// rollers are a device of three chains, each slower than the next.
func rollers() []*roller {
	return []*roller{{Hasher: Hasher{Rate: 1_000}}, {Hasher: Hasher{Rate: 2_000}}, {Hasher: Hasher{Rate: 4_000}}}
}

// rollerRig is a rig with one such device.
func rollerRig(t *testing.T, o Options) (*Rig, []*roller) {
	chains := rollers()
	o.Rate = 7_000
	o.Hashers = func(int) (list []hashing.Hasher) {
		for _, h := range chains {
			list = append(list, h)
		}
		return list
	}
	return New(t, o), chains
}

func (r *Rig) channels() []sv2client.ChannelStatus { return r.Devices[0].Status().Pool.Channels }

// Three chains that roll versions themselves have a channel each, and never wait for
// work, whatever jobs and tips come.
func TestEachChainHasItsChannel(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r, chains := rollerRig(t, Options{})
		for range 60 {
			time.Sleep(5*time.Second + 333*time.Microsecond)
			r.Chain.Advance()
		}
		synctest.Wait()
		s := r.Devices[0].Status()
		if n := r.Pools[0].Status(); n.Channels != 3 || n.Connections != 1 || len(s.Pool.Channels) != 3 {
			t.Errorf("%d channels on %d connections", n.Channels, n.Connections)
		}
		for i, h := range chains {
			if idle := time.Duration(h.idle.Load()); idle > 0 || h.works.Load() < 100 {
				t.Errorf("chain %d was without work for %v, and had %d", i, idle, h.works.Load())
			}
			c := s.Pool.Channels[i]
			if c.Accepted < 100 || c.HashRate < h.Rate*0.7 || c.HashRate > h.Rate*1.4 {
				t.Errorf("chain %d: channel %+v", i, c)
			}
			if s.Hashers[i].Channel != i || s.Hashers[i].Stale > s.Hashers[i].Works {
				t.Errorf("chain %d: %+v", i, s.Hashers[i])
			}
		}
		if s.HashRate.Minute1 < 5_000 || s.HashRate.Minute1 > 9_000 {
			t.Errorf("hash rate %+v", s.HashRate)
		}
		r.honest()
	})
}

// A pool that gives one channel to a connection is mined on with all chains.
func TestChainsShareTheOnlyChannel(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r, chains := rollerRig(t, Options{Pool: func(_ int, c *pool.Config) { c.Limits.Channels = 1 }})
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		s := r.Devices[0].Status()
		for i, h := range chains {
			if s.Hashers[i].Solutions < 100 || h.works.Load() < 10 {
				t.Errorf("chain %d: %+v", i, s.Hashers[i])
			}
		}
		first := s.Pool.Channels[0]
		if first.Accepted < 100 || first.HashRate < 2_600 || s.HashRate.Minutes15 < 3_000 || s.Pool.Channels[1].Error == "" {
			t.Errorf("channels %+v", s.Pool.Channels)
		}
		r.honest()
	})
}

func TestChannelsComeBack(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		// No blocks: none that one chain has found makes the share stale that another finds in the same instant.
		r, chains := rollerRig(t, Options{Chain: NewChain(0x1b00ffff)})
		mined := func(least uint64) func() bool {
			return func() bool {
				for _, c := range r.channels() {
					if c.Accepted < least {
						return false
					}
				}
				return len(r.channels()) == len(chains)
			}
		}
		for range 5 {
			r.Until("shares on all channels", 3*time.Minute, mined(5))
			r.Net.CutAll()
			r.Until("shares on all new channels", 3*time.Minute, mined(5))
			r.Pools[0].Kill()
			time.Sleep(20 * time.Second)
			r.Pools[0].Start()
		}
		r.recordedOnce()
		if n := r.Devices[0].Status().Pool.Rejected; len(n) > 0 {
			t.Errorf("rejected %v", n)
		}
	})
}

// Vardiff aims at each channel for itself: the target of a fast one is harder.
func TestTargetOfEachChannel(t *testing.T) {
	bubble(t, "rig", func(t *testing.T) {
		r, _ := rollerRig(t, Options{})
		time.Sleep(15 * time.Minute)
		c := r.channels()
		if a, b := c[0].Difficulty, c[2].Difficulty; b < 2*a || b > 8*a {
			t.Errorf("difficulties %v and %v for hash rates of 1 to 4", a, b)
		}
		r.honest()
	})
}
