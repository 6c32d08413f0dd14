package node_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/wire/v2"
	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/internal/nodetest"
	"github.com/lodefw/lode/pool/node"
)

// follow runs a chain and gives its templates.
func follow(t *testing.T, cfg node.Config) (*node.Chain, <-chan *bitcoin.Template) {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	c, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	templates := make(chan *bitcoin.Template, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx, func(t *bitcoin.Template) { templates <- t }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v", err)
		}
		c.Close()
	})
	return c, templates
}

// on waits for a template on top of a block.
func on(t *testing.T, templates <-chan *bitcoin.Template, prev bitcoin.Hash) *bitcoin.Template {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case tmpl := <-templates:
			if tmpl.PrevHash == prev {
				return tmpl
			}
		case <-limit:
			t.Fatalf("no template on %s", prev)
		}
	}
}

// mine lets the chain grow by blocks of ours, and checks that the node says so: at
// once if it is the only one, for Submit returns with the first node's word.
func mine(t *testing.T, n *nodetest.Node, c *node.Chain, templates <-chan *bitcoin.Template, blocks int) {
	t.Helper()
	for range blocks {
		height := n.Height(t)
		block := nodetest.Solve(t, on(t, templates, n.Best(t)))
		if err := c.Submit(t.Context(), block); err != nil {
			t.Fatalf("block %d: %v", height+1, err)
		}
		if len(c.Status().Nodes) > 1 {
			waitFor(t, "the block to reach the node", func() bool { return n.Best(t) == nodetest.Hash(block) })
		}
		if got := n.Best(t); got != nodetest.Hash(block) || n.Height(t) != height+1 {
			t.Fatalf("best block %s at %d, want ours, %s", got, n.Height(t), nodetest.Hash(block))
		}
	}
}

func TestBlocksOnRealNodes(t *testing.T) {
	for _, test := range []struct {
		name   string
		start  func(*testing.T) *nodetest.Node
		judge  func(*testing.T) *nodetest.Node // gets the blocks replayed
		blocks int
	}{
		{"btcd simnet", btcd("simnet"), btcd("simnet"), 20},
		{"btcd regtest", btcd("regtest"), knots("regtest"), 20},
		{"bitcoind regtest", knots("regtest"), btcd("regtest"), 20},
		{"bitcoind signet", knots("signet"), knots("signet"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := test.start(t)
			c, templates := follow(t, node.Config{Nodes: []node.Node{n.Pool()}})
			mine(t, n, c, templates, test.blocks)
			n.Replay(t, test.judge(t))
			if s := c.Status(); s.Network != n.Network || s.Nodes[0].Error != "" || !s.Nodes[0].InUse {
				t.Errorf("Status = %+v", s)
			}
			if c.Params() == nil || c.Params().Name != n.Network {
				t.Errorf("Params = %v", c.Params())
			}
		})
	}
}

func btcd(network string) func(*testing.T) *nodetest.Node {
	return func(t *testing.T) *nodetest.Node { return nodetest.Btcd(t, network) }
}

func knots(network string) func(*testing.T) *nodetest.Node {
	return func(t *testing.T) *nodetest.Node { return nodetest.Knots(t, network) }
}

// A block that comes from elsewhere has to wake the long poll: well before the
// next refresh, and before the second ping would find out.
func TestLongPollOnRealNodes(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *nodetest.Node{
		"btcd": btcd("simnet"), "bitcoind": knots("regtest"),
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t)
			_, templates := follow(t, node.Config{Nodes: []node.Node{n.Pool()}, Ping: time.Hour, Refresh: time.Hour})
			tmpl := on(t, templates, n.Best(t))
			for range 5 {
				block := nodetest.Solve(t, tmpl)
				began := time.Now()
				n.Submit(t, block)
				tmpl = on(t, templates, nodetest.Hash(block))
				t.Logf("new tip after %s", time.Since(began).Round(time.Microsecond))
			}
		})
	}
}

func TestVerdictsOfRealNodes(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *nodetest.Node{
		"btcd": btcd("regtest"), "bitcoind": knots("regtest"),
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t)
			c, templates := follow(t, node.Config{Nodes: []node.Node{n.Pool()}})
			first := on(t, templates, n.Best(t))
			block := nodetest.Solve(t, first)
			refused(t, c, changed(block, 40), "") // merkle root
			if err := c.Submit(t.Context(), block); err != nil {
				t.Fatal(err)
			}
			if err := c.Submit(t.Context(), block); err != nil {
				t.Errorf("the best block again: %v", err) // it came by another way: no loss
			}
			late := *first
			late.NTime++
			refused(t, c, nodetest.Solve(t, &late), "stale")
			second := on(t, templates, nodetest.Hash(block))
			orphan := *second
			orphan.PrevHash[0] ^= 1
			refused(t, c, nodetest.Solve(t, &orphan), "prev-blk-not-found")
			greedy := *second
			greedy.Value++
			refused(t, c, nodetest.Solve(t, &greedy), "")
			if n.Best(t) != nodetest.Hash(block) {
				t.Error("a refused block became the best one")
			}
		})
	}
}

func changed(block []byte, at int) []byte {
	b := append([]byte(nil), block...)
	b[at] ^= 1
	return b
}

func refused(t *testing.T, c *node.Chain, block []byte, code string) {
	t.Helper()
	err := c.Submit(t.Context(), block)
	var r *node.Refused
	if !errors.As(err, &r) || code != "" && r.Code != code {
		t.Errorf("Submit = %v, want refused with %q", err, code)
		return
	}
	t.Log(err)
}

