package sv2client

import (
	"sync"

	"github.com/lodefw/lode/sv2/channel"
)

// queueSize is how many shares may wait for the connection. A pool's vardiff makes
// a share every few seconds; this is for the first moments, and for a slow link.
const queueSize = 256

// A queue hands shares from hashers to the goroutine that sends them. It never
// blocks, and once closed it takes nothing, so that no share is forgotten in it.
type queue struct {
	mu     sync.Mutex
	ring   [queueSize]channel.Share
	head   int
	n      int
	closed bool
	wake   chan struct{} // one signal: look again
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// pushed says what became of a share.
type pushed uint8

const (
	taken pushed = iota
	full
	closed
)

func (q *queue) push(s *channel.Share) pushed {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return closed
	case q.n == queueSize:
		return full
	}
	q.ring[(q.head+q.n)%queueSize] = *s
	q.n++
	q.signal()
	return taken
}

// signal makes the owner look, for shares or for anything else.
func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) pop(s *channel.Share) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return false
	}
	*s = q.ring[q.head]
	q.head = (q.head + 1) % queueSize
	q.n--
	return true
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// close refuses further shares; pop still gives those that are in.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}
