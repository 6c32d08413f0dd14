package a1

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/hashtest"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// ticket is easy enough for a test: one in 512 hashes. scale makes the chips
// find as many as real ones find of difficulty 1.
const (
	ticket = 0x1f7fffff
	scale  = 1 << 23
)

func connect(t *testing.T, p spi.Port) spi.Conn {
	t.Helper()
	conn, err := Connect(p, 0)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func newChain(t *testing.T, sim *spisim.A1, opts Options) *Chain {
	t.Helper()
	opts.Reset, opts.Ticket, opts.Scale = sim.Reset(), ticket, scale
	c, err := New(t.Context(), connect(t, sim), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A chain of any size keeps every chip fed and finds as many solutions as its
// rate promises; all are real.
func TestMines(t *testing.T) {
	for _, chips := range []int{1, 2, 5, 16, 64} {
		synctest.Test(t, func(t *testing.T) {
			sim := spisim.NewA1(spisim.A1Config{Chips: chips, Scale: scale, Seed: 7, Lock: 30 * time.Millisecond, Timed: true})
			c := newChain(t, sim, Options{Chips: chips, Name: "chain 0"})
			if want := 25.6e9 * float64(chips) / scale; c.HashRate() != want {
				t.Errorf("HashRate = %g, want %g", c.HashRate(), want)
			}
			r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
			const length = 6 * time.Second
			time.Sleep(length)
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			target, _ := bitcoin.CompactTarget(ticket)
			want := 25.6e9 * float64(chips) * length.Seconds() / scale / target.Hashes()
			got := r.Solutions()
			if n := float64(len(got)); n < want-5*sqrt(want)-3 || n > want+5*sqrt(want) {
				t.Errorf("%d chips: %v solutions, want about %.0f", chips, n, want)
			}
			for _, s := range got {
				r.Check(t, s)
			}
			checkFed(t, sim, c, chips, length)
		})
	}
}

// Chips that read midstates in the other order of bytes give wrong results for
// a moment, and right ones from then on.
func TestWordOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 4, Scale: scale, Seed: 7, BigWords: true})
		c := newChain(t, sim, Options{Chips: 4})
		r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
		time.Sleep(10 * time.Second)
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
		good, wrong := 0, uint64(0)
		for _, s := range r.Solutions() {
			r.Check(t, s)
			good++
		}
		for _, ch := range c.Status().Chips {
			wrong += ch.HardwareErrors
		}
		target, _ := bitcoin.CompactTarget(ticket)
		want := 25.6e9 * 4 * 10 / scale / target.Hashes()
		if float64(good) < want*0.7 || wrong < orderTries || wrong > 10*orderTries || !c.order.big {
			t.Errorf("%d solutions of %.0f, %d wrong", good, want, wrong)
		}
	})
}

func sqrt(x float64) float64 {
	y := x
	for range 30 {
		y = (y + x/y) / 2
	}
	return y
}

// checkFed looks at both ends: no chip idle for long, every nonce counted, the
// chips quiet in the end, no complaint from the chain.
func checkFed(t *testing.T, sim *spisim.A1, c *Chain, chips int, length time.Duration) {
	t.Helper()
	for i, ch := range c.Status().Chips {
		s := sim.Stats(i + 1)
		if s.Idle > length/50+400*time.Millisecond || s.Lost != 0 || s.Busy {
			t.Errorf("%d chips: chip %d idle for %v, lost %d nonces, busy in the end: %v", chips, i+1, s.Idle, s.Lost, s.Busy)
		}
		if ch.HardwareErrors != 0 || ch.Duplicates != 0 || ch.State != Good || s.Clock != 0 {
			t.Errorf("%d chips: %+v, clock in the end %v", chips, ch, s.Clock)
		}
	}
	if r := sim.Reports(); len(r) > 0 {
		t.Errorf("%d chips: the chain complains: %q", chips, r)
	}
}

// Run can be called again: the chips are brought up anew.
func TestRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 2, Scale: scale})
		c := newChain(t, sim, Options{})
		for i := range 3 {
			r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
			time.Sleep(4 * time.Second)
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			if len(r.Solutions()) == 0 {
				t.Errorf("run %d found nothing", i)
			}
			if s := sim.Stats(1); s.Busy {
				t.Error("hashes after Run has returned")
			}
		}
	})
}

