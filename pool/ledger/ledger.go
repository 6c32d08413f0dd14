package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// ErrFull says that a record was not taken because the disk has not kept up for a
// while, or does not work at all.
var ErrFull = errors.New("ledger: the queue is full, the disk does not keep up")

// ErrClosed says that a record came after Close.
var ErrClosed = errors.New("ledger: closed")

// Options may be zero.
type Options struct {
	SegmentSize int64         // bytes after which a new file begins; 0 is 16 MiB
	Delay       time.Duration // how long a batch may gather; 0 is 50 ms
	Queue       int           // bytes that wait for the disk at most; 0 is 4 MiB
	Wait        time.Duration // how long a record waits for a place; 0 is 100 ms
	Log         *slog.Logger  // nil is silence

	blockWait time.Duration // see Block; 0 is 2 s, for which a test's disk may be too busy
}

func (o Options) withDefaults() Options {
	if o.SegmentSize <= 0 {
		o.SegmentSize = 16 << 20
	}
	if o.Delay <= 0 {
		o.Delay = 50 * time.Millisecond
	}
	if o.Queue <= 0 {
		o.Queue = 4 << 20
	}
	if o.Wait <= 0 {
		o.Wait = 100 * time.Millisecond
	}
	if o.blockWait <= 0 {
		o.blockWait = blockWait
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// A Log is an open ledger. Records are gathered in memory and made durable by one
// goroutine, many with one fsync. It is safe for concurrent use.
type Log struct {
	opt   Options
	disk  *segment
	lock  *os.File
	wake  chan struct{} // holds one token: there is something to write
	hurry chan struct{} // holds one token: do not wait for more
	done  chan struct{} // closed when the writer has ended

	mu      sync.Mutex
	pending []byte        // records for the next batch
	spare   []byte        // the buffer of the batch before
	first   uint64        // sequence number of the next record
	durable uint64        // sequence number of the last record on disk
	synced  chan struct{} // closed, and made anew, after each batch
	failure error         // of the last batch, nil if it was written
	closed  bool
}

// Open opens the ledger in dir, which it creates if need be, and repairs a torn
// tail. One process at a time may have it open.
func Open(dir string, opt Options) (*Log, error) {
	opt = opt.withDefaults()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	disk, last, err := openSegment(dir, opt.SegmentSize, opt.Log)
	if err != nil {
		unlock(lock)
		return nil, err
	}
	l := &Log{
		opt: opt, disk: disk, lock: lock, first: last + 1, durable: last,
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		done: make(chan struct{}), synced: make(chan struct{}),
	}
	go l.run()
	return l, nil
}

// Share records an accepted share. It waits a little when the disk lags and then
// gives ErrFull.
func (l *Log) Share(at time.Time, user string, difficulty float64, h *bitcoin.Header) error {
	r := Record{Kind: KindShare, Time: at, User: user, Difficulty: difficulty}
	_, err := l.append(&r, h)
	return err
}

// blockWait bounds how long Block waits for the disk: the block itself is safe
// with the chain already.
const blockWait = 2 * time.Second

// Block records a block with what the chain said; nil means it became the best
// one. It returns when the record is on disk, or after two seconds.
func (l *Log) Block(at time.Time, user string, height uint32, h *bitcoin.Header, outcome error) error {
	r := Record{Kind: KindBlock, Time: at, User: user, Height: height}
	if outcome != nil {
		r.Outcome = outcome.Error()
	}
	seq, err := l.append(&r, h)
	if err != nil {
		return err
	}
	return l.wait(seq, l.opt.blockWait)
}

// Sync returns when all records taken so far are on disk, or after limit.
func (l *Log) Sync(limit time.Duration) error {
	l.mu.Lock()
	seq := l.first - 1
	l.mu.Unlock()
	return l.wait(seq, limit)
}

// append queues a record and gives its sequence number.
func (l *Log) append(r *Record, h *bitcoin.Header) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) >= l.opt.Queue && !l.closed {
		l.waitForPlace()
	}
	switch {
	case l.closed:
		return 0, ErrClosed
	case len(l.pending) >= l.opt.Queue:
		if l.failure != nil {
			return 0, fmt.Errorf("%w: %w", ErrFull, l.failure)
		}
		return 0, ErrFull
	}
	r.Sequence = l.first
	l.first++
	l.pending = appendRecord(l.pending, r, h)
	poke(l.wake)
	return r.Sequence, nil
}

// waitForPlace waits for the writer to take the queue, once. l.mu is held, and
// let go meanwhile.
func (l *Log) waitForPlace() {
	synced := l.synced
	poke(l.hurry)
	l.mu.Unlock()
	defer l.mu.Lock()
	t := time.NewTimer(l.opt.Wait)
	defer t.Stop()
	select {
	case <-synced:
	case <-t.C:
	}
}

// wait waits until record seq is durable.
func (l *Log) wait(seq uint64, limit time.Duration) error {
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		l.mu.Lock()
		durable, synced, failure := l.durable, l.synced, l.failure
		l.mu.Unlock()
		if durable >= seq {
			return nil
		}
		poke(l.hurry)
		poke(l.wake)
		select {
		case <-synced:
		case <-l.done:
			if l.Durable() >= seq {
				return nil
			}
			return ErrClosed
		case <-t.C:
			return errors.Join(fmt.Errorf("ledger: record %d is not on disk after %v", seq, limit), failure)
		}
	}
}

// Durable is the sequence number of the last record that is on disk.
func (l *Log) Durable() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Close writes what is pending and closes the files. It gives the error of the last
// batch if that could not be written.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.done
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	poke(l.hurry)
	poke(l.wake)
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// poke leaves a token in c if there is none.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
