package sv2net

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/lodefw/lode/sv2/buffer"
	"github.com/lodefw/lode/sv2/noise"
)

// TestHostileMemory has many peers promise the largest frame and stall. What they
// can pin is the pool's limit; who comes too late is dropped, and when they are
// gone all is given back.
func TestHostileMemory(t *testing.T) { synctest.Test(t, testHostileMemory) }

func testHostileMemory(t *testing.T) {
	listen, url := testPool(t)
	const peers, limit, size = 50, 1 << 20, 100_000
	pool := buffer.New(limit)
	listen.Pool, listen.MaxPayload = pool, FullPayload
	var wg sync.WaitGroup
	var mu sync.Mutex
	ends := map[error]int{}
	for range peers {
		a, b := net.Pipe()
		wg.Go(func() {
			defer a.Close()
			server := Server(a, listen)
			if err := server.Handshake(context.Background()); err != nil {
				t.Error(err)
				return
			}
			_, err := server.Receive()
			mu.Lock()
			defer mu.Unlock()
			for _, known := range []error{ErrSlow, buffer.ErrExhausted} {
				if errors.Is(err, known) {
					ends[known]++
				}
			}
			if out := pool.Stats(); out.Out+out.Kept > limit {
				t.Errorf("%+v", out)
			}
		})
		wg.Go(func() {
			client, err := Client(context.Background(), b, url, DialConfig{})
			if err != nil {
				t.Error(err)
				return
			}
			out, head := wire(client, make([]byte, size))
			b.Write(out[:head+noise.TagSize])
			client.Receive() // until the server drops it
		})
	}
	wg.Wait()
	if ends[ErrSlow] == 0 || ends[buffer.ErrExhausted] == 0 || ends[ErrSlow]+ends[buffer.ErrExhausted] != peers {
		t.Errorf("ends: %v", ends)
	}
	if out := pool.Stats().Out; out != 0 {
		t.Errorf("%d bytes are still lent", out)
	}
}
