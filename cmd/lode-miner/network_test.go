package main

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// Nothing is dialed until the network is up, and then at once.
func TestDialAfterNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errDialed := errors.New("dialed")
		r, w := io.Pipe()
		d := after(ended(r), func(context.Context, noise.URL) (*sv2net.Conn, error) { return nil, errDialed })
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		if _, err := d(ctx, noise.URL{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a network: %v", err)
		}
		begin := time.Now()
		time.AfterFunc(3*time.Second, func() { w.Close() })
		for range 2 {
			if _, err := d(t.Context(), noise.URL{}); err != errDialed || time.Since(begin) != 3*time.Second {
				t.Errorf("after %v: %v", time.Since(begin), err)
			}
		}
	})
}

// Who is not told about the network does not wait for it.
func TestNetworkUp(t *testing.T) {
	for _, text := range []string{"", "x", "-1"} {
		<-networkUp(func(string) (string, bool) { return text, text != "" })
	}
}
