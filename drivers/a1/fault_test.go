package a1

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/internal/hashtest"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
)

// Faults of one of five chips while it mines: the chip is named, the others go
// on, and whatever is reported is true.
func TestFaults(t *testing.T) {
	const bad = 3
	for _, c := range []struct {
		name  string
		fault spisim.A1Fault
		why   string // in the chip's status; empty if it goes on
		reach int    // chips that still answer
		check func(ch ChipStatus, noise uint64) bool
	}{
		{name: "dead", fault: spisim.A1Fault{Dead: true}, why: "does not answer", reach: bad - 1},
		{name: "mute", fault: spisim.A1Fault{Mute: true}, why: "does not answer", reach: 5},
		{name: "no echo", fault: spisim.A1Fault{NoEcho: true}, why: "echo", reach: 5},
		{name: "finds nothing", fault: spisim.A1Fault{NoNonces: true}, why: "finds nothing", reach: 5},
		{name: "invalid queue", fault: spisim.A1Fault{Queue: true}, why: "queue", reach: 5},
		{name: "wrong number", fault: spisim.A1Fault{WrongChip: true}, why: "finds nothing", reach: 5},
		{name: "only bad nonces", fault: spisim.A1Fault{BadNonces: 1}, why: "finds nothing", reach: 5},
		{name: "some bad nonces", fault: spisim.A1Fault{BadNonces: 0.2}, reach: 5,
			check: func(ch ChipStatus, _ uint64) bool { return ch.HardwareErrors > 10 && ch.Good > 4*ch.HardwareErrors/2 }},
		{name: "each nonce twice", fault: spisim.A1Fault{Twice: true}, reach: 5,
			check: func(ch ChipStatus, _ uint64) bool { return ch.Duplicates > ch.Good*9/10 && ch.Good > 60 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := spisim.NewA1(spisim.A1Config{Chips: 5, Scale: scale, Seed: 3})
				chain := newChain(t, sim, Options{})
				r := hashtest.Run(t, chain, &hashtest.Source{Stock: -1})
				time.Sleep(time.Second)
				sim.SetFault(bad, c.fault)
				before := chain.Status()
				const length = 20 * time.Second
				time.Sleep(length)
				after := chain.Status()
				ch := after.Chips[bad-1]
				if !strings.Contains(ch.Fault, c.why) || (c.why == "") != ch.usable() {
					t.Errorf("chip %d after %v: %+v, want fault %q", bad, length, ch, c.why)
				}
				if c.check != nil && !c.check(ch, after.Noise) {
					t.Errorf("chip %d: %+v", bad, ch)
				}
				others(t, before, after, bad, c.reach, length)
				sim.SetFault(bad, spisim.A1Fault{})
				time.Sleep(restTime + 10*time.Second)
				if ch := chain.Status().Chips[bad-1]; !ch.usable() && ch.State != Off {
					t.Errorf("without its fault the chip is %+v", ch)
				}
				if err := r.Stop(); err != nil {
					t.Fatal(err)
				}
				for _, s := range r.Solutions() {
					r.Check(t, s)
				}
			})
		})
	}
}

func (s ChipStatus) usable() bool { return s.State == Good || s.State == Weak }

// others holds the chips that work to what they promise.
func others(t *testing.T, before, after Status, bad, reach int, length time.Duration) {
	t.Helper()
	want := 25.6e9 * length.Seconds() / scale / 512
	for i := range after.Chips {
		if i == bad-1 {
			continue
		}
		good := float64(after.Chips[i].Good - before.Chips[i].Good)
		if i < reach && (good < 0.8*want || after.Chips[i].State != Good) {
			t.Errorf("chip %d found %v of about %.0f: %+v", i+1, good, want, after.Chips[i])
		}
		if i >= reach && after.Chips[i].State == Good {
			t.Errorf("chip %d behind the break is %+v", i+1, after.Chips[i])
		}
	}
}

