package tinytest

import (
	"slices"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/cpu"
	"github.com/lodefw/lode/internal/nodetest"
	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/pool/embedded"
	"github.com/lodefw/lode/pool/node"
)

// cpuHasher is the real thing, on one thread.
func cpuHasher(t testing.TB) func(int) hashing.Hasher {
	return func(int) hashing.Hasher {
		h, err := cpu.New(cpu.Config{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
}

// mineOn mines some blocks and shares, so many a minute, on nodes with a real pool and a
// real CPU miner over TCP and Noise, and holds the first node's best block against the
// pool's ledger.
func mineOn(t *testing.T, blocks, shares, perMinute int, nodes ...*nodetest.Node) *Rig {
	t.Helper()
	cfg := node.Config{}
	for _, n := range nodes {
		cfg.Nodes = append(cfg.Nodes, n.Pool())
	}
	chain, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	r := New(t, Options{TCP: true, Chain: chain, Rate: 2e6, Hasher: cpuHasher(t),
		Pool: func(_ int, c *pool.Config) { c.SharesPerMinute = float64(perMinute) }})
	start := nodes[0].Height(t)
	r.Until("the node has our blocks", 90*time.Second, func() bool {
		n, _ := r.Pools[0].Ledger.Shares()
		return nodes[0].Height(t) >= start+blocks && n >= shares
	})
	r.settle()
	r.Until("the ledger has the node's best block", 10*time.Second, func() bool {
		return slices.Contains(r.Pools[0].Ledger.Blocks(), nodes[0].Best(t))
	})
	r.recordedOnce()
	return r
}

// settle stops the device, and waits for the pool to be through with what it sent:
// one more block may have been on its way.
func (r *Rig) settle() {
	r.t.Helper()
	r.check(r.Devices[0].Stop())
	r.Until("the pool has seen the device leave", 30*time.Second, func() bool { return r.Pools[0].Status().Connections == 0 })
}

func TestRealBtcd(t *testing.T) { mineOn(t, 3, 3, 240, nodetest.Btcd(t, "simnet")) }

func TestRealBitcoind(t *testing.T) {
	knots := nodetest.Knots(t, "regtest")
	mineOn(t, 3, 3, 240, knots)
	second := nodetest.Btcd(t, "regtest")
	knots.Replay(t, second)
	if got, want := second.Best(t), knots.Best(t); got != want {
		t.Errorf("btcd's best block is %v, bitcoind's %v", got, want)
	}
	mineOn(t, 2, 2, 240, second)
	second.Replay(t, knots)
}

// On a signet shares are far easier than blocks, as on mainnet. How far is a matter of
// the computer: at 1200 a minute of 2 MH/s the first of them are by a factor of 48.
func TestRealSignet(t *testing.T) {
	knots := nodetest.Knots(t, "signet")
	r := mineOn(t, 1, 20, 1200, knots)
	shares, _ := r.Pools[0].Ledger.Shares()
	if blocks := len(r.Pools[0].Ledger.Blocks()); shares < 2*blocks {
		t.Errorf("%d shares for %d blocks, want far more shares", shares, blocks)
	}
}

func TestNodeFailover(t *testing.T) {
	first, second := nodetest.Knots(t, "regtest"), nodetest.Btcd(t, "regtest")
	r := mineOn(t, 1, 1, 240, first, second)
	first.Kill()
	d := r.AddDevice(1)
	start := second.Height(t)
	r.Until("the second node has our block", 30*time.Second, func() bool { return second.Height(t) > start })
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
}

func TestEmbeddedChain(t *testing.T) {
	chain, err := embedded.Open(embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	r := New(t, Options{TCP: true, Chain: chain, Rate: 2e6, Hasher: cpuHasher(t),
		Pool: func(_ int, c *pool.Config) { c.SharesPerMinute = 240 }})
	r.Until("a block", 2*time.Minute, func() bool { return len(r.Pools[0].Ledger.Blocks()) > 0 })
	r.settle()
	if best := chain.Status().Best; !slices.Contains(r.Pools[0].Ledger.Blocks(), bitcoin.Hash(best)) {
		t.Errorf("best block %v is not in the ledger", best)
	}
}
