// Package nodetest starts real Bitcoin nodes for tests: btcd, built from the
// version in go.mod, and bitcoind (Debian's bitcoin-knots, unpacked by
// scripts/knots). Each has its own data directory, listens on loopback only, has
// no peers, and ends with its test.
package nodetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/pool/node"
)

// Node is a running node.
type Node struct {
	URL        string
	User       string
	Password   string
	CookieFile string // empty: User and Password
	Network    string // as getblockchaininfo calls it

	command func(port int) *exec.Cmd
	port    int
	log     string
	process *exec.Cmd
	done    chan struct{} // closed when the process has ended
}

// startWithin is long because several test packages may start nodes at once.
const startWithin = 60 * time.Second

// Pool is the node as a pool's configuration names it.
func (n *Node) Pool() node.Node {
	return node.Node{URL: n.URL, User: n.User, Password: n.Password, CookieFile: n.CookieFile}
}

// Start starts a stopped node again, on the same port and data.
func (n *Node) Start(t testing.TB) {
	t.Helper()
	if err := n.start(); err != nil {
		t.Fatalf("nodetest: %v", err)
	}
}

// launch starts a new node on a free port, and stops it when the test ends.
func (n *Node) launch(t testing.TB) *Node {
	t.Helper()
	var err error
	for range 5 { // somebody else may take the port before the node does
		n.port = freePort()
		n.URL = fmt.Sprintf("http://127.0.0.1:%d", n.port)
		if err = n.start(); err == nil || !errors.Is(err, errEnded) {
			break
		}
	}
	if err != nil {
		t.Fatalf("nodetest: %v", err)
	}
	t.Cleanup(func() {
		n.Stop()
		if t.Failed() {
			t.Logf("end of %s:\n%s", filepath.Base(n.log), tail(n.log))
		}
	})
	return n
}

var errEnded = errors.New("the node ended as it started")

func (n *Node) start() error {
	out, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := n.command(n.port)
	cmd.Stdout, cmd.Stderr = out, out
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	n.process, n.done = cmd, done
	return n.ready()
}

// ready waits until the node answers.
func (n *Node) ready() error {
	err := errEnded
	for end := time.Now().Add(startWithin); time.Now().Before(end); {
		select {
		case <-n.done:
			return fmt.Errorf("%w:\n%s", errEnded, tail(n.log))
		case <-time.After(20 * time.Millisecond):
		}
		var height int
		if err = n.call(&height, "getblockcount"); err == nil {
			return nil
		}
	}
	n.Kill()
	return fmt.Errorf("no answer within %s (%w):\n%s", startWithin, err, tail(n.log))
}

// Stop ends the node as an operator would, or kills it if it does not obey. It has
// time: what a killed node had not written is gone.
func (n *Node) Stop() {
	n.process.Process.Signal(os.Interrupt)
	select {
	case <-n.done:
	case <-time.After(time.Minute):
		n.Kill()
	}
}

// Kill ends the node at once.
func (n *Node) Kill() {
	n.process.Process.Kill()
	<-n.done
}

// Call asks the node; result is a pointer, or nil.
func (n *Node) Call(t testing.TB, result any, method string, params ...any) {
	t.Helper()
	if err := n.call(result, method, params...); err != nil {
		t.Fatalf("nodetest: %s: %v", method, err)
	}
}

// call has nothing in common with package node, which it helps to test.
func (n *Node) call(result any, method string, params ...any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": append([]any{}, params...)})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	user, password := n.User, n.Password
	if n.CookieFile != "" {
		cookie, err := os.ReadFile(n.CookieFile)
		if err != nil {
			return err
		}
		user, password, _ = strings.Cut(string(cookie), ":")
	}
	req.SetBasicAuth(user, password)
	req.Close = true // a node closes an idle connection after 30 s, and we may be about to use it
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	answer := struct {
		Result any
		Error  any
	}{Result: result}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%s: %.200s", resp.Status, raw)
	}
	if answer.Error != nil {
		return fmt.Errorf("%v", answer.Error)
	}
	return nil
}

