package main

import (
	"context"
	"io"
	"os"
	"strconv"

	"github.com/lodefw/lode/firmware/pid1"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

type dial = func(context.Context, noise.URL) (*sv2net.Conn, error)

// networkUp is closed when there is a network. On a board whose first process is ours the
// miner starts before, and is told by the end of a pipe; elsewhere it starts after.
func networkUp(getenv func(string) (string, bool)) <-chan struct{} {
	text, _ := getenv(pid1.NetworkEnv)
	fd, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		ch := make(chan struct{})
		close(ch)
		return ch
	}
	return ended(os.NewFile(uintptr(fd), "network"))
}

// ended is closed when there is nothing more to read. Its goroutine ends then: the first
// process ends the pipe within seconds, network or not.
func ended(r io.ReadCloser) <-chan struct{} {
	ch := make(chan struct{})
	go func() {
		defer close(ch)
		defer r.Close()
		io.Copy(io.Discard, r)
	}()
	return ch
}

// after dials once up is closed: a first try without a network would be followed by a
// pause, and the resolver would not look for name servers again for five seconds.
func after(up <-chan struct{}, d dial) dial {
	return func(ctx context.Context, u noise.URL) (*sv2net.Conn, error) {
		select {
		case <-up:
			return d(ctx, u)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