// A new block reaches the chips within a flush and a job frame, and what is
// found for the old one counts as stale.
func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const chips = 8
		sim := spisim.NewA1(spisim.A1Config{Chips: chips, Scale: scale / 8, Timed: true})
		c := newChain(t, sim, Options{})
		src := &hashtest.Source{Stock: -1}
		r := hashtest.Run(t, c, src)
		worst := time.Duration(0)
		for range 20 {
			time.Sleep(331 * time.Millisecond)
			src.Set(-1)
			begin := time.Now()
			r.Feed.Change()
			time.Sleep(50 * time.Millisecond)
			worst = max(worst, src.First().Sub(begin))
		}
		// A read and a job to the last chip may be under way, then comes the
		// flush: 168 bytes of 4 us.
		t.Logf("first new work %v after the change", worst)
		if worst > 700*time.Microsecond {
			t.Errorf("first new work is asked for %v after the change", worst)
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
		var stale, errors uint64
		for _, ch := range c.Status().Chips {
			stale, errors = stale+ch.Stale, errors+ch.HardwareErrors
		}
		if stale == 0 || errors != 0 {
			t.Errorf("%d stale nonces, %d hardware errors, want some and none", stale, errors)
		}
	})
}

// Without work the chips go idle and stay it; with work they go on.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 3, Scale: scale})
		c := newChain(t, sim, Options{})
		src := &hashtest.Source{Stock: -1}
		r := hashtest.Run(t, c, src)
		time.Sleep(time.Second)
		src.Set(0)
		r.Feed.Change()
		time.Sleep(20 * time.Millisecond)
		if sim.Stats(2).Busy {
			t.Error("busy 20 ms after the pause began")
		}
		time.Sleep(5 * time.Minute)
		if s := c.Status().Chips[0]; s.State != Good {
			t.Errorf("chip without work is %+v", s)
		}
		src.Set(-1)
		r.Feed.Change()
		time.Sleep(20 * time.Millisecond)
		if !sim.Stats(2).Busy {
			t.Error("idle 20 ms after the pause ended")
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSetClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 2, Scale: scale, Cores: []int{32, 28}})
		c := newChain(t, sim, Options{})
		r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
		time.Sleep(time.Second)
		if err := c.SetClock(1100 * physic.MegaHertz); err == nil || !strings.Contains(err.Error(), "limit") {
			t.Errorf("SetClock above the limit: %v", err)
		}
		if err := c.SetClock(500 * physic.MegaHertz); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for i := 1; i <= 2; i++ {
			if got := sim.Stats(i).Clock; got != 500*physic.MegaHertz {
				t.Errorf("chip %d at %v, want 500 MHz", i, got)
			}
		}
		if err := c.SetClock(900 * physic.MegaHertz); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if a, b := sim.Stats(1).Clock, sim.Stats(2).Clock; a != 900*physic.MegaHertz || b != 600*physic.MegaHertz {
			t.Errorf("clocks %v, %v; want 900 MHz, and 600 MHz for the weak chip", a, b)
		}
		if want := (32*900 + 28*600) * 1e6 / scale; c.HashRate() != want {
			t.Errorf("HashRate %g, want %g", c.HashRate(), want)
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSolvePLL(t *testing.T) {
	for _, c := range []struct {
		ref, clock physic.Frequency
		reg        string
		made       physic.Frequency
	}{
		{16, 800, "\x42\x32", 800}, // captures
		{12, 660, "\x42\x37", 660},
		{16, 1000, "\x82\x7d", 1000},
		{12, 700, "\x46\xaf", 700},
		{16, 602, "\xc5\x2d", 602},
	} {
		p, err := SolvePLL(c.ref*physic.MegaHertz, c.clock*physic.MegaHertz)
		reg := p.Register()
		if err != nil || string(reg[:2]) != c.reg || p.Clock(c.ref*physic.MegaHertz) != c.made*physic.MegaHertz {
			t.Errorf("SolvePLL(%d, %d) = %v (% x), %v", c.ref, c.clock, p, reg[:2], err)
		}
		if back, ok := reg.PLL(); !ok || back != p {
			t.Errorf("register % x reads as %v, %v", reg, back, ok)
		}
	}
	for _, bad := range []physic.Frequency{0, -1, physic.Hertz, 11 * physic.GigaHertz} {
		if p, err := SolvePLL(16*physic.MegaHertz, bad); err == nil {
			t.Errorf("SolvePLL of %v = %v", bad, p)
		}
	}
}

// No clock is above what was asked for, nor far below.
func TestSolvePLLNearest(t *testing.T) {
	for kHz := physic.Frequency(50_001); kHz < 1_200_000; kHz += 997 {
		want := kHz * physic.KiloHertz
		p, err := SolvePLL(12*physic.MegaHertz, want)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Clock(12 * physic.MegaHertz); got > want || want-got > want/100 {
			t.Fatalf("SolvePLL(%v) = %v, which makes %v", want, p, got)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{
		{Chips: -1}, {Chips: MaxChips + 1}, {Poll: time.Minute}, {Poll: -1}, {Ticket: 0xffffffff}, {Ticket: 1},
		{Clock: 1001 * physic.MegaHertz}, {Clock: 900 * physic.MegaHertz, MaxClock: 800 * physic.MegaHertz},
		{Reference: physic.KiloHertz},
	} {
		sim := spisim.NewA1(spisim.A1Config{Chips: 1})
		if _, err := New(t.Context(), connect(t, sim), o); err == nil || !strings.HasPrefix(err.Error(), "a1: ") {
			t.Errorf("New with %+v: %v", o, err)
		}
	}
	if _, err := Connect(spisim.NewA1(spisim.A1Config{Chips: 1}), 5*physic.MegaHertz); err == nil {
		t.Error("Connect at 5 MHz")
	}
}

// sameWork gives the same header under a new number each time, and keeps nothing.
type sameWork struct {
	next   uint64
	header bitcoin.Header
	target bitcoin.Target
}

func (s *sameWork) Work(hashing.Traits) (hashing.Work, time.Duration, bool) {
	s.next++
	return hashing.Work{ID: s.next, Header: s.header, Target: s.target}, 0, true
}

// steady is a chain in the middle of mining, for benchmarks and counts.
func steady(t testing.TB, chips int) (turn func() int) {
	t.Helper()
	sim := spisim.NewA1(spisim.A1Config{Chips: chips, Scale: 1 << 19})
	conn, err := sim.Connect(DefaultSpeed, Mode, 8)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(t.Context(), conn, Options{Ticket: 0x2000ffff, Reset: sim.Reset(), Scale: 1 << 19})
	if err != nil {
		t.Fatal(err)
	}
	feed := hashing.NewFeed(&sameWork{target: c.ticket})
	c.changed = feed.Changed()
	found := 0
	report := func(hashing.Solution) { found++ }
	return func() int {
		if _, err := c.turn(t.Context(), feed, report); err != nil {
			t.Fatal(err)
		}
		return found
	}
}

// Nothing is allocated for a job or a nonce.
func TestTurnDoesNotAllocate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := steady(t, 4)
		found := 0
		n := testing.AllocsPerRun(100, func() {
			time.Sleep(2 * time.Millisecond) // for the chips to find something
			found = turn()
		})
		if n != 0 || found == 0 {
			t.Errorf("%v allocations in a turn, %d nonces found", n, found)
		}
	})
}

func TestStatusNamesChips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := spisim.NewA1(spisim.A1Config{Chips: 4, Cores: []int{32, 29, 25, 32}})
		c := newChain(t, sim, Options{Name: "left"})
		var states []State
		for _, ch := range c.Status().Chips {
			states = append(states, ch.State)
		}
		if want := []State{Good, Weak, Broken, Good}; !slices.Equal(states, want) {
			t.Errorf("states %v, want %v", states, want)
		}
		if c.String() != "left (4 A1 chips)" || sim.Stats(3).Clock != 400*physic.MegaHertz {
			t.Errorf("%v; broken chip at %v", c, sim.Stats(3).Clock)
		}
	})
}
