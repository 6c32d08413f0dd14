//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// handle pauses and resumes on SIGUSR1, and clears a board's fault on SIGUSR2.
func (c *controls) handle(ctx context.Context) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-signals:
			if s == syscall.SIGUSR2 {
				c.clear()
			} else {
				c.toggle()
			}
		}
	}
}
