package node

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLongPollWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1")
		_, last := w.run(w.config("a:1"))
		tmpl, _ := last()
		if tmpl == nil || tmpl.Height != 101 || tmpl.PrevHash != hashAt(100) || !tmpl.Witness {
			t.Fatalf("first template: %+v", tmpl)
		}
		time.Sleep(10 * time.Second)
		w.nodes["a:1"].mined()
		if tmpl, age := last(); tmpl.Height != 102 || age != 0 {
			t.Fatalf("after a new tip: height %d, %s old", tmpl.Height, age)
		}
		// Without news a template is renewed, so that its time stays true.
		for range 10 {
			time.Sleep(45 * time.Second)
			if tmpl, age := last(); age > 45*time.Second || tmpl.NTime < uint32(time.Now().Add(-46*time.Second).Unix()) {
				t.Fatalf("template is %s old, and its time %d", age, tmpl.NTime)
			}
		}
		if calls := w.nodes["a:1"].calls["getblocktemplate"]; calls > 30 {
			t.Errorf("%d calls of getblocktemplate in 8 minutes", calls)
		}
	})
}

// A node without long polling, or whose long poll sleeps: the ping finds out.
func TestTipWithoutLongPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1")
		w.nodes["a:1"].noLong = true
		_, last := w.run(w.config("a:1"))
		for height := uint32(101); height < 110; height++ {
			if tmpl, _ := last(); tmpl.Height != height {
				t.Fatalf("height %d, want %d", tmpl.Height, height)
			}
			w.nodes["a:1"].mined()
			time.Sleep(time.Second)
		}
	})
}

func TestFailover(t *testing.T) {
	for name, test := range map[string]struct{ fail, back func(*fake) }{
		"process ends":   {(*fake).die, (*fake).revive},
		"cable pulled":   {(*fake).vanish, (*fake).returns},
		"downloading":    {func(f *fake) { f.do(func() { f.failure = &rpcError{-10, "initial sync"} }); f.mined() }, func(f *fake) { f.do(func() { f.failure = nil }) }},
		"wrong password": {func(f *fake) { f.do(func() { f.password = "new" }) }, func(f *fake) { f.do(func() { f.password = "secret" }) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { failover(t, test.fail, test.back) })
		})
	}
}

func failover(t *testing.T, fail, back func(*fake)) {
	w := newWorld(t, "a:1", "b:1")
	a, b := w.nodes["a:1"], w.nodes["b:1"]
	c, last := w.run(w.config("a:1", "b:1"))
	last()
	inUse := func(i int) bool { synctest.Wait(); return c.Status().Nodes[i].InUse }
	if !inUse(0) {
		t.Fatal("the preferred node is not in use")
	}
	fail(a)
	b.mined()
	time.Sleep(2 * time.Second)
	if !inUse(1) {
		t.Fatalf("no failover within two seconds: %+v", c.Status())
	}
	if tmpl, _ := last(); tmpl.Height != 102 {
		t.Errorf("template of height %d, want the second node's", tmpl.Height)
	}
	time.Sleep(time.Minute)
	b.mined()
	if tmpl, age := last(); tmpl.Height != 103 || age != 0 {
		t.Errorf("the second node's new tip: height %d, %s old", tmpl.Height, age)
	}
	back(a)
	for a.height < 102 {
		a.mined()
	}
	time.Sleep(3 * time.Second)
	if !inUse(1) {
		t.Error("back to a node that has just come up")
	}
	time.Sleep(15 * time.Second)
	if !inUse(0) {
		t.Errorf("not back to the preferred node: %+v", c.Status())
	}
}

// A node that stays behind the others is left after a while.
func TestStuckNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1", "b:1")
		c, last := w.run(w.config("a:1", "b:1"))
		last()
		w.nodes["b:1"].mined()
		time.Sleep(20 * time.Second) // a new block may reach one node later
		if tmpl, _ := last(); tmpl.Height != 101 {
			t.Errorf("left a node that was behind for a moment")
		}
		time.Sleep(20 * time.Second)
		if tmpl, _ := last(); tmpl.Height != 102 || !c.Status().Nodes[1].InUse {
			t.Errorf("still at height %d", tmpl.Height)
		}
		w.nodes["a:1"].mined()
		w.nodes["b:1"].die() // now level again
		time.Sleep(2 * time.Second)
		if _, age := last(); age > 2*time.Second || !c.Status().Nodes[0].InUse {
			t.Errorf("not back on the first node: %+v", c.Status())
		}
	})
}

