package bitfury

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
	"github.com/lodefw/lode/internal/hashtest"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/pin"
	"periph.io/x/conn/v3/spi"
)

// One in 512 hashes is a hit, and a hash of the model stands for 2^23 of a chip:
// together as many as real chips find.
const scale = 1 << 23

func ticket() bitcoin.Target {
	t, _ := bitcoin.CompactTarget(0x1f7fffff)
	return t
}

func connect(t testing.TB, p spi.Port) spi.Conn {
	t.Helper()
	conn, err := Connect(p, 0)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func newSim(cfg spisim.BitfuryConfig) *spisim.Bitfury {
	cfg.Target, cfg.Scale = ticket(), scale
	return spisim.NewBitfury(cfg)
}

func newChain(t testing.TB, sim *spisim.Bitfury, opts Options) *Chain {
	t.Helper()
	opts.Reset, opts.Ticket, opts.Scale = sim.ResetLinks, ticket(), scale
	c, err := New(t.Context(), connect(t, sim), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// expected is how many nonces a chip finds in a time at 54 bits.
func expected(d time.Duration) float64 { return 2.5e9 * d.Seconds() / scale / 512 }

// A chain of any size keeps every chip busy with work of its own and finds as
// many solutions as its rate promises; all are real.
func TestMines(t *testing.T) {
	for _, chips := range []int{1, 2, 16, 64} {
		synctest.Test(t, func(t *testing.T) {
			sim := newSim(spisim.BitfuryConfig{Chips: chips, Seed: 7, NeedReset: true, Timed: true})
			c := newChain(t, sim, Options{Chips: chips, Name: "chain 0"})
			if sim.Stats(0).Busy {
				t.Error("chips hash before Run")
			}
			r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
			const length = time.Minute
			time.Sleep(length)
			if got := c.HashRate() * scale; math.Abs(got-2.5e9*float64(chips)) > 0.02*got {
				t.Errorf("%d chips: hash rate %.3g by their counters", chips, got)
			}
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			want := expected(length) * float64(chips)
			got := r.Solutions()
			if n := float64(len(got)); math.Abs(n-want) > 5*math.Sqrt(want)+3*float64(chips) {
				t.Errorf("%d chips: %v solutions, want about %.0f", chips, n, want)
			}
			for _, s := range got {
				r.Check(t, s)
			}
			for i, ch := range c.Status().Chips {
				s := sim.Stats(i)
				if ch.HardwareErrors != 0 || ch.Duplicates != 0 || ch.State != Good || s.Repeated != 0 || s.Busy || s.Jobs < 40 {
					t.Errorf("%d chips: %+v, %+v", chips, ch, s)
				}
			}
			if r := sim.Reports(); len(r) > 0 {
				t.Errorf("%d chips: the chain complains: %q", chips, r)
			}
		})
	}
}

// The headers with known nonces, through the whole driver.
func TestFindsKnownNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		header, err := genesis()
		if err != nil {
			t.Fatal(err)
		}
		var raw [bitcoin.HeaderSize]byte
		header.Put(&raw)
		const nonce = 0x7c2bac1d
		sim := spisim.NewBitfury(spisim.BitfuryConfig{Chips: 2, NoSearch: true,
			Known: []spisim.Known{{Midstate: sha256d.Midstate(&raw), Nonce: nonce}}})
		c, err := New(t.Context(), connect(t, sim), Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := hashtest.Run(t, c, &hashtest.Source{Stock: 1, Header: &header})
		time.Sleep(5 * time.Second)
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
		got := r.Solutions()
		if len(got) != 1 || got[0].Nonce != nonce {
			t.Errorf("found %+v, want nonce %08x", got, nonce)
		}
	})
}

func genesis() (bitcoin.Header, error) {
	root, err := bitcoin.ParseHash("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")
	return bitcoin.Header{Version: 1, MerkleRoot: root, NTime: 1231006505, NBits: 0x1d00ffff}, err
}

func TestRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(spisim.BitfuryConfig{Chips: 2})
		c := newChain(t, sim, Options{})
		for i := range 3 {
			before := c.Status().Chips[1].Good
			r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
			time.Sleep(30 * time.Second)
			if err := r.Stop(); err != nil {
				t.Fatal(err)
			}
			if c.Status().Chips[1].Good-before < 5 || sim.Stats(1).Busy {
				t.Errorf("run %d: %+v, %+v", i, c.Status().Chips[1], sim.Stats(1))
			}
		}
	})
}

