package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// fake is a node in memory, for tests on virtual time: it speaks HTTP over a
// pipe, holds long polls, and can die, fall silent and talk nonsense.
type fake struct {
	mu       sync.Mutex
	height   uint32
	tip      chan struct{} // closed at the next block
	password string
	chain    string
	noLong   bool          // no long polling
	dead     bool          // refuses connections
	silent   chan struct{} // not nil: answers nothing until it is closed
	failure  *rpcError     // of getblocktemplate
	verdict  func(block string) any
	blocks   []string // submitted
	side     bool     // puts blocks aside
	calls    map[string]int
	conns    map[net.Conn]bool
}

func newFake() *fake {
	return &fake{height: 100, tip: make(chan struct{}), password: "secret", chain: "regtest",
		calls: map[string]int{}, conns: map[net.Conn]bool{}}
}

// hashAt is the block of a height.
func hashAt(height uint32) bitcoin.Hash {
	return bitcoin.DoubleHash(fmt.Append(nil, "block ", height))
}

func (f *fake) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// mined is a new tip.
func (f *fake) mined() {
	f.do(func() {
		f.height++
		close(f.tip)
		f.tip = make(chan struct{})
	})
}

// die ends the process, for all that a client sees.
func (f *fake) die() {
	f.do(func() {
		f.dead = true
		for c := range f.conns {
			c.Close()
		}
	})
}

// vanish is a cable pulled out: nothing comes back, not even a refusal.
func (f *fake) vanish()  { f.do(func() { f.silent = make(chan struct{}) }) }
func (f *fake) revive()  { f.do(func() { f.dead = false }) }
func (f *fake) returns() { f.do(func() { close(f.silent); f.silent = nil }) }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var call struct {
		Method string
		Params []json.RawMessage
	}
	body, _ := io.ReadAll(r.Body)
	json.Unmarshal(body, &call)
	f.mu.Lock()
	silent, password := f.silent, f.password
	f.calls[call.Method]++
	f.mu.Unlock()
	if silent != nil {
		select {
		case <-silent:
		case <-r.Context().Done():
			return
		}
	}
	if _, p, _ := r.BasicAuth(); p != password {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	result, failure := f.answer(r.Context(), call.Method, call.Params)
	if failure != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
	json.NewEncoder(w).Encode(map[string]any{"result": result, "error": failure, "id": 1})
}

func (f *fake) answer(ctx context.Context, method string, params []json.RawMessage) (any, *rpcError) {
	if method == "getblocktemplate" {
		f.wait(ctx, params)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch method {
	case "getblockchaininfo":
		return map[string]any{"chain": f.chain}, nil
	case "getbestblockhash":
		return hashAt(f.height).String(), nil
	case "getblocktemplate":
		if f.failure != nil {
			return nil, f.failure
		}
		return f.template(), nil
	case "submitblock":
		return f.submit(params), nil
	case "getblockheader":
		return map[string]any{"confirmations": map[bool]int{true: -1, false: 1}[f.side]}, nil
	}
	return nil, &rpcError{-32601, "Method not found"}
}

// wait is the long poll.
func (f *fake) wait(ctx context.Context, params []json.RawMessage) {
	var ask struct{ LongPollID string }
	json.Unmarshal(params[0], &ask)
	f.mu.Lock()
	tip, now := f.tip, hashAt(f.height).String()
	f.mu.Unlock()
	if ask.LongPollID == now {
		select {
		case <-tip:
		case <-ctx.Done():
		}
	}
}

func (f *fake) template() map[string]any {
	t := map[string]any{
		"version": 0x20000000, "previousblockhash": hashAt(f.height).String(), "height": f.height + 1,
		"coinbasevalue": 50e8, "bits": "207fffff", "curtime": time.Now().Unix(), "mintime": 1, "transactions": []any{},
	}
	if !f.noLong {
		t["longpollid"] = hashAt(f.height).String()
	}
	return t
}

func (f *fake) submit(params []json.RawMessage) any {
	var block string
	json.Unmarshal(params[0], &block)
	f.blocks = append(f.blocks, block)
	if f.verdict != nil {
		return f.verdict(block)
	}
	return nil
}

// world is the network with the fakes on it; it is made in a synctest bubble.
type world struct {
	t     *testing.T
	nodes map[string]*fake
	lines map[string]*line
}

// line is a listener whose connections are pipes.
type line struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *line) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *line) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *line) Addr() net.Addr { return &net.TCPAddr{} }

func newWorld(t *testing.T, names ...string) *world {
	w := &world{t, map[string]*fake{}, map[string]*line{}}
	for _, name := range names {
		var wg sync.WaitGroup
		f, l := newFake(), &line{conns: make(chan net.Conn), closed: make(chan struct{})}
		w.nodes[name], w.lines[name] = f, l
		server := &http.Server{Handler: f}
		wg.Go(func() { server.Serve(l) })
		t.Cleanup(func() { server.Close(); wg.Wait() })
	}
	return w
}

func (w *world) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	f, l := w.nodes[addr], w.lines[addr]
	var dead bool
	f.do(func() { dead = f.dead })
	if dead {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.do(func() { f.conns[theirs] = true })
	return ours, nil
}

func (w *world) config(names ...string) Config {
	cfg := Config{Dial: w.dial, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil))}
	for _, name := range names {
		cfg.Nodes = append(cfg.Nodes, Node{URL: "http://" + name, User: "u", Password: "secret"})
	}
	return cfg
}

// run runs a chain in the bubble. last gives the newest template and how long
// ago it came.
func (w *world) run(cfg Config) (c *Chain, last func() (*bitcoin.Template, time.Duration)) {
	w.t.Helper()
	c, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	var mu sync.Mutex
	var tmpl *bitcoin.Template
	var at time.Time
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() {
		done <- c.Run(ctx, func(t *bitcoin.Template) {
			mu.Lock()
			tmpl, at = t, time.Now()
			mu.Unlock()
		})
	}()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run = %v", err)
		}
		c.Close()
	})
	return c, func() (*bitcoin.Template, time.Duration) {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return tmpl, time.Since(at)
	}
}