// While all are down the last template stands, and nothing hammers.
func TestAllDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1")
		a := w.nodes["a:1"]
		a.dead = true
		c, last := w.run(w.config("a:1"))
		time.Sleep(time.Minute)
		if tmpl, _ := last(); tmpl != nil {
			t.Fatal("a template from nowhere")
		}
		if s := c.Status().Nodes[0]; s.InUse || !strings.Contains(s.Error, "is the node running") {
			t.Errorf("Status = %+v", s)
		}
		a.revive()
		time.Sleep(6 * time.Second)
		if tmpl, _ := last(); tmpl == nil {
			t.Fatal("the node came up unnoticed")
		}
		a.vanish()
		time.Sleep(10 * time.Minute)
		if tmpl, _ := last(); tmpl == nil || tmpl.Height != 101 {
			t.Fatal("the last template is gone")
		}
		calls := 0
		for _, n := range a.calls {
			calls += n
		}
		if calls > 400 {
			t.Errorf("%d calls in 11 minutes to a node that is down", calls)
		}
		a.returns()
		a.mined()
		time.Sleep(16 * time.Second)
		if tmpl, _ := last(); tmpl.Height != 102 {
			t.Fatal("the node came back unnoticed")
		}
	})
}

func TestNodesOfTwoNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1", "b:1")
		w.nodes["b:1"].chain = "main"
		w.nodes["b:1"].silent = make(chan struct{})
		c, last := w.run(w.config("a:1", "b:1"))
		last()
		w.nodes["b:1"].returns()
		time.Sleep(time.Second)
		if s := c.Status(); s.Network != "regtest" || !strings.Contains(s.Nodes[1].Error, `"main"`) {
			t.Errorf("Status = %+v", s)
		}
		w.nodes["a:1"].die()
		time.Sleep(time.Minute)
		if c.Status().Nodes[1].InUse {
			t.Error("templates of another network")
		}
	})
}

// block is a header with some bytes behind it.
func block() []byte { return make([]byte, 200) }

func TestSubmitGoesToAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1", "b:1", "c:1")
		a, b, c1 := w.nodes["a:1"], w.nodes["b:1"], w.nodes["c:1"]
		a.verdict = func(string) any { return "bad-cb-amount" }
		b.verdict = func(string) any { return "duplicate" } // it came from a third node
		c1.vanish()
		c, _ := w.run(w.config("a:1", "b:1", "c:1"))
		time.Sleep(time.Second)
		if err := c.Submit(t.Context(), block()); err != nil {
			t.Fatalf("one node has it, but Submit = %v", err)
		}
		c1.returns()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if len(a.blocks) != 1 || len(b.blocks) != 1 || len(c1.blocks) == 0 {
			t.Errorf("submitted %d, %d and %d times", len(a.blocks), len(b.blocks), len(c1.blocks))
		}
	})
}

// A block whose parent is still on its way to the node is offered again.
func TestSubmitChildBeforeParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1", "b:1")
		b := w.nodes["b:1"]
		c, _ := w.run(w.config("a:1", "b:1"))
		time.Sleep(time.Second)
		b.die() // so that b gets the parent late
		parent, child := block(), block()
		child[0] ^= 1
		if err := c.Submit(t.Context(), parent); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // b has refused the connection, and the parent waits for its next try
		var has bool
		b.verdict = func(got string) any {
			if got == hex.EncodeToString(parent) {
				has = true
			} else if !has {
				return "prev-blk-not-found"
			}
			return nil
		}
		b.revive()
		if err := c.Submit(t.Context(), child); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		first, last := b.blocks[0], b.blocks[len(b.blocks)-1]
		if first != hex.EncodeToString(child) || last != first || !has {
			t.Errorf("b was given %q, want the child, the parent and the child again", b.blocks)
		}
	})
}

