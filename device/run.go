package device

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Run runs all hashers until ctx ends and every one of them has returned. A
// hasher that fails is started again after a while; the others go on.
func (d *Dispatcher) Run(ctx context.Context) error {
	var hashers sync.WaitGroup
	for _, l := range d.lanes {
		hashers.Go(func() { l.run(ctx) })
	}
	hashers.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.state = Stopped
	d.event("device is stopped")
	return nil
}

// Pauses before a hasher is started again: the first, and the longest. They
// double with each failure, until it has run for longer than the longest.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

func (l *lane) run(ctx context.Context) {
	for wait := firstPause; ctx.Err() == nil; wait = min(2*wait, longestPause) {
		begin := l.d.now()
		l.enter()
		err := l.hasher.Run(ctx, l.feed, l.found)
		l.leave(ctx, err)
		if ctx.Err() != nil {
			return
		}
		if l.d.now().Sub(begin) > longestPause {
			wait = firstPause
		}
		l.d.log.Error("hasher failed", "hasher", l.hasher.String(), "err", l.failure(), "restart_in", wait)
		pause(ctx, wait)
	}
}

func (l *lane) enter() {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	l.working = true
}

func (l *lane) leave(ctx context.Context, err error) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	l.working = false
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = errors.New("returned without being asked to")
	}
	l.err = err
	l.fails++
	l.d.event(fmt.Sprintf("hasher %s failed: %v", l.hasher, err))
}

func (l *lane) failure() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	return l.err
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
