package ledger

import "time"

// retryAfter is the pause after a disk error.
const retryAfter = time.Second

// run is the writer: it owns the files until Close.
func (l *Log) run() {
	defer close(l.done)
	defer unlock(l.lock)
	defer l.disk.close() //nolint:errcheck // every batch was synced
	for {
		<-l.wake
		l.gather()
		batch, last, closed := l.take()
		for len(batch) > 0 {
			err := l.disk.write(batch)
			l.settle(batch, last, err)
			if err == nil {
				break
			}
			l.opt.Log.Error("ledger cannot write; shares wait in memory", "err", err)
			if closed || l.isClosed() { // nobody waits for a better time
				return
			}
			l.pause(retryAfter)
		}
		if closed {
			return
		}
	}
}

// gather waits for more records to share the fsync.
func (l *Log) gather() { l.pause(l.opt.Delay) }

// pause waits, unless somebody is in a hurry.
func (l *Log) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.hurry:
	}
}

// take takes the queue and leaves the spare buffer for the next one.
func (l *Log) take() (batch []byte, last uint64, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch = l.pending
	l.pending, l.spare = l.spare[:0], nil
	return batch, l.first - 1, l.closed
}

// settle tells those who wait what became of a batch.
func (l *Log) settle(batch []byte, last uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = err
	if err == nil {
		l.durable, l.spare = last, batch[:0]
	}
	close(l.synced)
	l.synced = make(chan struct{})
}

func (l *Log) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}