func TestRestartedNodeWritesNewCookie(t *testing.T) {
	n := nodetest.Knots(t, "regtest")
	c, templates := follow(t, node.Config{Nodes: []node.Node{n.Pool()}})
	mine(t, n, c, templates, 1)
	n.Stop()
	n.Start(t)
	mine(t, n, c, templates, 1)
	if n.Height(t) != 2 {
		t.Fatalf("height %d, want 2", n.Height(t))
	}
}

// Two nodes on one network without a connection between them: blocks reach both
// through us, and when the first one dies the second one goes on within two
// seconds; when the first one is back and level, it is used again.
func TestFailoverBetweenRealNodes(t *testing.T) {
	first, second := nodetest.Knots(t, "regtest"), nodetest.Btcd(t, "regtest")
	c, templates := follow(t, node.Config{
		Nodes:  []node.Node{first.Pool(), second.Pool()},
		Settle: 300 * time.Millisecond,
	})
	mine(t, first, c, templates, 3)
	waitFor(t, "the second node to have the blocks", func() bool { return second.Best(t) == first.Best(t) })

	began := time.Now()
	first.Kill()
	waitFor(t, "failover", func() bool { return c.Status().Nodes[1].InUse })
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("failover took %s", d)
	} else {
		t.Logf("failover took %s", d)
	}
	// The template in use may be one of the first node's: it is as good.
	block := nodetest.Solve(t, on(t, templates, second.Best(t)))
	if err := c.Submit(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	if second.Best(t) != nodetest.Hash(block) {
		t.Fatal("the second node has another best block")
	}
	if s := c.Status().Nodes[0]; s.Error == "" {
		t.Errorf("Status of the dead node: %+v", s)
	}
	first.Start(t)
	second.Replay(t, first)
	waitFor(t, "the way back", func() bool { return c.Status().Nodes[0].InUse })
	mine(t, first, c, templates, 1)
}

// waitFor is for what other processes do.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Templates with transactions, with and without witnesses: the block is valid
// only if ids, merkle path and witness commitment are right. The answers in
// testdata were recorded here, of bitcoind 29.4 (Knots) and btcd 0.26.2.
func TestTransactionsOnRealNodes(t *testing.T) {
	for _, test := range []struct {
		name         string
		start, judge func(*testing.T) *nodetest.Node
		blocks       int // for the first coinbase to be spendable and segwit to be active
	}{
		{"bitcoind", knots("regtest"), btcd("regtest"), 101},
		{"btcd", btcd("regtest"), knots("regtest"), 440},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := test.start(t)
			c, templates := follow(t, node.Config{Nodes: []node.Node{n.Pool()}})
			mine(t, n, c, templates, test.blocks)
			for _, tx := range spend(t, n) {
				n.Call(t, nil, "sendrawtransaction", hex.EncodeToString(tx))
			}
			// The next block has those that a refreshed template saw, if any; its
			// successor has the rest, on every node.
			mine(t, n, c, templates, 1)
			early := transactions(t, n)
			tmpl := on(t, templates, n.Best(t))
			if got := early + len(tmpl.Transactions); got != 4 {
				t.Fatalf("%d transactions in the block and %d in the next template, want 4", early, len(tmpl.Transactions))
			}
			if err := c.Submit(t.Context(), nodetest.Solve(t, tmpl)); err != nil {
				t.Fatal(err)
			}
			if got := early + transactions(t, n); got != 4 {
				t.Errorf("%d transactions in the two best blocks, want 4", got)
			}
			n.Replay(t, test.judge(t))
		})
	}
}

// transactions counts those of the best block, coinbase left out.
func transactions(t *testing.T, n *nodetest.Node) int {
	t.Helper()
	var best struct{ Tx []string }
	n.Call(t, &best, "getblock", n.Best(t).String(), 1)
	return len(best.Tx) - 1
}

// spend spends the first coinbase in a chain of four transactions; the third one
// has no witness.
func spend(t *testing.T, n *nodetest.Node) (raws [][]byte) {
	t.Helper()
	var hash, block string
	n.Call(t, &hash, "getblockhash", 1)
	n.Call(t, &block, "getblock", hash, 0)
	raw, err := hex.DecodeString(block)
	if err != nil {
		t.Fatal(err)
	}
	var first wire.MsgBlock
	if err := first.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	from, witness := first.Transactions[0], true
	p2sh := append(append([]byte{0xa9, 20}, address.Hash160(nodetest.Key())...), 0x87)
	for i, script := range [][]byte{nodetest.Anyone(), p2sh, nodetest.Anyone(), nodetest.Anyone()} {
		tx := wire.NewMsgTx(2)
		id := from.TxHash()
		tx.AddTxIn(wire.NewTxIn(wire.NewOutPoint(&id, 0), nil, nil))
		if witness {
			tx.TxIn[0].Witness = wire.TxWitness{nodetest.Key()}
		} else {
			tx.TxIn[0].SignatureScript = []byte{1, nodetest.Key()[0]}
		}
		tx.AddTxOut(wire.NewTxOut(from.TxOut[0].Value-10_000, script))
		var b bytes.Buffer
		if err := tx.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		raws, from, witness = append(raws, b.Bytes()), tx, i != 1
	}
	return raws
}
