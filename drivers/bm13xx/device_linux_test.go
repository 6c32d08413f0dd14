package bm13xx

import (
	"context"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodefw/lode/hashing"
)

// BenchmarkDevice342 is three chains of 114 chips at their nominal clock and
// ticket 256, a second in each round. Their lines are pipes to another process, which
// answers with prepared responses, as many a second as such chips find, and with all
// chips' ids every ten seconds. Counted is the processor time of this process alone:
// drivers, runtime and their calls to the kernel.
func BenchmarkDevice342(b *testing.B) {
	for _, m := range []Model{BM1362, BM1366, BM1370, BM1397} {
		b.Run(m.String(), func(b *testing.B) { benchmarkDevice(b, m) })
	}
}

const (
	deviceChains = 3
	deviceChips  = 114
)

// chipsProcess is set in the environment of the process that plays the chips.
const chipsProcess = "LODE_TEST_CHIPS"

func TestMain(m *testing.M) {
	if os.Getenv(chipsProcess) != "" {
		playAll()
		return
	}
	os.Exit(m.Run())
}

func benchmarkDevice(b *testing.B, m Model) {
	var chains [deviceChains]*Chain
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), chipsProcess+"=1")
	child.Stderr = os.Stderr
	var scripts [deviceChains]script
	for i := range chains {
		chains[i] = bench(b, m).Chain
		scripts[i] = fit(b, chains[i], child)
	}
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	if err := gob.NewEncoder(in).Encode(scripts); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var drivers sync.WaitGroup
	for _, c := range chains {
		feed := hashing.NewFeed(endlessWork{work: deviceWork()})
		drivers.Go(func() {
			if err := c.Run(ctx, feed, func(hashing.Solution) {}); err != nil {
				b.Error(err)
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	begin, cpu, before := time.Now(), processTime(), total(chains[:])
	for b.Loop() {
		time.Sleep(time.Second)
	}
	cpu = processTime() - cpu
	span, after := time.Since(begin).Seconds(), total(chains[:])
	cancel()
	drivers.Wait()
	in.Close()
	if err := child.Wait(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(100*cpu.Seconds()/span, "%core")
	b.ReportMetric(float64(after.Jobs-before.Jobs)/span, "jobs/s")
	b.ReportMetric(float64(after.Good+after.Duplicates-before.Good-before.Duplicates)/span, "responses/s")
	if after.HardwareErrors+after.Lost > 0 || after.Good == before.Good {
		b.Errorf("%+v", after.Tally)
	}
}

// total adds up what the chains have counted.
func total(chains []*Chain) (s Status) {
	for _, c := range chains {
		one := c.Status()
		s.Jobs += one.Jobs
		s.Tally.add(one.Tally)
	}
	return s
}

// deviceWork is the work that all prepared responses are for.
func deviceWork() hashing.Work {
	w := hashing.Work{ID: 1, VersionMask: rolledBits}
	w.Header.Version, w.Header.NTime, w.Header.NBits = 0x20000000, 0x68546d5e, 0x17023a04
	return w
}

// endlessWork gives the same work for ever: the chips in the pipe know no other.
type endlessWork struct{ work hashing.Work }

func (e endlessWork) Work(hashing.Traits) (hashing.Work, time.Duration, bool) { return e.work, 0, true }

// benchZeros is how many zero bits a hash of the prepared responses has, so that it
// takes no time to find them; the driver does the same for any number.
const benchZeros = 2

// fit makes a chain one of 114 chips whose line goes to the child process.
func fit(b *testing.B, c *Chain, child *exec.Cmd) script {
	b.Helper()
	c.opts.Baud, c.opts.WiredZeros, c.up = 3125000, benchZeros, true
	c.target = c.ticket.Target(benchZeros)
	c.setCount(deviceChips)
	for i := range c.clocks {
		c.clocks[i] = c.spec.nominal
	}
	if c.spec.rolls {
		c.hashCount = c.spec.hashCount(c.spec.slice(deviceChips), c.spec.nominal)
	}
	hostIn, chipsOut, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	chipsIn, hostOut, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	child.ExtraFiles = append(child.ExtraFiles, chipsIn, chipsOut)
	b.Cleanup(func() {
		for _, f := range []*os.File{hostIn, hostOut, chipsIn, chipsOut} {
			f.Close()
		}
	})
	p := &pipe{File: hostIn, out: hostOut}
	c.port, c.reader = p, NewReader(p, c.spec.answerJob)
	return c.script()
}

// script is what the chips of a line say.
type script struct {
	Every   time.Duration     // between two results
	Results [idSpace][][]byte // by job
	IDs     []byte            // of all chips
}

func (c *Chain) script() (s script) {
	s.Every = c.resultEvery(c.spec.nominal) / deviceChips
	for nonce := uint32(0); len(s.Results[0]) < 256; nonce++ {
		if !c.passes(nonce) {
			continue
		}
		for id := range s.Results {
			s.Results[id] = append(s.Results[id], c.responseOf(nonce, uint8(id)))
		}
	}
	for i := range deviceChips {
		line := fakeLine{model: c.model, long: c.spec.answerJob == answerLong}
		line.answer(uint32(c.model)<<16|uint32(c.address(i)), c.address(i))
		s.IDs = append(s.IDs, line.pending...)
	}
	return s
}

// passes tells whether the work with a nonce passes the ticket.
func (c *Chain) passes(nonce uint32) bool {
	h := deviceWork().Header
	h.Nonce = nonce
	if !c.spec.rolls {
		var m midstates
		m.make(&h, hashing.LowBits(rolledBits, 2))
		h.Version = m.versions[0]
	}
	return c.target.MetBy(h.Hash())
}

// responseOf is a response with a nonce to the job with an id.
func (c *Chain) responseOf(nonce uint32, id uint8) []byte {
	body := binary.LittleEndian.AppendUint32(nil, nonce)
	body = append(body, 0, id<<c.spec.idShift&(c.spec.idMask<<c.spec.idShift))
	if c.spec.answerJob == answerLong {
		body = append(body, 0, 0)
	}
	for trailer := byte(0x80); trailer < 0xa0; trailer++ {
		if b := append(body[:len(body):len(body)], trailer); crc5(b) == 0 {
			return append([]byte{0xaa, 0x55}, b...)
		}
	}
	return nil
}

// pipe is a line's end.
type pipe struct {
	*os.File // to read
	out      *os.File
}

func (p *pipe) Write(b []byte) (int, error) { return p.out.Write(b) }
func (*pipe) SetBaud(int) error             { return nil }

// playAll plays the chips of all lines until its input ends.
func playAll() {
	var scripts [deviceChains]script
	if err := gob.NewDecoder(os.Stdin).Decode(&scripts); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := range scripts {
		in, out := os.NewFile(uintptr(3+2*i), "in"), os.NewFile(uintptr(4+2*i), "out")
		var id atomic.Int32
		id.Store(-1)
		go hear(in, &id)
		go scripts[i].play(out, &id)
	}
	io.Copy(io.Discard, os.Stdin)
}

// hear keeps the id of the newest job. Jobs are written in one piece.
func hear(in *os.File, id *atomic.Int32) {
	b := make([]byte, 4096)
	for {
		n, err := in.Read(b)
		if err != nil {
			return
		}
		if n > 20 {
			id.Store(int32(b[4]))
		}
	}
}

// play says what is due.
func (s *script) play(out *os.File, id *atomic.Int32) {
	begin := time.Now()
	polls := time.NewTicker(pollEvery)
	for n := 1; ; n++ {
		select {
		case <-polls.C:
			out.Write(s.IDs)
		case <-time.After(time.Until(begin.Add(time.Duration(n) * s.Every))):
		}
		if i := id.Load(); i >= 0 {
			out.Write(s.Results[i][n%256])
		}
	}
}
