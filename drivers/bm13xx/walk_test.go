package bm13xx

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
	"periph.io/x/conn/v3/physic"
)

// scribe is a port that notes all that is written.
type scribe struct {
	Port
	sent []sent
}

func (p *scribe) Write(b []byte) (int, error) {
	p.sent = append(p.sent, sent{at: time.Now(), frame: bytes.Clone(b)})
	return p.Port.Write(b)
}

// clockStep is when the PLL was set, and to what.
type clockStep struct {
	at  time.Time
	pll uint32
}

// steps are the clock's that went to all chips.
func (p *scribe) steps(m Model) (steps []clockStep) {
	for _, s := range p.sent {
		c, err := m.spec().wire.Parse(s.frame)
		if err != nil || c.Op != OpWrite || !c.All || c.Reg != m.spec().regs.pll {
			continue
		}
		if len(steps) == 0 || steps[len(steps)-1].pll != c.Value { // a BM1397 gets all twice
			steps = append(steps, clockStep{s.at, c.Value})
		}
	}
	return steps
}

// ladder are the steps that lead from one clock to another, without the first.
func ladder(t *testing.T, m Model, from, to physic.Frequency) (values []uint32) {
	t.Helper()
	for from != to {
		from = towards(from, to)
		pll, err := m.PLL(from)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, pll.Register())
	}
	return values
}

func checkSteps(t *testing.T, steps []clockStep, want []uint32) {
	t.Helper()
	var got []uint32
	for i, s := range steps {
		got = append(got, s.pll)
		if i > 0 && s.at.Sub(steps[i-1].at) < rampPause {
			t.Errorf("step %d comes %v after the one before", i, s.at.Sub(steps[i-1].at))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the PLL was set to %x, want %x", got, want)
	}
}

// Every chip mines from the start clock on, while the clock walks to its goal in
// ESP-Miner's steps: it finds what it should at each, all of it right.
func TestMineWhileTheClockWalks(t *testing.T) {
	for _, m := range Models() {
		t.Run(m.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ticket := m.spec().usualTicket(m.spec().nominal) / 4 // each chip finds two in a second
				r := newRig(t, chipsim.Config{Model: m.String(), Chips: 12, Seed: 4, HashBudget: 5e4}, Options{Chips: 12, Ticket: ticket})
				port := &scribe{Port: r.chain.port}
				r.chain.port = port
				r.start()
				want := 0.0
				var first time.Time
				for range 1000 {
					time.Sleep(20 * ms)
					s := r.chain.Status()
					if s.Good > 0 && first.IsZero() {
						first = time.Now()
					}
					want += s.HashRate * 0.02 / s.ResultHashes
					clock := s.ChipStatus[2].Clock
					if is := r.sim.Status().Chips[2].MHz; math.Abs(is-float64(clock)/float64(mhz)) > 7 {
						t.Errorf("the chips run at %v MHz, Status says %v", is, clock)
					}
					if best, err := m.PLL(r.goal); err == nil && best.Frequency() == clock {
						break
					}
				}
				end := time.Now()
				s := r.chain.Status()
				t.Logf("%d results of %.0f expected until the clock is at %v", s.Good, want, r.goal)
				least := 0.9
				if m == BM1397 {
					least = 0.6 // no job is sent while its PLL is written, which takes 50 ms
				}
				if got := float64(s.Good); got < least*want-4*math.Sqrt(want) || got > 1.1*want+4*math.Sqrt(want) {
					t.Errorf("%v results until the clock was there, want about %.0f", got, want)
				}
				if first.IsZero() || end.Sub(first) < time.Second {
					t.Errorf("the first result came at %v, the clock was there at %v", first, end)
				}
				time.Sleep(5 * time.Second)
				r.end()
				checkSteps(t, port.steps(m), ladder(t, m, r.chain.startClock(), r.goal))
				r.check()
				s = r.chain.Status()
				if s.HardwareErrors+s.Lost+s.Unasked+s.Noise+s.Stray.Good > 0 || s.Duplicates > s.Good/100+1 {
					t.Errorf("%+v, stray %+v, %d unasked, %d bytes of noise", s.Tally, s.Stray, s.Unasked, s.Noise)
				}
				r.breaches()
			})
		})
	}
}

// Until there is work the clock walks. A pause afterwards holds it, as far as it
// goes up, and work lets it go on.
func TestPauseHoldsTheClock(t *testing.T) {
	for _, m := range []Model{BM1370, BM1397} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Model: m.String(), Chips: 3, Seed: 4}, Options{Chips: 3})
			clock := func() float64 { return r.sim.Status().Chips[2].MHz }
			pause := func(is bool) {
				r.works.setDry(is)
				r.feed.Change()
				time.Sleep(time.Second)
			}
			r.works.setDry(true)
			r.start()
			time.Sleep(2 * time.Second)
			early := clock()
			pause(false)
			busy := clock()
			pause(true)
			held, s := clock(), r.chain.Status()
			time.Sleep(time.Minute)
			if now := clock(); early < 100 || busy <= early || now != held {
				t.Errorf("%v MHz without work, then %v, %v when paused, %v a minute later", early, busy, held, now)
			}
			if now := r.chain.Status(); now.Good != s.Good || now.ChipStatus[1].Health != Alive {
				t.Errorf("in a pause: %+v, chips %+v", now.Tally, now.ChipStatus)
			}
			low := physic.Frequency(held-20) * mhz
			if err := r.chain.SetFrequency(t.Context(), low); err != nil || math.Abs(clock()-held+20) > 3 {
				t.Errorf("%v MHz, want 20 less than %v: %v", clock(), held, err)
			}
			r.works.setDry(false)
			r.feed.Change()
			r.walked()
			time.Sleep(20 * time.Second)
			for _, c := range r.chain.Status().ChipStatus {
				if c.Good == 0 || c.Health != Alive {
					t.Errorf("after the pause: %+v", c)
				}
			}
			r.end()
			r.check()
			r.breaches()
		})
	}
}

