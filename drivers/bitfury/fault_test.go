package bitfury

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/internal/hashtest"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
)

// Faults of one of five chips while it mines: the chip is named within a minute,
// the others go on, and whatever is reported is true.
func TestFaults(t *testing.T) {
	const bad = 2 // the third
	for _, c := range []struct {
		name  string
		fault spisim.BitfuryFault
		why   string // in the chip's status; empty if it goes on
		reach int    // chips that still answer
		check func(ch ChipStatus) bool
	}{
		{name: "dead", fault: spisim.BitfuryFault{Dead: true}, why: "counter", reach: bad},
		{name: "garbage", fault: spisim.BitfuryFault{Garbage: true}, why: "does not answer", reach: 5},
		{name: "counter stuck", fault: spisim.BitfuryFault{Counter: true}, why: "counter", reach: 5},
		{name: "finds nothing", fault: spisim.BitfuryFault{NoNonces: true}, why: "finds nothing", reach: 5},
		{name: "only bad nonces", fault: spisim.BitfuryFault{BadNonces: 1}, why: "finds nothing", reach: 5},
		{name: "takes no job", fault: spisim.BitfuryFault{NoTake: true}, why: "", reach: 5,
			check: func(ch ChipStatus) bool { return ch.HardwareErrors == 0 }},
		{name: "ring out of step", fault: spisim.BitfuryFault{Shift: true}, reach: 5,
			check: func(ch ChipStatus) bool { return ch.HardwareErrors == 0 && ch.Duplicates == 0 && ch.Good > 20 }},
		{name: "some bad nonces", fault: spisim.BitfuryFault{BadNonces: 0.3}, reach: 5,
			check: func(ch ChipStatus) bool { return ch.HardwareErrors > 2 && ch.Good > 15 }},
		{name: "each nonce twice", fault: spisim.BitfuryFault{Twice: true}, reach: 5,
			check: func(ch ChipStatus) bool { return ch.HardwareErrors == 0 && ch.Good > 20 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := newSim(spisim.BitfuryConfig{Chips: 5, Seed: 3})
				chain := newChain(t, sim, Options{})
				r := hashtest.Run(t, chain, &hashtest.Source{Stock: -1})
				time.Sleep(10 * time.Second)
				sim.SetFault(bad, c.fault)
				before := chain.Status()
				const length = time.Minute
				time.Sleep(length)
				after := chain.Status()
				ch := after.Chips[bad]
				if !strings.Contains(ch.Fault, c.why) || (c.why == "") != (ch.Fault == "") && c.name != "takes no job" {
					t.Errorf("chip %d after a minute: %+v, want fault %q", bad, ch, c.why)
				}
				if c.check != nil && !c.check(ch) {
					t.Errorf("chip %d: %+v", bad, ch)
				}
				others(t, before, after, bad, c.reach, length)
				sim.SetFault(bad, spisim.BitfuryFault{})
				time.Sleep(2 * restTime)
				mended := chain.Status().Chips[bad]
				time.Sleep(30 * time.Second)
				if ch := chain.Status().Chips[bad]; ch.State != Good || ch.Good < mended.Good+5 {
					t.Errorf("without its fault the chip is %+v, then %+v", mended, ch)
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

// others holds the chips that work to what they promise.
func others(t *testing.T, before, after Status, bad, reach int, length time.Duration) {
	t.Helper()
	want := expected(length)
	for i := range after.Chips {
		good := float64(after.Chips[i].Good - before.Chips[i].Good)
		switch {
		case i == bad:
		case i < reach && (good < 0.5*want || after.Chips[i].Fault != ""):
			t.Errorf("chip %d found %v of about %.0f: %+v", i, good, want, after.Chips[i])
		case i >= reach && after.Chips[i].Fault == "":
			t.Errorf("chip %d behind the break is %+v", i, after.Chips[i])
		}
	}
}

// A noisy bus costs answers, never a wrong solution, and no chip for good.
func TestNoise(t *testing.T) {
	for _, rate := range []float64{1e-5, 1e-4, 1e-3} {
		synctest.Test(t, func(t *testing.T) {
			sim := newSim(spisim.BitfuryConfig{Chips: 4, Seed: 5})
			c := newChain(t, sim, Options{})
			r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
			sim.SetErrorRate(rate)
			const length = 10 * time.Minute
			time.Sleep(length)
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			var sum Tally
			for _, ch := range c.Status().Chips {
				sum.Good += ch.Good
				sum.HardwareErrors += ch.HardwareErrors
				sum.Duplicates += ch.Duplicates
				sum.Noise += ch.Noise
				if ch.Fault != "" {
					t.Errorf("error rate %g: %+v", rate, ch)
				}
			}
			t.Logf("error rate %g: %+v of about %.0f", rate, sum, 4*expected(length))
			if float64(sum.Good) < 0.9*4*expected(length) || sum.HardwareErrors > 20 || sum.Duplicates > 5 {
				t.Errorf("error rate %g: %+v of about %.0f", rate, sum, 4*expected(length))
			}
			for _, s := range r.Solutions() {
				r.Check(t, s)
			}
		})
	}
}

// What New says when the chips cannot be found.
func TestFindFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		chips int
		set   func(*spisim.Bitfury)
		opts  Options
		want  string
	}{
		{name: "nothing there", want: "no chip counts"},
		{name: "fewer", chips: 4, opts: Options{Chips: 5}, want: "found 4 chips, expected 5: chip 4"},
		{name: "more", chips: 6, opts: Options{Chips: 5}, want: "found 6 chips, expected 5"},
		{name: "first dead", chips: 4, set: func(s *spisim.Bitfury) { s.SetFault(0, spisim.BitfuryFault{Dead: true}) }, want: "no chip counts"},
		{name: "third dead", chips: 4, opts: Options{Chips: 4}, set: func(s *spisim.Bitfury) { s.SetFault(2, spisim.BitfuryFault{Dead: true}) }, want: "found 2 chips, expected 4: chip 2"},
		{name: "counter stuck", chips: 1, set: func(s *spisim.Bitfury) { s.SetFault(0, spisim.BitfuryFault{Counter: true}) }, want: "no chip counts"},
		{name: "garbage", chips: 1, set: func(s *spisim.Bitfury) { s.SetFault(0, spisim.BitfuryFault{Garbage: true}) }, want: "no chip counts"},
		{name: "no reset", chips: 1, opts: Options{Reset: func() error { return nil }}, want: "no chip counts"},
		{name: "reset fails", chips: 1, opts: Options{Reset: func() error { return fmt.Errorf("stuck") }}, want: "reset of the links: stuck"},
		{name: "no bus", chips: 1, set: func(s *spisim.Bitfury) { s.SetBroken(true) }, want: "bus"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := spisim.NewBitfury(spisim.BitfuryConfig{Chips: c.chips, NeedReset: true})
				conn := connect(t, sim)
				if c.set != nil {
					c.set(sim)
				}
				if c.opts.Reset == nil {
					c.opts.Reset = sim.ResetLinks
				}
				begin := time.Now()
				_, err := New(t.Context(), conn, c.opts)
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "bitfury: ") {
					t.Errorf("New = %v, want %q in it", err, c.want)
				}
				if d := time.Since(begin); d > 5*time.Second {
					t.Errorf("New took %v", d)
				}
			})
		})
	}
}

// When the bus goes away, Run says so soon, and that the chips may go on.
func TestBusFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(spisim.BitfuryConfig{Chips: 3})
		c := newChain(t, sim, Options{Name: "left"})
		r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
		time.Sleep(time.Second)
		sim.SetBroken(true)
		time.Sleep(time.Second)
		err := r.Stop()
		for _, want := range []string{"left", "bus", "chip 0 may go on hashing"} {
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
			sim := newSim(spisim.BitfuryConfig{Chips: 3, Seed: 11})
			sim.SetErrorRate(1e-4)
			var trace spisim.Trace
			sim.Record(&trace)
			r := hashtest.Run(t, newChain(t, sim, Options{}), &hashtest.Source{Stock: -1})
			time.Sleep(20*time.Second + 7*time.Microsecond) // between two steps of the loop
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
