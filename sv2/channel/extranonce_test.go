package channel

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

func TestExtranoncesRefuse(t *testing.T) {
	for _, row := range []struct{ server, size, limit int }{{0, 0, 1}, {0, 9, 1}, {28, 5, 1}, {0, 4, 0}, {0, -1, 1}} {
		if _, err := NewExtranonces(make([]byte, row.server), row.size, row.limit); err == nil {
			t.Errorf("%+v was taken", row)
		}
	}
	e, err := NewExtranonces([]byte{7}, 1, 300)
	if err != nil || e.Size() != 2 {
		t.Fatal(err, e.Size())
	}
	for _, p := range [][]byte{nil, {7}, {7, 0, 0}, {8, 0}, {7, 0}} {
		if e.Free(p) == nil {
			t.Errorf("Free(%x) of a prefix that is not out", p)
		}
	}
	for i := range 256 {
		if p, err := e.Allocate(); err != nil || p[0] != 7 || int(p[1]) != i {
			t.Fatalf("prefix %d: %x, %v", i, p, err)
		}
	}
	if _, err := e.Allocate(); !errors.Is(err, ErrExhausted) {
		t.Errorf("prefix 257: %v", err)
	}
	if err := e.Free([]byte{7, 9}); err != nil || e.Free([]byte{7, 9}) == nil {
		t.Errorf("Free = %v, or twice", err)
	}
	for tip := range 3 {
		if p, err := e.Allocate(); (err == nil) != (tip == 2) || err == nil && p[1] != 9 {
			t.Errorf("%d tips after Free: %x, %v", tip, p, err)
		}
		e.Advance()
	}
}

func TestExtranoncesLargest(t *testing.T) {
	e, err := NewExtranonces(nil, 8, 10)
	if err != nil {
		t.Fatal(err)
	}
	e.next = e.last
	a, _ := e.Allocate()
	b, _ := e.Allocate()
	if hexText(a) != "ffffffffffffffff" || hexText(b) != "0000000000000000" {
		t.Errorf("%x, then %x", a, b)
	}
}

// playExtranonces runs events against a model: for each prefix, the first tip on
// which it may be given out again.
func playExtranonces(t *testing.T, events []byte, limit int) {
	e, err := NewExtranonces([]byte{1}, 1, limit)
	if err != nil {
		t.Fatal(err)
	}
	const inUse = 1 << 30
	var model [256]int
	tip := 0
	for _, event := range events {
		switch event % 4 {
		case 0, 1:
			p, err := e.Allocate()
			if err != nil && blocked(&model, tip) < min(limit, 256) {
				t.Fatalf("tip %d: %v with %d prefixes blocked", tip, err, blocked(&model, tip))
			}
			if err == nil && model[p[1]] > tip {
				t.Fatalf("tip %d: %x given out, free from %d", tip, p, model[p[1]])
			}
			if err == nil {
				model[p[1]] = inUse
			}
		case 2:
			number := event / 4
			if err := e.Free([]byte{1, number}); (err == nil) != (model[number] == inUse) {
				t.Fatalf("Free(%d) = %v", number, err)
			}
			if model[number] == inUse {
				model[number] = tip + 2
			}
		case 3:
			e.Advance()
			tip++
		}
	}
	if n := blocked(&model, inUse-1); n != e.InUse() {
		t.Fatalf("%d in use, want %d", e.InUse(), n)
	}
}

func blocked(model *[256]int, tip int) (n int) {
	for _, from := range model {
		if from > tip {
			n++
		}
	}
	return n
}

func TestExtranoncesModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, limit := range []int{1, 5, 60, 1000} {
		for range 50 {
			events := make([]byte, 2000)
			for i := range events {
				if events[i] = byte(rng.Uint32()); events[i]%4 == 3 && rng.IntN(10) > 0 {
					events[i] = 2 // tips are rarer than channels that close
				}
			}
			playExtranonces(t, events, limit)
		}
	}
}

// TestExtranoncesChurn: channels that come and go between two tips leave enough for
// others, cost no memory, and never get a prefix that was given back on this tip.
func TestExtranoncesChurn(t *testing.T) {
	e, err := NewExtranonces(nil, 3, 10)
	if err != nil {
		t.Fatal(err)
	}
	stays, err := e.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{string(stays): true}
	for range 100_000 {
		p, err := e.Allocate()
		if err != nil || seen[string(p)] {
			t.Fatalf("after %d channels: %x, %v, seen %v", len(seen), p, err, seen[string(p)])
		}
		seen[string(p)] = true
		if err := e.Free(p); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.taken) + len(e.freed[0]); n != 1 || e.InUse() != 1 {
		t.Errorf("%d prefixes remembered, %d in use, want 1", n, e.InUse())
	}
}

// TestExtranoncesWindow goes round the circle: the bound of two tips holds, and one
// given back just in front of next is left out.
func TestExtranoncesWindow(t *testing.T) {
	e, err := NewExtranonces(nil, 1, 60)
	if err != nil {
		t.Fatal(err)
	}
	take := func() byte {
		t.Helper()
		p, err := e.Allocate()
		if err != nil {
			t.Fatalf("at number %d: %v", e.next, err)
		}
		return p[0]
	}
	stays := take()
	for range 126 {
		if err := e.Free([]byte{take()}); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := e.Allocate(); !errors.Is(err, ErrExhausted) {
		t.Fatalf("more than half of the circle on one tip: %x, %v", p, err)
	}
	for range 2 {
		e.Advance()
	}
	for e.next != 250 {
		if err := e.Free([]byte{take()}); err != nil {
			t.Fatal(err)
		}
	}
	e.Advance()
	if err := e.Free([]byte{stays}); err != nil { // six numbers ahead
		t.Fatal(err)
	}
	e.Advance()
	for range 10 {
		if n := take(); n == stays {
			t.Fatal("given out again after one tip")
		}
	}
}

func FuzzExtranonces(f *testing.F) {
	f.Add([]byte{0, 0, 2, 6, 0, 3, 0, 3, 0, 1, 10}, 3)
	f.Add([]byte{2, 3, 3, 3, 0, 2, 3, 0}, 1)
	f.Fuzz(func(t *testing.T, events []byte, limit int) {
		playExtranonces(t, events, max(1, limit))
	})
}

func BenchmarkExtranonces(b *testing.B) {
	e, err := NewExtranonces([]byte{1}, 4, 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := e.Allocate()
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Free(p); err != nil {
			b.Fatal(err)
		}
		e.Advance()
	}
}

// TestExtranoncesConcurrent: connections open and close at the same time.
func TestExtranoncesConcurrent(t *testing.T) {
	e, err := NewExtranonces(nil, 2, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var owned [1 << 16]atomic.Bool
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				p, err := e.Allocate()
				if err != nil {
					e.Advance()
					continue
				}
				mine := &owned[int(p[0])<<8|int(p[1])]
				if mine.Swap(true) {
					t.Errorf("prefix %x has two owners", p)
				}
				mine.Store(false)
				if err := e.Free(p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if n := e.InUse(); n != 0 {
		t.Errorf("%d in use at the end", n)
	}
}
