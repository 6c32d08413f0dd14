package hashing

import (
	"context"
	"sync"
	"time"
)

// Source makes work for a feed. Work is called by any goroutine.
type Source interface {
	// Work returns work that nobody else has. When there is none now it
	// returns false and how long to wait before asking again, or zero if only
	// Feed.Change can bring more.
	Work(t Traits) (w Work, wait time.Duration, ok bool)
}

// Feed hands one hasher its work. The hasher calls Declare, Next, Try and Changed,
// from as many goroutines as it likes; the owner of the source calls Change.
type Feed struct {
	source Source

	mu      sync.Mutex
	traits  Traits
	changed chan struct{}
}

// NewFeed returns a feed that takes its work from source.
func NewFeed(source Source) *Feed {
	return &Feed{source: source, changed: make(chan struct{})}
}

// Declare tells the feed about its hasher. It holds for the work handed out
// from then on: call it before the first Next, and again when it changes.
func (f *Feed) Declare(t Traits) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.traits = t
}

// Traits are those that were declared last.
func (f *Feed) Traits() Traits {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.traits
}

// Next returns work that nobody else has. It waits while there is no job, or
// while all work of the job is given out, and fails only when ctx ends. It does
// not allocate unless it waits.
func (f *Feed) Next(ctx context.Context) (Work, error) {
	for ctx.Err() == nil {
		f.mu.Lock()
		traits, changed := f.traits, f.changed
		f.mu.Unlock()
		w, wait, ok := f.source.Work(traits)
		if ok {
			return w.changing(changed), nil
		}
		pause(ctx, changed, wait)
	}
	return Work{}, ctx.Err()
}

// Try returns work that nobody else has, or false when there is none now. It is
// for a hasher whose goroutine must not wait in Next because it has answers to
// read meanwhile. It does not allocate.
func (f *Feed) Try() (Work, bool) {
	f.mu.Lock()
	traits, changed := f.traits, f.changed
	f.mu.Unlock()
	w, _, ok := f.source.Work(traits)
	return w.changing(changed), ok
}

// changing sets Changed, unless the source has: it alone can do so in the same
// instant in which it makes the work.
func (w Work) changing(changed <-chan struct{}) Work {
	if w.Changed == nil {
		w.Changed = changed
	}
	return w
}

// pause returns when ctx ends, changed is closed, or wait (if any) is over.
func pause(ctx context.Context, changed <-chan struct{}, wait time.Duration) {
	var over <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-over:
	}
}

// Changed returns a channel that is closed when the work handed out so far
// should be given up: a new block has made it worthless, a newer job has
// replaced it, or there is nothing to mine any more. For one piece of work use its
// own Changed. Where this one is used, take it before Next, then work that came just
// before the change is not kept by mistake; but work that came just after is dropped.
//
// One signal serves all three because the answer is the same: drop what is
// queued, call Next. Solutions that are found meanwhile may still be reported;
// they count when the older job's do (same chain tip), and as stale when not.
func (f *Feed) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Change closes the channel that Changed returns and wakes every waiting Next.
// The source must already answer from its new state.
func (f *Feed) Change() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}
