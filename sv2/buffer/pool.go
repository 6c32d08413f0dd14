package buffer

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"unsafe"
)

// ErrExhausted says that a buffer would exceed the pool's limit. Its user refuses
// work (closes a connection, waits for a Put); the pool never does better by itself.
var ErrExhausted = errors.New("buffer: pool exhausted")

// A Pool hands out byte buffers and takes them back. The bytes that are out and the
// bytes that it keeps for later never exceed its limit together; its own notes come
// on top, about 100 bytes for each buffer. It is safe for concurrent use, and in a
// steady state it does not allocate.
type Pool struct {
	limit int

	mu    sync.Mutex
	out   int            // bytes handed out
	kept  int            // bytes waiting in free
	free  [classes]*buf  // a stack for each size class
	known map[*byte]*buf // every buffer out or kept, by its first byte
}

// buf is a buffer of ours. Put finds it by its first byte, which no other slice
// can have while known holds it.
type buf struct {
	bytes []byte
	class int
	out   bool
	next  *buf // in the stack of its class
}

// Stats says what a Pool holds, in bytes.
type Stats struct {
	Out   int // handed out
	Kept  int // ready for reuse
	Limit int // Out + Kept never exceed it
}

// New returns a pool of at most limit bytes.
func New(limit int) *Pool {
	limit = min(limit, math.MaxInt/2) // so that no sum overflows
	return &Pool{limit: limit, known: make(map[*byte]*buf)}
}

// Get returns a buffer of n bytes with old content in it; up to its capacity, which
// may be a quarter larger, it is the caller's until Put. Beyond the limit the
// error wraps ErrExhausted.
func (p *Pool) Get(n int) ([]byte, error) {
	if n < 0 || n > p.limit {
		return nil, fmt.Errorf("buffer: %d bytes from a pool of %d: %w", n, p.limit, ErrExhausted)
	}
	class, size := classOf(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.free[class]
	if b != nil {
		p.free[class] = b.next
		p.kept -= size
	} else if b = p.grow(class, size); b == nil {
		return nil, ErrExhausted
	}
	b.next, b.out = nil, true
	p.out += size
	return b.bytes[:n], nil
}

// grow makes a buffer, if need be in place of kept ones of other classes. It
// returns nil when the limit forbids it.
func (p *Pool) grow(class, size int) *buf {
	if p.out+size > p.limit {
		return nil
	}
	for c := classes - 1; p.out+p.kept+size > p.limit; {
		if p.free[c] == nil {
			c--
			continue
		}
		p.drop(c)
	}
	b := &buf{bytes: make([]byte, size), class: class}
	p.known[unsafe.SliceData(b.bytes)] = b
	return b
}

// drop leaves one kept buffer of class c to the garbage collector.
func (p *Pool) drop(c int) {
	b := p.free[c]
	p.free[c] = b.next
	p.kept -= len(b.bytes)
	delete(p.known, unsafe.SliceData(b.bytes))
}

// Put takes back a slice that Get gave; its length does not matter, but its first
// byte must still be the first. Any other slice, and one put twice, is ignored.
func (p *Pool) Put(b []byte) {
	if cap(b) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.known[unsafe.SliceData(b)]
	if own == nil || !own.out {
		return
	}
	size := len(own.bytes)
	own.out, own.next = false, p.free[own.class]
	p.free[own.class] = own
	p.out -= size
	p.kept += size
}

// Stats returns the present figures.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Out: p.out, Kept: p.kept, Limit: p.limit}
}