func TestSubmitVerdicts(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(*fake)
		code string
	}{
		"high hash":   {func(f *fake) { f.verdict = func(string) any { return "high-hash" } }, "high-hash"},
		"orphan":      {func(f *fake) { f.verdict = func(string) any { return "prev-blk-not-found" } }, "prev-blk-not-found"},
		"side branch": {func(f *fake) { f.side = true }, "stale"},
		"duplicate":   {func(f *fake) { f.side, f.verdict = true, func(string) any { return "duplicate" } }, "stale"},
		"inconclusive": {func(f *fake) {
			f.side, f.verdict = true, func(string) any { return "inconclusive" }
		}, "stale"},
		"btcd": {func(f *fake) { f.verdict = func(string) any { return "rejected: block hash is too high" } }, "rejected: block hash is too high"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "a:1")
				test.set(w.nodes["a:1"])
				c, _ := w.run(w.config("a:1"))
				err := c.Submit(t.Context(), block())
				var r *Refused
				if !errors.As(err, &r) || r.Code != test.code || r.Node != "a:1" {
					t.Errorf("Submit = %v, want %q", err, test.code)
				}
			})
		})
	}
}

// A block is worth waiting for.
func TestSubmitToRestartingNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1")
		w.nodes["a:1"].dead = true
		c, _ := w.run(w.config("a:1"))
		began := time.Now()
		time.AfterFunc(20*time.Second, w.nodes["a:1"].revive)
		if err := c.Submit(t.Context(), block()); err != nil {
			t.Fatalf("Submit = %v", err)
		}
		if d := time.Since(began); d > 26*time.Second {
			t.Errorf("took %s", d)
		}
		w.nodes["a:1"].die()
		began = time.Now()
		err := c.Submit(t.Context(), block())
		if d := time.Since(began); err == nil || d < 55*time.Second || d > 65*time.Second {
			t.Errorf("Submit = %v after %s, want an error after a minute", err, d)
		}
		if err := c.Submit(t.Context(), nil); err == nil {
			t.Error("a block of no bytes was submitted")
		}
	})
}

// Close lets a block on its way arrive, but not for long.
func TestCloseWaitsForBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a:1", "b:1")
		c, _ := w.run(w.config("a:1", "b:1"))
		time.Sleep(time.Second)
		w.nodes["b:1"].vanish()
		if err := c.Submit(t.Context(), block()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		c.Close()
		if d := time.Since(began); d > time.Second {
			t.Errorf("Close took %s", d)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	ok := Node{URL: "http://127.0.0.1:8332", User: "u", Password: "p"}
	for name, test := range map[string]struct {
		nodes []Node
		want  string
	}{
		"none":       {nil, "no node"},
		"no scheme":  {[]Node{ok, {URL: "127.0.0.1:8332", User: "u"}}, "no URL"},
		"ftp":        {[]Node{{URL: "ftp://host", User: "u"}}, "no URL"},
		"no user":    {[]Node{{URL: ok.URL}}, "cookie file"},
		"both":       {[]Node{{URL: ok.URL, User: "u", CookieFile: "/x"}}, "one of them"},
		"no ca file": {[]Node{{URL: "https://host", User: "u", CAFile: "/nowhere"}}, "certificate"},
	} {
		if _, err := New(Config{Nodes: test.nodes}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: New = %v, want an error with %q", name, err, test.want)
		}
	}
	c, err := New(Config{Nodes: []Node{{URL: "http://user:hidden@127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if user, password, _ := c.sources[0].rpc.auth.read(); user != "user" || password != "hidden" {
		t.Error("the URL's user and password are not used")
	}
	if s := c.sources[0].rpc.url + c.sources[0].rpc.name; strings.Contains(s, "hidden") {
		t.Errorf("the password is in %q", s)
	}
}

func TestParams(t *testing.T) {
	for _, name := range []string{"main", "test", "testnet4", "signet", "regtest", "simnet"} {
		if networkParams(name) == nil {
			t.Errorf("no parameters for %q", name)
		}
	}
	if networkParams("elsewhere") != nil {
		t.Error("parameters of an unknown network")
	}
}
