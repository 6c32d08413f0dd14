package channel

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
)

// ErrExhausted says that all extranonce prefixes are in use, or not yet safe to
// use again.
var ErrExhausted = errors.New("channel: no extranonce prefix is free; close channels, or raise the prefix size or the limit")

// Extranonces hands out extranonce prefixes so that no two channels search the same
// headers. A prefix is the server's own bytes, which tell apart servers on the
// same templates, and a number.
//
// A prefix that was given back stays out of use for two tips: until the jobs made
// with it are dead, and those that waited for the next tip too. Otherwise its next
// owner could hand in the shares of the last.
//
// Numbers are given out in a circle. Where there are many, those given back need not
// be remembered: no more than half of the circle is given out in two tips, so what
// lies further ahead is not reached before it is safe. Then devices that come and go
// cost nothing, and cannot use up the prefixes of those that stay.
//
//	0 ... given back, forgotten ... next ... given back, remembered ... last
//	                                 |------- 3/4 of the circle -------|
//
// It is for many goroutines.
type Extranonces struct {
	server []byte
	size   int    // bytes of the number
	limit  int    // of prefixes that are remembered
	last   uint64 // number of the last prefix; 2^(8*size)-1 is the greatest
	window uint64 // of numbers that two tips may use up; 0: no bound, all are remembered

	mu    sync.Mutex
	next  uint64
	taken map[uint64]bool // in use: true; given back: false
	freed [2][]uint64     // given back on this tip and on the one before
	steps uint64          // of next, in all
	begun [2]uint64       // steps when this tip began, and the one before
}

// NewExtranonces makes an allocator of prefixes of size bytes behind those of
// server; at most limit are out at a time. Where limit is more than a quarter of all
// numbers, those not yet safe to use count too.
func NewExtranonces(server []byte, size, limit int) (*Extranonces, error) {
	if size < 1 || size > 8 {
		return nil, fmt.Errorf("channel: extranonce prefix with %d counting bytes, want 1 to 8", size)
	}
	if n := len(server) + size; n > maxExtranonce {
		return nil, fmt.Errorf("channel: extranonce prefix of %d bytes, at most %d allowed", n, maxExtranonce)
	}
	if limit < 1 {
		return nil, fmt.Errorf("channel: limit of %d extranonce prefixes, want at least 1", limit)
	}
	e := &Extranonces{
		server: clone(server), size: size, limit: limit, last: 1<<(8*size) - 1,
		taken: make(map[uint64]bool),
	}
	if uint64(limit) <= e.last/4 {
		e.window = e.last / 2
	}
	return e, nil
}

// Size is the length of each prefix in bytes.
func (e *Extranonces) Size() int { return len(e.server) + e.size }

// Allocate gives a prefix that nobody else has.
func (e *Extranonces) Allocate() ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := uint64(len(e.taken))
	if len(e.taken) >= e.limit || n > e.last || e.window > 0 && e.steps-e.begun[1] >= e.window {
		return nil, ErrExhausted
	}
	for {
		if _, taken := e.taken[e.next]; !taken {
			break
		}
		e.step()
	}
	e.taken[e.next] = true
	p := e.prefix(e.next)
	e.step()
	return p, nil
}

func (e *Extranonces) step() {
	e.steps++
	if e.next == e.last {
		e.next = 0
	} else {
		e.next++
	}
}

// prefix writes a number big-endian behind the server's bytes.
func (e *Extranonces) prefix(n uint64) []byte {
	p := append(make([]byte, 0, e.Size()), e.server...)
	for i := e.size - 1; i >= 0; i-- {
		p = append(p, byte(n>>(8*i)))
	}
	return p
}

// Free gives back a prefix, when its channel closes or has a new one. One that is
// not out is an error.
func (e *Extranonces) Free(p []byte) error {
	number, ok := bytes.CutPrefix(p, e.server)
	if !ok || len(number) != e.size {
		return fmt.Errorf("channel: free extranonce prefix %x: not one of ours", p)
	}
	var n uint64
	for _, b := range number {
		n = n<<8 | uint64(b)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.taken[n] {
		return fmt.Errorf("channel: free extranonce prefix %x: not in use", p)
	}
	if e.far(n) {
		delete(e.taken, n)
		return nil
	}
	e.taken[n] = false
	e.freed[0] = append(e.freed[0], n)
	return nil
}

// far says whether next does not reach n within two tips: after the window's steps,
// and at most limit more, with which the last of them passes over taken numbers.
func (e *Extranonces) far(n uint64) bool {
	ahead := n - e.next
	if n < e.next {
		ahead += e.last + 1 // 0 for 8 bytes, whose numbers wrap by themselves
	}
	return e.window > 0 && ahead > e.window+e.last/4
}

// Advance is for each new tip, after all channels were told.
func (e *Extranonces) Advance() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.freed[1] {
		delete(e.taken, n)
	}
	e.freed[1], e.freed[0] = e.freed[0], nil
	e.begun[1], e.begun[0] = e.begun[0], e.steps
}

// InUse is how many prefixes channels have.
func (e *Extranonces) InUse() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.taken) - len(e.freed[0]) - len(e.freed[1])
}
