//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/pool/embedded"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// ledger tells of each share and block as it is recorded.
type ledger struct {
	mu      sync.Mutex
	shares  int
	blocks  int
	changed chan struct{} // closed and replaced with each
}

func (l *ledger) count(n *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*n++
	close(l.changed)
	l.changed = make(chan struct{})
}

// Share is part of pool.Ledger.
func (l *ledger) Share(time.Time, string, float64, *bitcoin.Header) error {
	l.count(&l.shares)
	return nil
}

// Block is part of pool.Ledger.
func (l *ledger) Block(_ time.Time, _ string, _ uint32, _ *bitcoin.Header, outcome error) error {
	if outcome == nil {
		l.count(&l.blocks)
	}
	return nil
}

func (l *ledger) state() (shares, blocks int, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shares, l.blocks, l.changed
}

// host is this machine's side: a pool on its embedded chain.
type host struct {
	*ledger
	url string // as the guest reaches it
}

// guestSees is this machine's address in QEMU's user network.
const guestSees = "10.0.2.2"

func newHost(t *testing.T) *host {
	t.Helper()
	chain := waiting(t)
	h := &host{ledger: &ledger{changed: make(chan struct{})}}
	p, err := pool.New(pool.Config{PayoutScript: []byte{0x51}, SubsidyInterval: uint32(chain.Params().SubsidyReductionInterval), SharesPerMinute: 60}, chain, h.ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := noise.NewIdentity(noise.IdentityConfig{Authority: secret, Random: rand.Reader, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	l, err := sv2net.Listen(t.Context(), "127.0.0.1:0", sv2net.ListenConfig{Identity: identity})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, chain.Close()); err != nil {
			t.Error(err)
		}
	})
	port := l.Addr().(*net.TCPAddr).Port
	h.url = noise.URL{Host: guestSees, Port: uint16(port), Key: secret.Public(), HasKey: true}.String()
	return h
}

// waiting is a chain that has waited for its first block for so long that it takes one
// at the lowest difficulty.
func waiting(t *testing.T) *embedded.Chain {
	t.Helper()
	dir := t.TempDir()
	past := func() time.Time { return time.Now().Add(-5 * time.Minute) }
	chain, err := embedded.Open(embedded.Config{Dir: dir, Now: past})
	if err == nil {
		err = chain.Close()
	}
	if err == nil {
		chain, err = embedded.Open(embedded.Config{Dir: dir})
	}
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// until waits for shares and blocks.
func (h *host) until(t *testing.T, g *guest, shares, blocks int, within time.Duration) {
	t.Helper()
	late := time.NewTimer(within)
	defer late.Stop()
	for over := ""; ; {
		s, b, changed := h.state()
		if s >= shares && b >= blocks {
			return
		}
		if over != "" {
			t.Fatalf("%s: %d shares, %d blocks; want %d and %d", over, s, b, shares, blocks)
		}
		select {
		case <-changed:
		case <-g.ended:
			over = "QEMU ended"
		case <-late.C:
			over = fmt.Sprintf("after %v", within)
		}
	}
}

// A reel keeps the lines of a stream, and lets a test wait for one.
type reel struct {
	mu      sync.Mutex
	lines   []string
	changed chan struct{}
	done    chan struct{} // closed at the end
}

func newReel(r io.Reader) *reel {
	l := &reel{changed: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.read(r)
	}()
	return l
}

// printk is how a line of the kernel's begins. On a console it may do so in the middle
// of a program's line, whose rest follows it.
var printk = regexp.MustCompile(`\[ *[0-9]+\.[0-9]{6}\] `)

// read takes the programs' and the kernel's lines apart.
func (l *reel) read(r io.Reader) {
	begun := ""
	for b := bufio.NewReader(r); ; {
		text, err := b.ReadString('\n')
		text = begun + text
		begun = ""
		if at := printk.FindStringIndex(text); at != nil {
			begun, text = text[:at[0]], text[at[0]:]
		}
		if err != nil { // what is left has no end
			l.add(begun + text)
			return
		}
		l.add(text)
	}
}

func (l *reel) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.TrimRight(line, "\r\n"))
	close(l.changed)
	l.changed = make(chan struct{})
}

// find returns the first line from number from on that has one of the texts.
func (l *reel) find(from int, texts ...string) (line string, next int, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := from; i < len(l.lines); i++ {
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(l.lines[i], text) }) {
			return l.lines[i], i + 1, nil
		}
	}
	return "", len(l.lines), l.changed
}

func (l *reel) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// keep writes a log or a trace where a person finds it.
func keep(t *testing.T, name, text string) {
	dir := os.Getenv("LODE_E2E_LOGS")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "lode-e2e")
	}
	name = filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "-")+"-"+name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Log(err)
		return
	}
	if err := os.WriteFile(name, []byte(text+"\n"), 0o644); err != nil {
		t.Log(err)
		return
	}
	t.Logf("kept %s", name)
}

// syncBuffer is a buffer that a process writes while a test reads.
type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

// Write is part of io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func env(pairs ...string) string {
	var s []string
	for i := 0; i+1 < len(pairs); i += 2 {
		s = append(s, fmt.Sprintf("%s=%s", pairs[i], pairs[i+1]))
	}
	return strings.Join(s, " ")
}
