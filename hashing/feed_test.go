package hashing

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counter is a source that numbers its work, as long as stock lasts.
type counter struct {
	stock  atomic.Int64
	next   atomic.Uint64
	wait   time.Duration
	traits Traits
	empty  func() // unless nil, is told when there is no more
}

func (c *counter) Work(t Traits) (Work, time.Duration, bool) {
	if c.stock.Add(-1) < 0 {
		c.stock.Add(1)
		if c.empty != nil {
			c.empty()
		}
		return Work{}, c.wait, false
	}
	c.traits = t
	return Work{ID: c.next.Add(1)}, 0, true
}

func TestNextWaitsForChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &counter{}
		f := NewFeed(src)
		got := make(chan Work)
		go func() {
			w, err := f.Next(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- w
		}()
		synctest.Wait()
		src.stock.Store(1)
		f.Change()
		if w := <-got; w.ID != 1 {
			t.Errorf("work %d, want 1", w.ID)
		}
	})
}

func TestNextAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &counter{wait: time.Second}
		f := NewFeed(src)
		begin := time.Now()
		time.AfterFunc(2500*time.Millisecond, func() { src.stock.Store(1) })
		if _, err := f.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("Next took %v, want 3s: it asks every second", d)
		}
	})
}

func TestNextEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		f := NewFeed(&counter{})
		if _, err := f.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next = %v, want deadline exceeded", err)
		}
		full := &counter{}
		full.stock.Store(1)
		if _, err := NewFeed(full).Next(ctx); err == nil {
			t.Error("Next gives work after the end")
		}
	})
}

func TestChanged(t *testing.T) {
	f := NewFeed(&counter{})
	first := f.Changed()
	select {
	case <-first:
		t.Fatal("closed without a change")
	default:
	}
	f.Change()
	<-first
	if f.Changed() == first {
		t.Error("the channel after a change is the closed one")
	}
}

func TestTryDoesNotWait(t *testing.T) {
	src := &counter{wait: time.Hour}
	f := NewFeed(src)
	if w, ok := f.Try(); ok {
		t.Errorf("Try = %v from an empty source", w)
	}
	src.stock.Store(1 << 40)
	f.Declare(Traits{RollBits: 3})
	if w, ok := f.Try(); !ok || w.ID != 1 || src.traits.RollBits != 3 {
		t.Errorf("Try = %v, %v with traits %+v", w, ok, src.traits)
	}
	if n := testing.AllocsPerRun(100, func() { f.Try() }); n != 0 {
		t.Errorf("%v allocations for a work", n)
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	src := &counter{}
	src.stock.Store(1 << 40)
	f := NewFeed(src)
	f.Declare(Traits{RollBits: 4})
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { f.Next(ctx) }); n != 0 {
		t.Errorf("%v allocations for a work", n)
	}
	if src.traits.RollBits != 4 {
		t.Errorf("source sees traits %+v", src.traits)
	}
}

// An abacus is the smallest hasher: it looks at one nonce of each work.
type abacus struct{}

func (abacus) String() string { return "abacus" }

func (abacus) Run(ctx context.Context, feed *Feed, found func(Solution)) error {
	for {
		w, err := feed.Next(ctx)
		if err != nil {
			return nil // told to end
		}
		h := w.Header
		h.Nonce = 42
		if w.Target.MetBy(h.Hash()) {
			found(Solution{Work: w.ID, Nonce: h.Nonce, Version: h.Version, NTime: h.NTime})
		}
	}
}

func ExampleHasher() {
	ctx, cancel := context.WithCancel(context.Background())
	source := &counter{empty: cancel}
	source.stock.Store(3)
	var h Hasher = abacus{}
	err := h.Run(ctx, NewFeed(source), func(s Solution) { fmt.Println("found", s) })
	fmt.Println(h, "used", source.next.Load(), "works:", err)
	// Output: abacus used 3 works: <nil>
}

// instant is a source whose work changes in the instant in which it is made.
type instant struct {
	counter
	feed    *Feed
	changed <-chan struct{}
}

func (s *instant) Work(t Traits) (Work, time.Duration, bool) {
	s.feed.Change()
	w, wait, ok := s.counter.Work(t)
	w.Changed = s.changed
	return w, wait, ok
}

// Work has its source's Changed; if that does not say, the feed's of before.
func TestWorkKnowsWhenItIsOver(t *testing.T) {
	own := make(chan struct{})
	for _, from := range []<-chan struct{}{own, nil} {
		src := &instant{changed: from}
		src.feed = NewFeed(src)
		src.stock.Store(2)
		w, err := src.feed.Next(t.Context())
		again, ok := src.feed.Try()
		if err != nil || !ok {
			t.Fatal(err, ok)
		}
		for _, w := range []Work{w, again} {
			select {
			case <-w.Changed:
				if from != nil {
					t.Error("work is over that has just been made")
				}
			default:
				if from == nil {
					t.Error("a change went unnoticed")
				}
			}
		}
	}
}