// A chip that comes back mines again.
func TestRevival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 2, Scale: scale})
		c := newChain(t, sim, Options{})
		r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
		sim.SetFault(2, spisim.A1Fault{Mute: true})
		time.Sleep(10 * time.Second)
		sim.SetFault(2, spisim.A1Fault{})
		time.Sleep(restTime)
		before := c.Status().Chips[1]
		time.Sleep(5 * time.Second)
		after := c.Status().Chips[1]
		if before.State != Good || after.Good < before.Good+10 || after.Failures != 1 {
			t.Errorf("after its rest the chip is %+v, then %+v", before, after)
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// A noisy bus costs answers, never a wrong solution, and no chip for good.
func TestNoise(t *testing.T) {
	for _, rate := range []float64{1e-5, 1e-4, 1e-3} {
		synctest.Test(t, func(t *testing.T) {
			sim := spisim.NewA1(spisim.A1Config{Chips: 4, Scale: scale, Seed: 5})
			c := newChain(t, sim, Options{})
			r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
			sim.SetErrorRate(rate)
			time.Sleep(time.Minute)
			sim.SetErrorRate(0)
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			var good uint64
			for _, ch := range c.Status().Chips {
				good += ch.Good
				if ch.State == Off && rate < 1e-3 {
					t.Errorf("error rate %g: %+v", rate, ch)
				}
			}
			want := 4 * 25.6e9 * 60 / scale / 512
			t.Logf("error rate %g: found %.1f %%, lost answers %d, noise %d", rate, 100*float64(good)/want, c.Status().Lost, c.Status().Noise)
			if rate < 1e-3 && float64(good) < 0.85*want {
				t.Errorf("error rate %g: %d nonces of about %.0f", rate, good, want)
			}
			for _, s := range r.Solutions() {
				r.Check(t, s)
			}
		})
	}
}

// What New says when the chain cannot be brought up.
func TestBringUpFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		chips  int
		set    func(*spisim.A1)
		opts   Options
		want   []string
		noLine bool
	}{
		{name: "nothing there", chips: 0, want: []string{"no chip answers"}},
		{name: "fewer", chips: 4, opts: Options{Chips: 5}, want: []string{"found 4 chips, expected 5", "chip 5"}},
		{name: "more", chips: 6, opts: Options{Chips: 5}, want: []string{"found 6 chips, expected 5"}},
		{name: "first dead", chips: 4, set: func(s *spisim.A1) { s.SetFault(1, spisim.A1Fault{Dead: true}) }, want: []string{"no chip answers"}},
		{name: "third dead", chips: 4, set: func(s *spisim.A1) { s.SetFault(3, spisim.A1Fault{Dead: true}) }, want: []string{"chips 1 to 2 answer", "chip 3"}},
		{name: "all without clock", chips: 2, set: func(s *spisim.A1) {
			s.SetFault(1, spisim.A1Fault{NoLock: true})
			s.SetFault(2, spisim.A1Fault{NoLock: true})
		}, want: []string{"no chip is usable", "chip 2 cannot lock its clock"}},
		{name: "count is 0", chips: 2, set: func(s *spisim.A1) { s.SetNoCount(true) }, want: []string{"need a hardware reset"}},
		{name: "counted before", chips: 2, noLine: true, want: []string{"need a hardware reset"}},
		{name: "no bus", chips: 2, set: func(s *spisim.A1) { s.SetBroken(true) }, want: []string{"bus"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := spisim.NewA1(spisim.A1Config{Chips: c.chips})
				conn := connect(t, sim)
				if c.set != nil {
					c.set(sim)
				}
				if c.noLine {
					if _, err := New(t.Context(), conn, c.opts); err != nil {
						t.Fatal(err)
					}
				} else {
					c.opts.Reset = sim.Reset()
				}
				c.opts.Name = "left"
				begin := time.Now()
				_, err := New(t.Context(), conn, c.opts)
				for _, w := range append(c.want, "a1: ") {
					if err == nil || !strings.Contains(err.Error(), w) {
						t.Errorf("New = %v, want %q in it", err, w)
					}
				}
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("New took %v", d)
				}
			})
		})
	}
}

// One chip that does not come up does not keep the others from mining.
func TestPartOfChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 3, Scale: scale})
		sim.SetFault(2, spisim.A1Fault{NoLock: true})
		c := newChain(t, sim, Options{})
		r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
		time.Sleep(20 * time.Second)
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
		s := c.Status().Chips
		if s[0].Good < 80 || s[1].Good != 0 || s[2].Good < 80 || s[1].State != Resting {
			t.Errorf("chips %+v", s)
		}
	})
}

// When the bus goes away, Run says so soon and holds the chips in reset.
func TestBusFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 3, Scale: scale})
		c := newChain(t, sim, Options{Name: "left"})
		r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
		time.Sleep(time.Second)
		sim.SetBroken(true)
		time.Sleep(time.Second)
		err := r.Stop()
		if err == nil || !strings.Contains(err.Error(), "left") || !strings.Contains(err.Error(), "bus") {
			t.Errorf("Run = %v", err)
		}
		if sim.Stats(1).Busy {
			t.Error("chips hash on")
		}
	})
}

// When every chip has failed for good, Run ends and names them.
func TestAllFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 2, Scale: scale})
		c := newChain(t, sim, Options{})
		r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
		time.Sleep(time.Second)
		sim.SetFault(1, spisim.A1Fault{Mute: true})
		sim.SetFault(2, spisim.A1Fault{NoNonces: true})
		time.Sleep(4 * time.Minute)
		err := r.Stop()
		for _, want := range []string{"chip 1 does not answer", "chip 2 finds nothing"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Run = %v, want %q in it", err, want)
			}
		}
	})
}

// The same seed gives the same bytes.
func TestSameSeedSameTrace(t *testing.T) {
	var traces [2]string
	for i := range traces {
		synctest.Test(t, func(t *testing.T) {
			sim := spisim.NewA1(spisim.A1Config{Chips: 3, Scale: scale, Seed: 11})
			sim.SetErrorRate(1e-4)
			var trace spisim.Trace
			sim.Record(&trace)
			r := hashtest.Run(t, newChain(t, sim, Options{}), &hashtest.Source{Stock: -1})
			time.Sleep(5*time.Second + 7*time.Microsecond) // between two steps of the loop
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			traces[i] = fmt.Sprint(trace.Events)
		})
	}
	if traces[0] != traces[1] || len(traces[0]) < 10_000 {
		t.Errorf("traces of %d and %d bytes differ", len(traces[0]), len(traces[1]))
	}
}
