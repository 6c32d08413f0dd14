// Package usbtest plugs virtual USB boards in, for tests.
package usbtest

import (
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/lodefw/lode/tinytest/chipsim/usbsim"
)

// cable is the device's end of a control port: its writes do not wait for the host
// to read, as those of USB do not.
type cable struct {
	net.Conn
	out chan []byte
}

// Write is part of io.Writer.
func (c cable) Write(p []byte) (int, error) {
	c.out <- slices.Clone(p)
	return len(p), nil
}

// Plug serves a board until the test ends, and returns the host's end of its control
// port.
func Plug(t *testing.T, board *usbsim.Board) (host net.Conn) {
	t.Helper()
	host, far := net.Pipe()
	end := cable{far, make(chan []byte, 64)}
	var served sync.WaitGroup
	served.Go(func() {
		for p := range end.out {
			far.Write(p)
		}
		far.Close()
	})
	served.Go(func() {
		defer close(end.out)
		if err := board.Serve(end); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { host.Close(); served.Wait() })
	return host
}
