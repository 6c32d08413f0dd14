package embedded

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/lodefw/lode/bitcoin"
)

// start opens a chain that wants no proof of work, for tests of other things.
func start(t *testing.T, cfg Config) *Chain { return startWith(t, cfg, blockchain.BFNoPoWCheck) }

func startWith(t *testing.T, cfg Config, flags blockchain.BehaviorFlags) *Chain {
	t.Helper()
	c, err := open(cfg, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// current is the chain's template of now.
func current(t testing.TB, c *Chain) *bitcoin.Template {
	t.Helper()
	tmpl, _, _, err := c.template()
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// assemble is a block of a template, without work. change may spoil its header.
func assemble(t testing.TB, tmpl *bitcoin.Template, change ...func(*bitcoin.Header)) []byte {
	t.Helper()
	outputs := []bitcoin.Output{{Value: tmpl.Value, Script: []byte{0x51}}}
	coinbase, err := tmpl.Coinbase(bitcoin.Push([]byte("lode")), outputs, 8)
	if err != nil {
		t.Fatal(err)
	}
	extranonce := make([]byte, 8)
	h := &bitcoin.Header{
		Version: tmpl.Version, PrevHash: tmpl.PrevHash, NTime: tmpl.NTime, NBits: tmpl.NBits,
		MerkleRoot: bitcoin.FoldMerkle(coinbase.TxID(extranonce), tmpl.MerklePath),
	}
	for _, f := range change {
		f(h)
	}
	return bitcoin.AppendBlock(nil, h, coinbase.Full(extranonce), tmpl.Transactions)
}

func hashOf(block []byte) bitcoin.Hash { return bitcoin.DoubleHash(block[:80]) }

func TestProofOfWork(t *testing.T) {
	c := startWith(t, Config{}, blockchain.BFNone)
	tmpl := current(t, c)
	target, err := bitcoin.CompactTarget(tmpl.NBits)
	if err != nil {
		t.Fatal(err)
	}
	block := assemble(t, tmpl)
	if err := c.Submit(t.Context(), block); err == nil || !strings.Contains(err.Error(), "high-hash") {
		t.Fatalf("Submit without work = %v", err)
	}
	h, err := bitcoin.ParseHeader(block[:80])
	if err != nil {
		t.Fatal(err)
	}
	for !target.MetBy(h.Hash()) {
		h.Nonce++
	}
	h.Put((*[80]byte)(block))
	if err := c.Submit(t.Context(), block); err != nil {
		t.Fatal(err)
	}
}

func TestSubmit(t *testing.T) {
	c := start(t, Config{})
	dir := c.cfg.Dir
	first := current(t, c)
	if first.Height != 1 || first.NBits != startBits || first.Value != subsidy {
		t.Fatalf("first template: %+v", first)
	}
	block := assemble(t, first)
	refuse := func(name, reason string, b []byte) {
		t.Helper()
		if err := c.Submit(t.Context(), b); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: Submit = %v, want an error with %q", name, err, reason)
		}
	}
	refuse("merkle root", "bad-txnmrklroot", assemble(t, first, func(h *bitcoin.Header) { h.MerkleRoot[0] ^= 1 }))
	refuse("old", "time-too-old", assemble(t, first, func(h *bitcoin.Header) { h.NTime = first.MinNTime - 1 }))
	refuse("new", "time-too-new", assemble(t, first, func(h *bitcoin.Header) { h.NTime += 3 * 3600 }))
	refuse("difficulty", "bad-diffbits", assemble(t, first, func(h *bitcoin.Header) { h.NBits = floorBits }))
	refuse("parent", "unknown previous block", assemble(t, first, func(h *bitcoin.Header) { h.PrevHash[0] ^= 1 }))
	refuse("empty", "does not parse", nil)
	refuse("cut", "does not parse", block[:len(block)-1])
	refuse("tail", "does not parse", append(block[:len(block):len(block)], 0))
	refuse("huge", "at most", make([]byte, 5_000_000))
	greedy := *first
	greedy.Value++
	refuse("greedy", "bad-cb-amount", assemble(t, &greedy))
	height := *first
	height.CoinbasePrefix = bitcoin.HeightPush(2)
	refuse("height", "bad-cb-height", assemble(t, &height))
	witness := *first
	witness.CoinbaseOutputs = append([]byte(nil), first.CoinbaseOutputs...)
	witness.CoinbaseOutputs[20] ^= 1
	refuse("commitment", "bad-witness-merkle-match", assemble(t, &witness))

	if err := c.Submit(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	refuse("again", "duplicate", block)
	refuse("side branch", "stale", assemble(t, first, func(h *bitcoin.Header) { h.NTime++ }))
	if s := c.Status(); s.Height != 1 || s.Best != hashOf(block) || s.Hashes < 8e6 || s.Hashes > 8.6e6 {
		t.Errorf("Status = %+v", s)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the temporary chain is still there: %v", err)
	}
	refuse("closed", "closed", block)
}

func TestRun(t *testing.T) {
	c := start(t, Config{Refresh: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	templates, done := make(chan *bitcoin.Template), make(chan error)
	go func() { done <- c.Run(ctx, func(t *bitcoin.Template) { templates <- t }) }()
	prev := *c.Params().GenesisHash
	for height := uint32(1); height <= 3; height++ {
		tmpl := <-templates
		if tmpl.Height != height || tmpl.PrevHash != prev {
			t.Fatalf("template at %d on %s, want %d on %s", tmpl.Height, tmpl.PrevHash, height, prev)
		}
		block := assemble(t, tmpl)
		if err := c.Submit(ctx, block); err != nil {
			t.Fatal(err)
		}
		prev = hashOf(block)
	}
	<-templates
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
}

// Templates follow the clock, and the difficulty falls when nobody finds a block.
func TestTemplatesFollowTheClock(t *testing.T) {
	var ahead atomic.Int64 // of the real clock
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	c := start(t, Config{Now: now, Refresh: time.Millisecond})
	began := uint32(c.Params().GenesisBlock.Header.Timestamp.Unix())
	ahead.Store(int64(60 * time.Second))
	if after := current(t, c); after.NTime < began+60 || after.NBits != startBits {
		t.Errorf("ntime %d, a minute after %d; bits %x", after.NTime, began, after.NBits)
	}
	ahead.Store(int64(reduction + 2*time.Second))
	eased := current(t, c)
	if want := began + uint32(reduction/time.Second) + 1; eased.NBits != floorBits || eased.MinNTime != want {
		t.Fatalf("bits %x from %d on, want %x from %d on", eased.NBits, eased.MinNTime, floorBits, want)
	}
	low := *eased
	for low.NTime = low.MinNTime - 1; low.NTime <= low.MinNTime; low.NTime++ {
		block := assemble(t, &low)
		if err := c.Submit(t.Context(), block); (err == nil) != (low.NTime == low.MinNTime) {
			t.Fatalf("block of %d, least is %d: %v", low.NTime, low.MinNTime, err)
		}
	}
	if next := current(t, c); next.NBits != startBits {
		t.Errorf("bits %x after a block at the lowest difficulty, want %x", next.NBits, startBits)
	}
}

func TestDifficultyFallsInTime(t *testing.T) {
	began := time.Now()
	early := began.Add(reduction - 20*time.Millisecond)
	first := true
	c := start(t, Config{Refresh: time.Hour, Now: func() time.Time {
		if first { // the genesis block
			first = false
			return began.Truncate(time.Second)
		}
		return early.Truncate(time.Second).Add(time.Since(began) + 980*time.Millisecond)
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c.Run(ctx, func(tmpl *bitcoin.Template) {
		if tmpl.NBits == floorBits {
			cancel()
		}
	})
	if !errors.Is(ctx.Err(), context.Canceled) {
		t.Error("no template of the lowest difficulty came by itself")
	}
}

func TestClockBehindTheChain(t *testing.T) {
	dir := t.TempDir()
	future := time.Now().Add(24 * time.Hour)
	c := start(t, Config{Dir: dir, Now: func() time.Time { return future }})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = start(t, Config{Dir: dir})
	err := c.Run(t.Context(), func(*bitcoin.Template) { t.Error("a template that nobody can mine") })
	if err == nil || !strings.Contains(err.Error(), "set the clock") {
		t.Errorf("Run = %v, want advice about the clock", err)
	}
}

func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "chain")
	c := start(t, Config{Dir: dir})
	best := grow(t, c, 3)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = start(t, Config{Dir: dir})
	if s := c.Status(); s.Best != best || s.Height != 3 {
		t.Fatalf("reopened at %+v, want 3 %s", s, best)
	}
	if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second process opens the chain: %v", err)
	}
	grow(t, c, 1)
	c.Close()
	if _, err := os.Stat(filepath.Join(dir, journalFile)); !os.IsNotExist(err) {
		t.Errorf("the journal outlives a clean end: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, genesisFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), genesisFile) {
		t.Errorf("Open without genesis = %v", err)
	}
}

// grow mines blocks and gives the last one's hash.
func grow(t *testing.T, c *Chain, blocks int) (best bitcoin.Hash) {
	t.Helper()
	for range blocks {
		block := assemble(t, current(t, c))
		if err := c.Submit(t.Context(), block); err != nil {
			t.Fatal(err)
		}
		best = hashOf(block)
	}
	return best
}

// A process that is killed has told nobody of a block that is lost.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	c := start(t, Config{Dir: dir})
	best := grow(t, c, 2)
	killed := t.TempDir() // what a killed process leaves on disk
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	// The last record was not written to its end.
	torn, err := os.OpenFile(filepath.Join(killed, journalFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	torn.Write([]byte{200, 0, 0, 0, 1, 2, 3})
	torn.Close()
	for range 2 { // also when it is killed again at once
		c = start(t, Config{Dir: killed})
		if s := c.Status(); s.Height != 2 || s.Best != best {
			t.Fatalf("after the kill: %+v, want 2 %s", s, best)
		}
		again := t.TempDir()
		if err := os.CopyFS(again, os.DirFS(killed)); err != nil {
			t.Fatal(err)
		}
		killed = again
	}
	grow(t, c, 1)
}

func TestJournalTurns(t *testing.T) {
	now := time.Unix(1e9, 0)
	j, err := openJournal(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range byte(40) { // one each minute
		if err := j.append([]byte{i, i}, now); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	blocks, err := j.blocks()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(blocks); n < 11 || n > 22 || blocks[n-1][0] != 39 || blocks[0][0] != byte(40-n) {
		t.Errorf("%d blocks, the last is %v: want the last 10 to 20 minutes", n, blocks[n-1])
	}
	if err := j.close(true); err != nil {
		t.Error(err)
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 7, 2, 0, 0, 0, 8, 9})
	f.Add([]byte{255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		blocks, whole := splitJournal(raw)
		n := 0
		for _, b := range blocks {
			n += 4 + len(b)
		}
		if n != whole || whole > len(raw) {
			t.Errorf("%d bytes in blocks, %d whole of %d", n, whole, len(raw))
		}
	})
}

func FuzzGenesis(f *testing.F) {
	dir := f.TempDir()
	if _, err := loadGenesis(dir, time.Unix(1.7e9, 0), startBits); err != nil {
		f.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, genesisFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(raw[:100])
	damaged := bytes.Clone(raw) // a damaged coinbase below a good header
	damaged[len(damaged)-1] ^= 1
	f.Add(damaged)
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := parseGenesis(raw)
		if err != nil {
			return
		}
		var same bytes.Buffer
		if err := newGenesis(b.Header.Timestamp, b.Header.Bits).Serialize(&same); err != nil || !bytes.Equal(raw, same.Bytes()) {
			t.Errorf("a genesis block that is not ours: %v", err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		c, err := Open(Config{})
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
