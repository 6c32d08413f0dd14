package device

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/hashing"
)

// A gate keeps a chain from running while it has no power.
type gate struct {
	mu      sync.Mutex
	on      context.Context // ends when the gate closes; nil while it is closed
	shut    context.CancelFunc
	changed chan struct{} // closed when it opens
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.on == nil {
		g.on, g.shut = context.WithCancel(context.Background())
		close(g.changed)
	}
}

// close ends the chain's Run; it does not wait for that.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.on != nil {
		g.shut()
		g.on, g.changed = nil, make(chan struct{})
	}
}

// wait returns a context that ends with ctx or when the gate closes; nil when ctx
// has ended.
func (g *gate) wait(ctx context.Context) (context.Context, context.CancelFunc) {
	for {
		g.mu.Lock()
		on, changed := g.on, g.changed
		g.mu.Unlock()
		if on != nil {
			both, stop := context.WithCancel(ctx)
			forget := context.AfterFunc(on, stop)
			return both, func() { forget(); stop() }
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-changed:
		}
	}
}

// gated is a chain behind its gate.
type gated struct {
	board.Chain
	number int
	gate   *gate
	tell   func(outcome)
	inside atomic.Bool // the chain's Run has been called and has not returned
}

// Run is part of hashing.Hasher: the chain's Run, each time that the gate is open.
// A chain that fails finds its gate closed.
func (g *gated) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	for {
		on, stop := g.gate.wait(ctx)
		if on == nil {
			return nil
		}
		g.inside.Store(true)
		err := g.Chain.Run(on, feed, found)
		g.inside.Store(false)
		ended := on.Err() != nil
		stop()
		if !ended {
			g.gate.close()
			g.tell(outcome{what: chainEnded, part: g.number, err: err})
			return err
		}
	}
}
