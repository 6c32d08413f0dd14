package buffer_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/lodefw/lode/sv2/buffer"
)

func mustGet(t *testing.T, p *buffer.Pool, n int) []byte {
	t.Helper()
	b, err := p.Get(n)
	if err != nil || len(b) != n || cap(b) < n {
		t.Fatalf("Get(%d) = %d of %d bytes, %v", n, len(b), cap(b), err)
	}
	return b
}

func checkStats(t *testing.T, p *buffer.Pool, out, kept int) {
	t.Helper()
	if s := p.Stats(); s.Out != out || s.Kept != kept {
		t.Fatalf("Stats = %+v, want %d out, %d kept", s, out, kept)
	}
}

func TestSizeClasses(t *testing.T) {
	p := buffer.New(1 << 30)
	for _, n := range []int{0, 1, 63, 64, 65, 80, 81, 127, 128, 129, 160, 161, 4096, 4097, 65574, 1<<24 + 5} {
		b := mustGet(t, p, n)
		if cap(b) > max(64, n+n/4) {
			t.Errorf("Get(%d) has room for %d bytes, more than a quarter too much", n, cap(b))
		}
		p.Put(b)
	}
	for n := range 3000 {
		p.Put(mustGet(t, p, n))
	}
	if out := p.Stats().Out; out != 0 {
		t.Errorf("%d bytes are out after all were put", out)
	}
}

func TestReuse(t *testing.T) {
	p := buffer.New(1000)
	a := mustGet(t, p, 100)
	checkStats(t, p, 112, 0)
	p.Put(a[:0])
	checkStats(t, p, 0, 112)
	if b := mustGet(t, p, 97); &b[0] != &a[0] {
		t.Error("a kept buffer of the right class was not used")
	}
	checkStats(t, p, 112, 0)
}

func TestLimit(t *testing.T) {
	p := buffer.New(256)
	a, b := mustGet(t, p, 128), mustGet(t, p, 128)
	if c, err := p.Get(1); !errors.Is(err, buffer.ErrExhausted) || c != nil {
		t.Fatalf("Get beyond the limit = %v, %v", c, err)
	}
	p.Put(a)
	p.Put(b)
	checkStats(t, p, 0, 256)
	mustGet(t, p, 64) // kept ones of another class make room
	if s := p.Stats(); s.Out != 64 || s.Out+s.Kept > 256 {
		t.Errorf("Stats = %+v", s)
	}
	for _, n := range []int{257, math.MaxInt, -1, math.MinInt} {
		if _, err := p.Get(n); !errors.Is(err, buffer.ErrExhausted) {
			t.Errorf("Get(%d) = %v", n, err)
		}
	}
	huge := buffer.New(math.MaxInt)
	for _, n := range []int{math.MaxInt, math.MaxInt/2 + 1} {
		if _, err := huge.Get(n); !errors.Is(err, buffer.ErrExhausted) {
			t.Errorf("Get(%d) = %v", n, err)
		}
	}
}

func TestZeroPool(t *testing.T) {
	for _, limit := range []int{0, -1, 63} {
		if b, err := buffer.New(limit).Get(0); !errors.Is(err, buffer.ErrExhausted) {
			t.Errorf("Get from a pool of %d bytes = %d bytes, %v", limit, cap(b), err)
		}
	}
}

func TestPutIgnoresWhatIsNotOurs(t *testing.T) {
	p := buffer.New(1024)
	a := mustGet(t, p, 100)
	p.Put(nil)
	p.Put([]byte{})
	p.Put(make([]byte, 112))
	p.Put(a[1:])
	checkStats(t, p, 112, 0)
	p.Put(a)
	p.Put(a)
	p.Put(a[:50])
	checkStats(t, p, 0, 112)
	b, c := mustGet(t, p, 100), mustGet(t, p, 100)
	if &b[0] == &c[0] {
		t.Error("a buffer put twice was handed out twice")
	}
}

func TestNoAllocationInSteadyState(t *testing.T) {
	p := buffer.New(1 << 20)
	sizes := []int{6, 300, 5000, 65574}
	run := func() {
		var held [4][]byte
		for i, n := range sizes {
			held[i], _ = p.Get(n)
		}
		for _, b := range held {
			p.Put(b)
		}
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("Get and Put allocate %v times", n)
	}
}