// A new block gets to every chip at once as its next job; what it still finds
// for the old one is stale, and none is lost or wrong.
func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(spisim.BitfuryConfig{Chips: 8, Timed: true})
		c := newChain(t, sim, Options{})
		src := &hashtest.Source{Stock: -1}
		r := hashtest.Run(t, c, src)
		worst := time.Duration(0)
		for range 60 {
			time.Sleep(1733 * time.Millisecond)
			src.Set(-1)
			begin := time.Now()
			r.Feed.Change()
			time.Sleep(50 * time.Millisecond)
			worst = max(worst, src.First().Sub(begin))
		}
		t.Logf("first new work %v after the change", worst)
		if worst > 200*time.Microsecond { // a message is 87 bytes of 2 us
			t.Errorf("first new work is asked for %v after the change", worst)
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
		var sum Tally
		for i, ch := range c.Status().Chips {
			sum.Good += ch.Good
			sum.Stale += ch.Stale
			sum.HardwareErrors += ch.HardwareErrors
			if s := sim.Stats(i); s.Found < ch.Good+ch.Stale || s.Found > ch.Good+ch.Stale+3 {
				t.Errorf("chip %d found %d, counted %+v", i, s.Found, ch.Tally)
			}
		}
		if sum.Good < 100 || sum.Stale < 20 || sum.HardwareErrors != 0 {
			t.Errorf("%+v", sum)
		}
	})
}

// Without work the chips are off; with work they go on.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(spisim.BitfuryConfig{Chips: 3})
		c := newChain(t, sim, Options{})
		src := &hashtest.Source{Stock: -1}
		r := hashtest.Run(t, c, src)
		time.Sleep(10 * time.Second)
		src.Set(0)
		r.Feed.Change()
		time.Sleep(time.Millisecond)
		if sim.Stats(2).Busy {
			t.Error("busy 1 ms after the pause began")
		}
		time.Sleep(5 * time.Minute)
		before := c.Status().Chips[2]
		src.Set(-1)
		r.Feed.Change()
		time.Sleep(30 * time.Second)
		after := c.Status().Chips[2]
		if before.State != Good || before.Fault != "" || after.Good < before.Good+5 || after.HardwareErrors != 0 {
			t.Errorf("chip was %+v in the pause and %+v after it", before, after)
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestSetOscillator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := newSim(spisim.BitfuryConfig{Chips: 2})
		c := newChain(t, sim, Options{MaxBits: 55})
		r := hashtest.Run(t, c, &hashtest.Source{Stock: -1})
		time.Sleep(5 * time.Second)
		for _, bad := range []int{0, 29, 56, 64} {
			if err := c.SetOscillator(bad); err == nil {
				t.Errorf("SetOscillator(%d) is taken", bad)
			}
		}
		if err := c.SetOscillator(40); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if got, want := c.HashRate()*scale, 2*2.5e9*40/54.; math.Abs(got-want) > 0.02*want || sim.Stats(1).Bits != 40 {
			t.Errorf("%.3g hashes per second at %d bits, want %.3g", got, sim.Stats(1).Bits, want)
		}
		if err := r.Stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{
		{Chips: -1}, {Chips: MaxChips + 1}, {Poll: time.Minute}, {Poll: -1}, {Bits: 57}, {Bits: 12}, {MaxBits: 57}, {Bits: 54, MaxBits: 50},
	} {
		if _, err := New(t.Context(), connect(t, newSim(spisim.BitfuryConfig{Chips: 1})), o); err == nil || !strings.HasPrefix(err.Error(), "bitfury: ") {
			t.Errorf("New with %+v: %v", o, err)
		}
	}
}

// wire is a pin that remembers its levels.
type wire struct {
	pin.BasicPin
	levels string
	f      pin.Func
	fail   bool
}

func (w *wire) Out(l gpio.Level) error {
	if w.fail {
		return fmt.Errorf("stuck")
	}
	w.levels += map[gpio.Level]string{gpio.Low: "0", gpio.High: "1"}[l]
	w.f = gpio.OUT
	return nil
}
func (w *wire) PWM(gpio.Duty, physic.Frequency) error { return nil }
func (w *wire) Func() pin.Func                        { return w.f }
func (w *wire) SupportedFuncs() []pin.Func            { return nil }
func (w *wire) SetFunc(f pin.Func) error              { w.f = f; return nil }