// Another goal holds at once, and so does the end: not one step more is taken.
func TestWalkEndsAtOnce(t *testing.T) {
	for _, m := range []Model{BM1366, BM1387} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Model: m.String(), Chips: 3, Seed: 4}, Options{Chips: 3})
			port := &scribe{Port: r.chain.port}
			r.chain.port = port
			r.start()
			time.Sleep(3050 * ms)
			if err := r.chain.SetFrequency(t.Context(), 100*mhz); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			start, steps := r.chain.startClock(), port.steps(m)
			up := ladder(t, m, start, r.goal)[:30]
			checkSteps(t, steps, append(up, ladder(t, m, start+30*rampStep, 100*mhz)...))
			go func() { _ = r.chain.SetFrequency(t.Context(), r.goal) }()
			time.Sleep(1550 * ms)
			begin := time.Now()
			r.end()
			if d := time.Since(begin); d > lineTime {
				t.Errorf("Run took %v to end", d)
			}
			if last := port.steps(m); len(last) > len(steps)+16 || last[len(last)-1].at.After(begin) {
				t.Errorf("%d steps in 1.55 s, the last %v after the end", len(last)-len(steps), last[len(last)-1].at.Sub(begin))
			}
			r.check()
			r.breaches()
		})
	}
}

// The same jobs give the same bytes at the same times.
func TestWalkIsDeterministic(t *testing.T) {
	trace := func() (all []sent) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Model: "BM1362", Chips: 126, Domains: 42, Seed: 4}, Options{Chips: 126, Baud: 3125000})
			port := &scribe{Port: r.chain.port}
			r.chain.port = port
			begin := time.Now()
			r.start()
			for range 4 {
				time.Sleep(1777 * ms)
				r.feed.Change()
			}
			time.Sleep(time.Second)
			r.end()
			for _, s := range port.sent {
				all = append(all, sent{at: time.Time{}.Add(s.at.Sub(begin)), frame: s.frame})
			}
		})
		return all
	}
	a, b := trace(), trace()
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || !a[i].at.Equal(b[i].at) || !bytes.Equal(a[i].frame, b[i].frame) {
			t.Fatalf("%d and %d frames; they differ from number %d on", len(a), len(b), i)
		}
	}
}

// Chips with a clock each walk together as far as their way is the same, at the pace
// of one.
func TestWalkApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const chips = 77
		r := newRig(t, chipsim.Config{Model: "BM1366", Chips: chips, Domains: 11, Seed: 4}, Options{Chips: chips, Baud: 3125000})
		want := slices.Repeat([]physic.Frequency{450 * mhz}, chips)
		want[5], want[76] = 500*mhz, 475*mhz
		r.start()
		begin := time.Now()
		if err := r.chain.SetFrequencies(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d > 7500*ms {
			t.Errorf("450 MHz took %v, want 72 steps of 100 ms", d)
		}
		for i, c := range r.sim.Status().Chips {
			if math.Abs(c.MHz-float64(want[i]/mhz)) > 1 {
				t.Errorf("chip %d runs at %v MHz, want %v", i, c.MHz, want[i])
			}
		}
		r.endsClean()
	})
}

// A clock for one chip does not end the walk of the others.
func TestOneOfThemWalksElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Model: "BM1366", Chips: 3, Seed: 4}, Options{Chips: 3, Frequency: 200 * mhz})
		r.start()
		time.Sleep(time.Second)
		if err := r.chain.SetChipFrequency(t.Context(), 1, 150*mhz); err != nil {
			t.Fatal(err)
		}
		for i, c := range r.chain.Status().ChipStatus {
			if want := []physic.Frequency{200, 150, 200}[i] * mhz; c.Clock != want {
				t.Errorf("chip %d runs at %v, want %v", i, c.Clock, want)
			}
		}
		r.end()
		r.check()
		r.breaches()
	})
}

// How long a chip may find nothing is a matter of the clocks that it had.
func TestSilenceAtOtherClocks(t *testing.T) {
	now := time.Now()
	c := chip{good: now.Add(-40 * time.Second), clock: 100 * mhz}
	c.tune(400*mhz, now)
	if d := now.Sub(c.good); d != 10*time.Second {
		t.Errorf("40 s at 100 MHz are %v at 400 MHz, want 10 s", d)
	}
	c.tune(200*mhz, now.Add(10*time.Second))
	if d := now.Add(10 * time.Second).Sub(c.good); d != 40*time.Second {
		t.Errorf("20 s at 400 MHz are %v at 200 MHz, want 40 s", d)
	}
	fresh := chip{}
	if fresh.tune(400*mhz, now); !fresh.good.IsZero() {
		t.Error("a chip that has had no job is taken to wait for a result")
	}
}