// Many goroutines; each must find its own bytes as it left them.
func TestConcurrentUse(t *testing.T) {
	const limit = 40_000 // less than all want at once
	p := buffer.New(limit)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 2000 {
				b, err := p.Get(1 + r.IntN(9000))
				if err != nil {
					continue
				}
				for i := range b {
					b[i] = byte(worker)
				}
				if s := p.Stats(); s.Out+s.Kept > limit {
					t.Errorf("Stats = %+v", s)
				}
				if bytes.Count(b, []byte{byte(worker)}) != len(b) {
					t.Error("someone else wrote to our buffer")
				}
				p.Put(b)
			}
		})
	}
	wg.Wait()
	if s := p.Stats(); s.Out != 0 {
		t.Errorf("Stats = %+v", s)
	}
}

// FuzzPool runs operations, one for two bytes of input, against a model: the buffers
// that are out, each filled with its own number.
func FuzzPool(f *testing.F) {
	f.Add(uint16(1000), []byte{0, 10, 0, 200, 1, 0, 1, 0, 2, 0, 3, 0, 4, 0})
	f.Add(uint16(0), []byte{0, 0})
	f.Add(uint16(200), []byte{0, 20, 0, 20, 0, 20, 1, 0, 0, 1, 0, 1})
	f.Fuzz(func(t *testing.T, limit uint16, ops []byte) {
		m := model{t: t, pool: buffer.New(int(limit)), limit: int(limit)}
		for ; len(ops) >= 2; ops = ops[2:] {
			m.step(ops[0], ops[1])
		}
		for len(m.live) > 0 {
			m.put(0)
		}
		if s := m.pool.Stats(); s.Out != 0 {
			t.Fatalf("Stats = %+v after all was put", s)
		}
	})
}

type model struct {
	t     *testing.T
	pool  *buffer.Pool
	limit int
	live  [][]byte
	dead  []byte // put last
	tag   byte
}

func (m *model) step(op, arg byte) {
	switch op % 5 {
	case 0:
		m.get(int(arg) * 8)
	case 1:
		if len(m.live) > 0 {
			m.put(int(arg) % len(m.live))
		}
	case 2:
		if m.dead != nil && !m.lives(m.dead) {
			m.pool.Put(m.dead)
		}
	case 3:
		m.pool.Put(make([]byte, arg))
	case 4:
		if len(m.live) > 0 {
			b := m.live[int(arg)%len(m.live)]
			m.pool.Put(b[min(1, cap(b)):cap(b)])
		}
	}
	m.check()
}

func (m *model) get(n int) {
	out := m.out()
	b, err := m.pool.Get(n)
	if err != nil {
		if !errors.Is(err, buffer.ErrExhausted) || b != nil {
			m.t.Fatalf("Get(%d) = %v, %v", n, b, err)
		}
		if out+max(64, n+n/4) <= m.limit {
			m.t.Fatalf("Get(%d) refused with %d of %d bytes out", n, out, m.limit)
		}
		return
	}
	m.tag++
	b = b[:cap(b)]
	for i := range b {
		b[i] = m.tag
	}
	m.live = append(m.live, b)
}

func (m *model) put(i int) {
	b := m.live[i]
	if bytes.Count(b, b[:1]) != len(b) {
		m.t.Fatalf("buffer %d was written to by another user", b[0])
	}
	m.pool.Put(b[:len(b)/2])
	m.dead = b
	m.live = append(m.live[:i], m.live[i+1:]...)
}

// lives says whether b was handed out again after it was put.
func (m *model) lives(b []byte) bool {
	for _, l := range m.live {
		if &l[0] == &b[0] {
			return true
		}
	}
	return false
}

func (m *model) out() (n int) {
	for _, b := range m.live {
		n += cap(b)
	}
	return n
}

func (m *model) check() {
	if s := m.pool.Stats(); s.Out != m.out() || s.Kept < 0 || s.Out+s.Kept > m.limit {
		m.t.Fatalf("Stats = %+v, %d bytes are out, the limit is %d", s, m.out(), m.limit)
	}
}

func ExamplePool() {
	p := buffer.New(64 << 10) // for all connections together
	b, err := p.Get(1000)
	if err != nil {
		fmt.Println("refuse the frame:", err)
		return
	}
	fmt.Println(len(b), cap(b), p.Stats().Out)
	p.Put(b)
	fmt.Println(p.Stats().Out, p.Stats().Kept)
	// Output:
	// 1000 1024 1024
	// 0 1024
}
