package bm13xx

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

// sink is a port that takes everything and says nothing.
type sink struct{ bytes int }

func (s *sink) Write(b []byte) (int, error)   { s.bytes += len(b); return len(b), nil }
func (*sink) Read([]byte) (int, error)        { select {} }
func (*sink) SetReadDeadline(time.Time) error { return nil }
func (*sink) SetBaud(int) error               { return nil }

// gamma is a job that a real BM1370 has solved (solutions.json), and its response.
func gamma(t testing.TB) (hashing.Work, []byte) {
	t.Helper()
	var header, response hexBytes
	for text, h := range map[string]*hexBytes{
		"00000020fd55646bc162b96dfcd4f201a3f4670d1d3996bc96520100000000000000000006ddf5f08c36414b95ea54db71a0c28761a98bcf6355919e044f88725519a7cbd7685468043a021700000000": &header,
		"aa554c0352750cd205a29c": &response,
	} {
		if err := h.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := bitcoin.ParseHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	ticket, err := NewTicketMask(256)
	if err != nil {
		t.Fatal(err)
	}
	return hashing.Work{ID: 7, Header: h, VersionMask: 0x1fffe000, Target: ticket.Target(32)}, response
}

// bench is a chain as it is while it runs, without one.
func bench(t testing.TB, m Model) *runner {
	t.Helper()
	ticket, err := NewTicketMask(256)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Ticket: 256}.withDefaults(m)
	c := &Chain{
		port: &sink{}, model: m, spec: m.spec(), opts: opts, log: opts.Log,
		ticket: ticket, target: ticket.Target(32), mask: rolledBits,
	}
	c.reader = NewReader(c.port, c.spec.answerJob)
	c.setCount(1)
	c.clocks[0] = m.spec().nominal
	return newRunner(c, hashing.NewFeed(newWorks()), func(hashing.Solution) {})
}

// A real nonce of a real job goes through: from work to frame, from response to
// solution.
func TestGamma(t *testing.T) {
	r := bench(t, BM1370)
	work, response := gamma(t)
	var got hashing.Solution
	r.found = func(s hashing.Solution) { got = s }
	r.jobs.id = 104 - 24
	if _, err := r.send(t.Context(), &work); err != nil {
		t.Fatal(err)
	}
	resp, ok := parseResponse(response)
	if !ok {
		t.Fatal("the response is not good")
	}
	r.take(resp, time.Now())
	want := hashing.Solution{Work: 7, Nonce: 0x7552034c, Version: 0x20b44000, NTime: 0x685468d7}
	if got != want {
		t.Errorf("solution %+v, want %+v", got, want)
	}
	r.take(resp, time.Now())
	resp.Nonce ^= 1 << 8
	r.take(resp, time.Now())
	resp.Slot = 0
	r.take(resp, time.Now())
	s := r.Status()
	if want := (Tally{Good: 1, HardwareErrors: 1, Duplicates: 1, Lost: 1}); s.Tally != want {
		t.Errorf("%+v, want %+v", s.Tally, want)
	}
	if c := s.ChipStatus[0].Cores[38]; c.Good != 1 || c.HardwareErrors != 1 {
		t.Errorf("core 38: %+v", c) // 38: nonce-to-core.json
	}
}

func TestJobsAndNoncesDoNotAllocate(t *testing.T) {
	for _, m := range Models() {
		r := bench(t, m)
		work, response := gamma(t)
		resp, _ := parseResponse(response)
		ctx := t.Context()
		n := testing.AllocsPerRun(100, func() {
			work.VersionMask ^= 0x2000 // also writes the mask
			if _, err := r.send(ctx, &work); err != nil {
				t.Fatal(err)
			}
			resp.Nonce++
			r.take(resp, time.Time{})
		})
		if n != 0 {
			t.Errorf("%v: %v allocations for a job and a nonce", m, n)
		}
	}
}

func BenchmarkJob(b *testing.B) {
	for _, m := range []Model{BM1370, BM1397, BM1387} {
		b.Run(m.String(), func(b *testing.B) {
			r := bench(b, m)
			work, _ := gamma(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.send(b.Context(), &work); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}

// BenchmarkResponse takes responses from a stream, hashes and counts them.
func BenchmarkResponse(b *testing.B) {
	r := bench(b, BM1370)
	work, response := gamma(b)
	r.jobs.id = 104 - 24
	if _, err := r.send(b.Context(), &work); err != nil {
		b.Fatal(err)
	}
	in := NewReader(&endless{frame: response}, answerLong)
	b.ReportAllocs()
	for b.Loop() {
		resp, err := in.Next()
		if err != nil {
			b.Fatal(err)
		}
		r.take(resp, time.Time{})
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "responses/s")
}

// BenchmarkParse reads responses out of a good stream, and out of one in which every
// eighth has a byte too many, one too few or a wrong one: responses that come out
// are counted.
func BenchmarkParse(b *testing.B) {
	_, response := gamma(b)
	for _, c := range []struct {
		name   string
		stream []byte
	}{{"good", response}, {"errors", damaged(response)}} {
		b.Run(c.name, func(b *testing.B) {
			in := NewReader(&endless{frame: c.stream}, answerLong)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := in.Next(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "responses/s")
		})
	}
}

// damaged is a stream of 24 responses, three of them damaged.
func damaged(response []byte) (stream []byte) {
	for i := range 24 {
		one := append([]byte(nil), response...)
		switch i {
		case 7:
			one = append(one, 0x55)
		case 15:
			one = append(one[:5], one[6:]...)
		case 23:
			one[4] ^= 0x10
		}
		stream = append(stream, one...)
	}
	return stream
}

// A damaged stream gives what is whole in it, and nothing else.
func TestDamagedStream(t *testing.T) {
	_, response := gamma(t)
	want, _ := parseResponse(response)
	in := NewReader(bytes.NewReader(damaged(response)), answerLong)
	for i := 0; ; i++ {
		got, err := in.Next()
		if err != nil {
			if i != 22 {
				t.Errorf("%d responses, then %v, want 22", i, err)
			}
			return
		}
		if got != want {
			t.Errorf("response %d: %+v, want %+v", i, got, want)
		}
	}
}

// BenchmarkSwitch is the time from a change of the feed to the last byte of the
// first new job.
func BenchmarkSwitch(b *testing.B) {
	r := bench(b, BM1370)
	sent := make(chan time.Time, 16)
	r.port = &after{Port: r.port, sent: sent}
	r.declare(r.feed)
	ctx, cancel := context.WithCancel(b.Context())
	var helpers sync.WaitGroup
	helpers.Go(func() { r.pull(ctx) })
	helpers.Go(func() {
		if err := r.loop(ctx); err != nil {
			b.Error(err)
		}
	})
	<-sent
	var total time.Duration
	cpu := processTime()
	for b.Loop() {
		begin := time.Now()
		r.feed.Change()
		total += (<-sent).Sub(begin)
	}
	b.ReportMetric(float64((processTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/switch")
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "ns/switch")
	cancel()
	helpers.Wait()
}

// after tells when a job has been written.
type after struct {
	Port
	sent chan time.Time
}

func (a *after) Write(b []byte) (int, error) {
	n, err := a.Port.Write(b)
	if len(b) > 20 {
		a.sent <- time.Now()
	}
	return n, err
}