func TestLines(t *testing.T) {
	clock, data := &wire{f: spi.CLK}, &wire{f: spi.MOSI}
	l := Lines{Clock: clock, Data: data}
	if err := l.Reset(); err != nil {
		t.Fatal(err)
	}
	if clock.levels != "10" || data.levels != strings.Repeat("10", toggles) {
		t.Errorf("clock %s, data %s", clock.levels, data.levels)
	}
	if clock.f != spi.CLK || data.f != spi.MOSI {
		t.Errorf("the bus did not get its wires back: %v, %v", clock.f, data.f)
	}
	data.fail = true
	if err := l.Reset(); err == nil || clock.f != spi.CLK {
		t.Errorf("Reset with a stuck line: %v, clock is %v", err, clock.f)
	}
}

// sameWork gives the same header under a new number each time, and keeps nothing.
type sameWork struct {
	next   uint64
	target bitcoin.Target
}

func (s *sameWork) Work(hashing.Traits) (hashing.Work, time.Duration, bool) {
	s.next++
	return hashing.Work{ID: s.next, Target: s.target}, 0, true
}

// Nothing is allocated for a job or a nonce.
func TestTurnDoesNotAllocate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		easy, _ := bitcoin.CompactTarget(0x2000ffff)
		sim := spisim.NewBitfury(spisim.BitfuryConfig{Chips: 2, Target: easy, Scale: 1 << 16})
		c, err := New(t.Context(), connect(t, sim), Options{Ticket: easy, Scale: 1 << 16})
		if err != nil {
			t.Fatal(err)
		}
		feed := hashing.NewFeed(&sameWork{target: easy})
		c.changed = feed.Changed()
		found := 0
		report := func(hashing.Solution) { found++ }
		n := testing.AllocsPerRun(100, func() {
			time.Sleep(5 * time.Millisecond)
			if err := c.turn(t.Context(), feed, report); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 || found == 0 {
			t.Errorf("%v allocations in a turn, %d nonces found", n, found)
		}
	})
}

func BenchmarkJob(b *testing.B) {
	var m message
	var words [jobWords]uint32
	h := bitcoin.Header{Version: 0x20000000}
	b.ReportAllocs()
	for b.Loop() {
		h.Version++
		fillJob(&words, &h)
		m.begin(3)
		m.write(addrJob, words[:])
	}
}

func BenchmarkAnswer(b *testing.B) {
	raw := make([]byte, 83)
	b.ReportAllocs()
	for b.Loop() {
		if a, ok := parseAnswer(raw, 3); !ok || !a.Valid() {
			b.Fatal("no answer")
		}
	}
}

// The worst case: no offset is right.
func BenchmarkFixNonce(b *testing.B) {
	var h bitcoin.Header
	var none bitcoin.Target
	b.ReportAllocs()
	for b.Loop() {
		FixNonce(&h, 1, &none)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(strings.Repeat("\x00\x01\x02\xff", 20)), 1, uint32(0x52e6b438))
	f.Add([]byte{}, 0, uint32(0))
	f.Add(make([]byte, 71), 0, uint32(1))
	f.Add(make([]byte, 72), 0, uint32(1))
	f.Add(make([]byte, 72), math.MaxInt, uint32(1))
	f.Fuzz(func(t *testing.T, b []byte, chip int, word uint32) {
		a, ok := parseAnswer(b, chip)
		if ok != (chip >= 0 && chip <= len(b) && len(b) >= 72+chip) {
			t.Fatalf("parseAnswer of %d bytes for chip %d: %v", len(b), chip, ok)
		}
		if ok && bits.Reverse8(b[4+chip]) != byte(a.Ring[0]) {
			t.Errorf("first word %08x of % x", a.Ring[0], b)
		}
		// Decoding loses nothing: another word gives another nonce.
		for i := range 32 {
			if DecodeNonce(word) == DecodeNonce(word^1<<i) {
				t.Errorf("%08x and %08x decode alike", word, word^1<<i)
			}
		}
	})
}
