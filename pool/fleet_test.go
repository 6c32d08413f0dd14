//go:build unix

package pool

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// devices is the size of the fleet in BenchmarkFleet.
var devices = flag.Int("devices", 1000, "devices in BenchmarkFleet")

// fleetURL tells a copy of the test binary that it is the devices of BenchmarkFleet:
// they live in a process of their own, so that what the pool costs can be measured.
const fleetURL = "LODE_TEST_FLEET"

// TestFleetProcess is the process of the devices; in a normal run there are none,
// and it only checks that the count of tips that it prints is right for one.
func TestFleetProcess(t *testing.T) {
	url, n := os.Getenv(fleetURL), *devices
	if url == "" {
		synctest.Test(t, func(t *testing.T) {
			r := start(t, Config{}, false)
			d := r.dial()
			d.send(setup(0))
			next[*sv2.SetupConnectionSuccess](d)
			d.open(1, 1e12)
			r.stop()
		})
		return
	}
	if err := fleet(url, n); err != nil {
		t.Fatal(err)
	}
}

// fleet connects n devices and prints "ready", and then for each tip when the last
// of them heard of it, until its input ends.
func fleet(text string, n int) error {
	url, err := noise.ParseURL(text)
	if err != nil {
		return err
	}
	var told, opened atomic.Int64
	errs := make(chan error, n)
	slots := make(chan struct{}, 64)
	for range n {
		slots <- struct{}{}
		go func() {
			conn, err := enlist(url)
			<-slots
			if err != nil {
				errs <- err
				return
			}
			if opened.Add(1) == int64(n) {
				fmt.Println("ready")
			}
			for err == nil {
				var f sv2.Frame
				f, err = conn.Receive()
				if f.Type == mining.TypeSetNewPrevHash && told.Add(1)%int64(n) == 0 {
					fmt.Println("told", time.Now().UnixNano())
				}
			}
		}()
	}
	go func() { // nil when the pool's process closes our input, or ends
		_, err := io.Copy(io.Discard, os.Stdin)
		errs <- err
	}()
	return <-errs
}

// enlist opens a channel on a new connection and reads up to its first tip.
func enlist(url noise.URL) (*sv2net.Conn, error) {
	conn, err := sv2net.Dial(context.Background(), url, sv2net.DialConfig{})
	if err != nil {
		return nil, err
	}
	err = conn.SendAll(setup(0), &mining.OpenStandardMiningChannel{
		UserIdentity: "bc1qexample.rig", NominalHashRate: 1e12, MaxTarget: maxU256(),
	})
	for err == nil {
		var f sv2.Frame
		if f, err = conn.Receive(); f.Type == mining.TypeSetNewPrevHash {
			return conn, err
		}
	}
	return nil, err
}

// cpu is the time that this process has used, the kernel's work for it included.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// held is the memory that the heap and the stacks use.
func held() uint64 {
	runtime.GC()
	runtime.GC() // stacks shrink in one collection, and are free after the next
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// BenchmarkFleet connects idle devices over TCP with Noise, and tells them of new
// tips. It reports the memory of a connection, the pool's CPU time for each device
// (the kernel's included) to send it the tip, the full job and the next future job,
// and when the last device had heard of the tip.
func BenchmarkFleet(b *testing.B) {
	r := prepareQuiet(b)
	n := *devices
	before := held()
	lines, stop := r.launch(b, n)
	defer stop()
	if line := <-lines; line != "ready" {
		b.Fatalf("fleet says %q", line)
	}
	r.pool.everyone()
	memory := float64(held()-before) / float64(n)
	var tip, last time.Duration
	b.ResetTimer()
	for i := range b.N {
		r.advance(uint32(i))
		begun, c := time.Now(), cpu()
		r.pool.everyone()
		tip += cpu() - c
		word, at, _ := strings.Cut(<-lines, " ")
		ns, err := strconv.ParseInt(at, 10, 64)
		if word != "told" || err != nil {
			b.Fatalf("fleet says %q %q", word, at)
		}
		last += time.Unix(0, ns).Sub(begun)
	}
	each := float64(b.N * n)
	b.ReportMetric(memory/1024, "KiB/device")
	b.ReportMetric(float64(tip.Nanoseconds())/each/1000, "cpu-us/device")
	b.ReportMetric(float64(last.Microseconds())/float64(b.N)/1000, "ms-to-last")
}

// prepareQuiet is a pool that does its rounds only when it is told to.
func prepareQuiet(b *testing.B) *rig {
	r := &rig{t: b, chain: newFakeChain(), pipes: newPipes()}
	var err error
	cfg := Config{PayoutScript: []byte{0x51}, SharesPerMinute: 1e-3}
	if r.pool, err = New(cfg, r.chain, nil, nil); err != nil {
		b.Fatal(err)
	}
	r.pool.newest.Store(template(100, 0, hardBits))
	var cancel func()
	r.pool.ctx, cancel = context.WithCancel(context.Background())
	b.Cleanup(func() {
		cancel()
		r.pool.farewell()
		r.pool.readers.Wait()
	})
	r.pool.round(time.Now())
	r.pool.everyone()
	return r
}

// advance makes the work of a new tip.
func (r *rig) advance(i uint32) {
	p := r.pool
	t := template(101+i, byte(i+1), hardBits)
	t.MerklePath = make([]bitcoin.Hash, 12) // some 4000 transactions
	p.newest.Store(t)
	p.work.Store(p.renewed(p.work.Load(), time.Now()))
}

// launch starts the devices and gives the lines that they print.
func (r *rig) launch(b *testing.B, n int) (lines <-chan string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	lc := r.listenConfig(r.pool.cfg)
	sl, err := sv2net.NewListener(l, lc)
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.pool.accept(r.pool.ctx, sl) })
	c := exec.Command(os.Args[0], "-test.run=^TestFleetProcess$", "-devices", strconv.Itoa(n))
	c.Env = append(os.Environ(), fmt.Sprintf("%s=stratum2+tcp://%v/%v", fleetURL, l.Addr(), r.key))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	text := make(chan string, 16)
	wg.Go(func() {
		defer close(text)
		for s := bufio.NewScanner(out); s.Scan(); {
			text <- s.Text()
		}
	})
	return text, func() {
		in.Close()
		for range text {
		}
		c.Wait()
		sl.Close()
		wg.Wait()
	}
}
