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
	var served sync.WaitGroup
	failed := serve(&served, far, board)
	t.Cleanup(func() {
		host.Close()
		served.Wait()
		if err := <-failed; err != nil {
			t.Error(err)
		}
	})
	return host
}

// serve serves a board at far until the host closes its end.
func serve(served *sync.WaitGroup, far net.Conn, board *usbsim.Board) (failed chan error) {
	failed = make(chan error, 1)
	end := cable{far, make(chan []byte, 64)}
	served.Go(func() {
		for p := range end.out {
			far.Write(p)
		}
		far.Close()
	})
	served.Go(func() {
		defer close(end.out)
		failed <- board.Serve(end)
	})
	return failed
}