// Best is the node's best block.
func (n *Node) Best(t testing.TB) bitcoin.Hash {
	t.Helper()
	var text string
	n.Call(t, &text, "getbestblockhash")
	hash, err := bitcoin.ParseHash(text)
	if err != nil {
		t.Fatalf("nodetest: best block: %v", err)
	}
	return hash
}

// Height is that of the best block.
func (n *Node) Height(t testing.TB) int {
	t.Helper()
	var height int
	n.Call(t, &height, "getblockcount")
	return height
}

// Replay gives every block that to has not got to it, and checks that it ends
// with the same best block: a second opinion on each block. Both nodes need to
// be on the same network.
func (n *Node) Replay(t testing.TB, to *Node) {
	t.Helper()
	for height := to.Height(t) + 1; height <= n.Height(t); height++ {
		var hash, block string
		n.Call(t, &hash, "getblockhash", height)
		n.Call(t, &block, "getblock", hash, 0)
		var verdict *string
		to.Call(t, &verdict, "submitblock", block)
		if verdict != nil && *verdict != "duplicate" { // the pool may be at it as well
			t.Fatalf("nodetest: replay of block %d: %s", height, *verdict)
		}
	}
	if got, want := to.Best(t), n.Best(t); got != want {
		t.Fatalf("nodetest: after the replay the best block is %s, want %s", got, want)
	}
}

// Anyone is the output script (P2WSH) that a witness of Key alone spends.
func Anyone() []byte {
	hash := sha256.Sum256(Key())
	return append([]byte{0, 32}, hash[:]...)
}

// Key is the script OP_TRUE.
func Key() []byte { return []byte{0x51} }

// Solve makes a valid block of a template on the CPU. It pays to Anyone.
func Solve(t testing.TB, tmpl *bitcoin.Template) []byte {
	t.Helper()
	outputs := []bitcoin.Output{{Value: tmpl.Value, Script: Anyone()}}
	coinbase, err := tmpl.Coinbase(bitcoin.Push([]byte("lode")), outputs, 8)
	if err != nil {
		t.Fatal(err)
	}
	var extranonce [8]byte
	h := bitcoin.Header{
		Version:    tmpl.Version,
		PrevHash:   tmpl.PrevHash,
		MerkleRoot: bitcoin.FoldMerkle(coinbase.TxID(extranonce[:]), tmpl.MerklePath),
		NTime:      tmpl.NTime,
		NBits:      tmpl.NBits,
	}
	target, err := bitcoin.CompactTarget(tmpl.NBits)
	if err != nil {
		t.Fatal(err)
	}
	for !target.MetBy(h.Hash()) {
		if h.Nonce++; h.Nonce == 0 {
			t.Fatal("nodetest: no nonce solves the block")
		}
	}
	return bitcoin.AppendBlock(nil, &h, coinbase.Full(extranonce[:]), tmpl.Transactions)
}

// Hash is the hash of a block.
func Hash(block []byte) bitcoin.Hash { return bitcoin.DoubleHash(block[:bitcoin.HeaderSize]) }

// Submit hands a block to the node itself.
func (n *Node) Submit(t testing.TB, block []byte) {
	t.Helper()
	var verdict *string
	n.Call(t, &verdict, "submitblock", hex.EncodeToString(block))
	if verdict != nil {
		t.Fatalf("nodetest: submitblock: %s", *verdict)
	}
}

// freePort is below the range that systems give out to connections.
func freePort() int {
	for range 100 {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	return 0
}

func tail(file string) []byte {
	b, _ := os.ReadFile(file)
	return b[max(0, len(b)-2000):]
}

// missing skips the test, or fails it where the nodes have to be there.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("nodetest: "+format, args...)
	}
	t.Skipf("nodetest: SKIPPED, NOT TESTED: "+format, args...)
}
