//go:build unix

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2client"
)

// SIGUSR1 pauses and resumes.
func TestSignals(t *testing.T) {
	caught := make(chan os.Signal, 16) // before handle listens a signal would end the test
	signal.Notify(caught, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(caught)
	b, err := virtual.New(virtual.Config{Board: "bitaxe-gamma"})
	if err != nil {
		t.Fatal(err)
	}
	dev, err := device.New(device.Config{Board: b.Board, Client: sv2client.Config{
		User: "a", Pools: []noise.URL{{Host: "127.0.0.1", Port: 1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	c := &controls{dev: dev, log: slog.New(slog.DiscardHandler)}
	done := make(chan error)
	go func() { done <- c.handle(ctx) }()
	for _, want := range []device.State{device.Paused, device.Waiting, device.Paused} {
		send(t, func() bool { return dev.Status().State == want })
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// send sends the signal until it has worked.
func send(t *testing.T, worked func() bool) {
	t.Helper()
	for range 10 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if worked() {
				return
			}
		}
	}
	t.Fatal("the signal does not work")
}
