package pid1

import (
	"context"
	"time"
)

// A runner starts a child and waits for it; the other end of it is the kernel or a
// test.
type runner interface {
	// start starts the child.
	start() (pid int, err error)
	// wait returns when the child has ended, and says how.
	wait(pid int) (how string)
	// stop asks the child to end, or makes it.
	stop(pid int, kill bool)
}

// NetworkEnv tells the miner the number of a file that ends when there is a network. The
// miner starts before, to count its chips meanwhile, and connects to a pool then.
const NetworkEnv = "LODE_NETWORK_FD"

// networkWithin is how long the miner waits for the network.
const networkWithin = 15 * time.Second

// How a child is treated.
const (
	firstBackOff = time.Second
	maxBackOff   = 30 * time.Second
	steady       = time.Minute      // who runs that long starts again at once
	stopWithin   = 20 * time.Second // to power off hash boards
)

// supervise keeps a child running until ctx ends. It returns when there is none.
func supervise(ctx context.Context, r runner, c *console, ended func()) {
	pause := firstBackOff
	for ctx.Err() == nil {
		begin := time.Now()
		how, err := runChild(ctx, r)
		if ctx.Err() != nil {
			break
		}
		if time.Since(begin) >= steady {
			pause = firstBackOff
		}
		if err != nil {
			how = err.Error()
		}
		c.say("miner: ended (%s); it starts again in %v", how, pause)
		ended()
		sleep(ctx, pause)
		pause = min(2*pause, maxBackOff)
	}
}

// runChild runs the child once. When ctx ends the child is asked to stop, and killed
// if that takes too long.
func runChild(ctx context.Context, r runner) (how string, err error) {
	pid, err := r.start()
	if err != nil {
		return "", err
	}
	done := make(chan string, 1)
	go func() { done <- r.wait(pid) }()
	select {
	case how = <-done:
		return how, nil
	case <-ctx.Done():
	}
	r.stop(pid, false)
	timer := time.NewTimer(stopWithin)
	defer timer.Stop()
	select {
	case how = <-done:
	case <-timer.C:
		r.stop(pid, true)
		how = <-done
	}
	return how, nil
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
