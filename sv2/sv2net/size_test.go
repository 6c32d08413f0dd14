package sv2net

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// TestNoAllocations: a share and a job cost none to send and none to receive.
func TestNoAllocations(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		server, client := memoryPair(t, plain)
		share, job, prev := testShare(), testJob(), &mining.SetNewPrevHash{JobID: 2}
		var codec sv2.Codec
		var gotShare mining.SubmitSharesStandard
		var gotJob mining.NewMiningJob
		for name, run := range map[string]func() error{
			"share": func() error {
				if err := client.Send(share); err != nil {
					return err
				}
				f, err := server.Receive()
				if err == nil {
					_, err = codec.Decode(f.Payload, &gotShare)
				}
				return err
			},
			"job": func() error {
				if err := server.Send(job); err != nil {
					return err
				}
				f, err := client.Receive()
				if err == nil {
					_, err = codec.Decode(f.Payload, &gotJob)
				}
				return err
			},
			"both at once": func() error {
				if err := server.SendAll(job, prev); err != nil {
					return err
				}
				if _, err := client.Receive(); err != nil {
					return err
				}
				_, err := client.Receive()
				return err
			},
			"relayed": func() error {
				if err := client.Send(share); err != nil {
					return err
				}
				f, err := server.Receive()
				if err != nil {
					return err
				}
				if err := server.SendFrame(f); err != nil {
					return err
				}
				_, err = client.Receive()
				return err
			},
		} {
			var err error
			if n := testing.AllocsPerRun(100, func() { err = errors.Join(err, run()) }); n != 0 || err != nil {
				t.Errorf("%s: %v allocations, %v", name, n, err)
			}
		}
		if gotShare != *share || gotJob != *job {
			t.Errorf("got %+v and %+v", gotShare, gotJob)
		}
	})
}

// TestIdleSize measures what a connection that waits costs: heap and stack at the
// server, with one goroutine, and the client's socket with it.
func TestIdleSize(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		count, limit := 2000, 10<<10
		switch {
		case raceDetector: // its handshakes take fifty times as long, its stacks more room
			count, limit = 100, 64<<10
		case testing.Short(): // as under an emulator, for which 2000 are minutes
			count = 500
		}
		perConn := idleBytes(t, plain, count)
		t.Logf("%d bytes for an idle connection", perConn)
		if perConn > limit {
			t.Errorf("an idle connection takes %d bytes, want at most %d", perConn, limit)
		}
	})
}

// idleBytes opens count connections over TCP, passes a frame on each, and measures.
func idleBytes(t testing.TB, plain bool, count int) int {
	listen, url := testPool(t)
	listen.Plain = plain
	l, err := Listen(context.Background(), "127.0.0.1:0", listen)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	waits := make(chan *Conn, count)
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serveIdle(c, waits) })
		}
	})
	clients := make([]net.Conn, count)
	servers := make([]*Conn, count)
	before := memoryInUse()
	for i := range clients {
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = nc // the Conn around it goes away
		c, err := Client(context.Background(), nc, url, DialConfig{Plain: plain})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Send(&sv2.SetupConnection{}); err != nil {
			t.Fatal(err)
		}
		servers[i] = <-waits
	}
	after := memoryInUse()
	for i := range clients {
		clients[i].Close()
		servers[i].Close()
	}
	return int(after-before) / count
}

// serveIdle receives for ever and says when the first frame has come.
func serveIdle(c *Conn, first chan<- *Conn) {
	defer c.Close()
	if err := c.Handshake(context.Background()); err != nil {
		return
	}
	for n := 0; ; n++ {
		if _, err := c.Receive(); err != nil {
			return
		}
		if n == 0 {
			first <- c
		}
	}
}

// memoryInUse is heap and stacks, after the garbage is gone.
func memoryInUse() uint64 {
	runtime.GC()
	runtime.GC() // stacks shrink, and finalizers have run
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(float64(idleBytes(b, false, 2000)), "B/conn")
	}
}

func BenchmarkConn(b *testing.B) {
	for _, plain := range []bool{true, false} {
		for name, m := range map[string]sv2.Message{"SubmitSharesStandard": testShare(), "NewMiningJob": testJob()} {
			mode := map[bool]string{true: "plain", false: "noise"}[plain]
			b.Run(fmt.Sprintf("%s/%s/Send", mode, name), func(b *testing.B) {
				_, client := memoryPair(b, plain)
				client.nc = discard{client.nc}
				b.ReportAllocs()
				for b.Loop() {
					if err := client.Send(m); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/%s/Receive", mode, name), func(b *testing.B) {
				benchmarkReceive(b, plain, m)
			})
		}
	}
}

// discard takes all writes.
type discard struct{ net.Conn }

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// benchmarkReceive sends a batch outside the clock, then reads it.
func benchmarkReceive(b *testing.B, plain bool, m sv2.Message) {
	server, client := memoryPair(b, plain)
	const batch = 10000
	left := 0
	b.ReportAllocs()
	for b.Loop() {
		if left == 0 {
			b.StopTimer()
			for left = range batch {
				if err := client.Send(m); err != nil {
					b.Fatal(err)
				}
			}
			left++
			b.StartTimer()
		}
		if _, err := server.Receive(); err != nil {
			b.Fatal(err)
		}
		left--
	}
}

// BenchmarkThroughput sends frames of 64 KiB over TCP on loopback.
func BenchmarkThroughput(b *testing.B) {
	for _, plain := range []bool{true, false} {
		b.Run(map[bool]string{true: "plain", false: "noise"}[plain], func(b *testing.B) {
			a, z := tcpPair(b)
			listen, url := testPool(b)
			listen.Plain, listen.MaxPayload = plain, FullPayload
			server, client := join(b, a, z, listen, url, DialConfig{Plain: plain})
			go func() {
				f := sv2.Frame{Type: 1, Payload: make([]byte, 64<<10)}
				for client.SendFrame(f) == nil {
				}
			}()
			b.SetBytes(64 << 10)
			for b.Loop() {
				if _, err := server.Receive(); err != nil {
					b.Fatal(err)
				}
			}
			server.Close()
			client.Close()
		})
	}
}

// tcpPair is two ends of a TCP connection.
func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if b, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if a, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
