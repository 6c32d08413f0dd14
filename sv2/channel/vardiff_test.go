package channel

import (
	"flag"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// A trial is a device on virtual time whose shares arrive at random (a Poisson
// process), half a second at a time; it takes up a new target half a second late.
type trial struct {
	v     *Vardiff
	rng   *rand.Rand
	now   time.Time
	held  float64 // expected work of a share at the device's target
	steps int     // changes of target
	last  time.Time
}

const tick = 500 * time.Millisecond

func newTrial(seed uint64, c VardiffConfig) *trial {
	v := NewVardiff(c, start)
	return &trial{v: v, rng: rand.New(rand.NewPCG(seed, 1)), now: start, held: v.Target().Hashes(), last: start}
}

// run lets the device hash at a rate for a while; each is told every tick.
func (r *trial) run(rate float64, d time.Duration, each func()) {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(tick)
		if n := poisson(r.rng, rate*tick.Seconds()/r.held); n > 0 {
			r.v.count(n, r.held, r.now)
		}
		r.held = r.v.Target().Hashes()
		if _, changed := r.v.Check(r.now); changed {
			r.steps++
			r.last = r.now
		}
		if each != nil {
			each()
		}
	}
}

func poisson(rng *rand.Rand, mean float64) float64 {
	if mean > 100 {
		return math.Round(max(0, mean+math.Sqrt(mean)*rng.NormFloat64()))
	}
	n, p := 0.0, rng.Float64()
	for q := math.Exp(-mean); p > q; n++ {
		p *= rng.Float64()
	}
	return n
}

func quantile(list []float64, q float64) float64 {
	slices.Sort(list)
	return list[int(q*float64(len(list)-1))]
}

var trialsFlag = flag.Int("trials", 0, "seeds for each figure of the vardiff tests; 0 is few, or very few where they are slow")

// seeds are what each figure rests on.
func seeds() []uint64 {
	n := *trialsFlag
	switch {
	case n > 0:
	case testing.Short() || strconv.IntSize == 32: // as under an emulator
		n = 4
	default:
		n = 60
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = uint64(i)
	}
	return list
}

// TestVardiffConverges opens a channel with a claim that is wrong by up to a factor
// of 100 000 and asks when the target stands still for five minutes, as the
// reference implementation's simulation does, and how good it is then.
func TestVardiffConverges(t *testing.T) {
	for _, row := range []struct {
		name          string
		spm           float64
		claim, truth  float64
		middle, worst float64 // seconds
	}{
		{"10 GH/s is 1 PH/s", 6, 1e10, 1e15, 180, 480},
		{"1 TH/s is 200 TH/s", 6, 1e12, 2e14, 180, 480},
		{"1 TH/s is 10 MH/s", 6, 1e12, 1e7, 180, 900},
		{"1 PH/s is 10 GH/s", 6, 1e15, 1e10, 180, 900},
		{"1 TH/s is 3 TH/s", 6, 1e12, 3e12, 300, 900},
		{"unknown is 100 TH/s", 6, 0, 1e14, 180, 480},
		{"10 GH/s is 1 PH/s, fast", 60, 1e10, 1e15, 60, 300},
	} {
		var settled, off []float64
		for _, seed := range seeds() {
			r := newTrial(seed, VardiffConfig{SharesPerMinute: row.spm, Nominal: row.claim})
			quiet := math.NaN()
			r.run(row.truth, 30*time.Minute, func() {
				if math.IsNaN(quiet) && r.now.Sub(r.last) >= 5*time.Minute {
					quiet = r.last.Sub(start).Seconds()
					off = append(off, math.Abs(r.v.rate/row.truth-1))
				}
			})
			if math.IsNaN(quiet) {
				quiet = 1800
			}
			settled = append(settled, quiet)
		}
		t.Logf("%-24s %3.0f/min: settled p50 %3.0f s, p99 %3.0f s; off by p50 %2.0f %%, p99 %2.0f %%", row.name, row.spm,
			quantile(settled, .5), quantile(settled, .99), 100*quantile(off, .5), 100*quantile(off, .99))
		if quantile(settled, .5) > row.middle || quantile(settled, .99) > row.worst {
			t.Errorf("%s: too slow", row.name)
		}
	}
}

// TestVardiffReacts: a device that has run for 15 minutes loses or gains.
func TestVardiffReacts(t *testing.T) {
	for _, row := range []struct {
		spm, factor float64
		within      time.Duration
		least       float64 // of the trials
	}{
		{60, 0.5, 5 * time.Minute, 0.95},
		{120, 0.5, 5 * time.Minute, 0.99},
		{60, 0.75, 5 * time.Minute, 0.5},
		{60, 2, 5 * time.Minute, 0.95},
		{18, 0.5, 5 * time.Minute, 0.7},
		{6, 0.5, 15 * time.Minute, 0.8},
		{6, 4, 5 * time.Minute, 0.95},
		{6, 0.01, 5 * time.Minute, 0.95},
	} {
		seen := 0
		var took []float64
		for _, seed := range seeds() {
			r := newTrial(seed, VardiffConfig{SharesPerMinute: row.spm, Nominal: 1e15})
			r.run(1e15, 15*time.Minute, nil)
			step := r.now
			before := r.v.rate
			done := false
			r.run(1e15*row.factor, row.within, func() {
				if !done && (r.v.rate < before) == (row.factor < 1) && r.v.rate != before {
					done = true
					took = append(took, r.now.Sub(step).Seconds())
				}
			})
			if done {
				seen++
			}
		}
		share := float64(seen) / float64(len(seeds()))
		t.Logf("%3.0f/min times %.2f: seen within %v in %3.0f %%, p50 %3.0f s", row.spm, row.factor, row.within, 100*share, quantile(took, .5))
		if share < row.least {
			t.Errorf("want %.0f %%", 100*row.least)
		}
	}
}

// TestVardiffSteady leaves a steady device alone.
func TestVardiffSteady(t *testing.T) {
	for _, row := range []struct{ spm, most float64 }{{6, 1.5}, {18, 1.5}, {60, 1.5}} {
		steps, shares := 0.0, 0.0
		var off []float64
		for _, seed := range seeds() {
			r := newTrial(seed, VardiffConfig{SharesPerMinute: row.spm, Nominal: 1e14})
			r.run(1e14, 2*time.Hour, func() { shares += 1e14 * tick.Seconds() / r.held })
			steps += float64(r.steps)
			off = append(off, math.Abs(r.v.rate/1e14-1))
		}
		hours := 2 * float64(len(seeds()))
		t.Logf("%3.0f/min: %.2f changes an hour, %.2f shares a minute, off by p50 %2.0f %%, p99 %2.0f %%", row.spm,
			steps/hours, shares/hours/60, 100*quantile(off, .5), 100*quantile(off, .99))
		if steps/hours > row.most || math.Abs(shares/hours/60/row.spm-1) > 0.1 {
			t.Error("not steady")
		}
	}
}

// TestVardiffStall: a link holds everything back for a minute, then the shares come
// at once. The device must not be sent into silence.
func TestVardiffStall(t *testing.T) {
	for _, seed := range seeds() {
		r := newTrial(seed, VardiffConfig{SharesPerMinute: 18, Nominal: 1e14})
		r.run(1e14, 20*time.Minute, nil)
		r.now = r.now.Add(time.Minute)
		r.v.Check(r.now)
		for range 18 {
			r.v.Share(r.held, r.now)
		}
		r.held = r.v.Target().Hashes()
		worst := 0.0
		r.run(1e14, 10*time.Minute, func() { worst = max(worst, r.v.rate/1e14) })
		if worst > 4 {
			t.Errorf("seed %d: after a stall the target is %.1f times too hard", seed, worst)
		}
		if off := r.v.rate / 1e14; off < 0.4 || off > 2.5 {
			t.Errorf("seed %d: ten minutes later off by %.2f", seed, off)
		}
	}
}

// TestVardiffSilence: a device that pauses for an hour is not made so easy that it
// floods the pool when it comes back, and is right again soon after.
func TestVardiffSilence(t *testing.T) {
	r := newTrial(1, VardiffConfig{Nominal: 1e15})
	r.run(1e15, 10*time.Minute, nil)
	r.run(0, time.Hour, nil)
	if depth := 1e15 / r.v.rate; depth < 100 || depth > 2*silentDepth {
		t.Errorf("after silence the rate is %.0f times too low", depth)
	}
	r.run(1e15, 3*time.Minute, nil)
	if off := r.v.rate / 1e15; off < 0.5 || off > 2 {
		t.Errorf("three minutes after silence off by %.2f", off)
	}
}

// TestVardiffLateStart: a board that takes minutes to start does not flood the pool
// then, if its channel was opened with a maximum, and gets its rate all the same.
func TestVardiffLateStart(t *testing.T) {
	for _, seed := range seeds() {
		r := newTrial(seed, VardiffConfig{SharesPerMinute: 12, Nominal: 1e14, MaxTarget: bitcoin.RateTarget(1e14, 1200)})
		r.run(0, 3*time.Minute, nil)
		shares, right := 0.0, false
		r.run(1e14, 2*time.Minute, func() {
			shares += 1e14 * tick.Seconds() / r.held
			right = right || r.v.rate > 0.5e14 && r.v.rate < 2e14
		})
		if !right || shares > 1000 {
			t.Errorf("seed %d: %.0f shares in two minutes; the rate was right at some time: %v", seed, shares, right)
		}
	}
}

func TestVardiffClock(t *testing.T) {
	for _, jump := range []time.Duration{-time.Hour, time.Hour, -time.Millisecond} {
		r := newTrial(1, VardiffConfig{SharesPerMinute: 60, Nominal: 1e14})
		r.run(1e14, 10*time.Minute, nil)
		target := r.v.Target()
		r.now = r.now.Add(jump)
		if got, changed := r.v.Check(r.now); changed || got != target {
			t.Errorf("a clock that jumps by %v changed the target", jump)
		}
		if r.v.n != 0 || r.v.now.exposure != 0 {
			t.Errorf("a clock that jumps by %v did not restart the window", jump)
		}
		r.run(1e14, 5*time.Minute, nil)
		if off := r.v.rate / 1e14; off < 0.7 || off > 1.4 {
			t.Errorf("after a jump by %v off by %.2f", jump, off)
		}
	}
}

func TestVardiffLimits(t *testing.T) {
	limit := bitcoin.RateTarget(1e12, 6)
	r := newTrial(1, VardiffConfig{Nominal: 1e9, MaxTarget: limit})
	if r.v.Target() != limit {
		t.Errorf("begins above the client's maximum: %v", r.v.Target())
	}
	r.run(1e9, time.Hour, func() {
		if r.v.Target().Cmp(limit) > 0 {
			t.Fatalf("above the client's maximum: %v", r.v.Target())
		}
	})
	if r.steps != 0 {
		t.Errorf("%d changes at the limit", r.steps)
	}
	harder := bitcoin.RateTarget(1e13, 6)
	if got, changed := r.v.Update(1e9, harder, r.now); !changed || got != harder {
		t.Errorf("a harder maximum: %v, %v", got, changed)
	}
	r = newTrial(1, VardiffConfig{Nominal: math.Inf(1), MinHashRate: 1e6})
	r.run(0, 3*time.Hour, nil)
	if r.v.rate != 1e6 {
		t.Errorf("silence ends at %v h/s", r.v.rate)
	}
}

// TestVardiffUpdate: the factor of a new claim counts, not the claim.
func TestVardiffUpdate(t *testing.T) {
	v := NewVardiff(VardiffConfig{Nominal: 1e12}, start)
	v.assume(5e12)
	for _, row := range []struct{ claim, want float64 }{{1e12, 5e12}, {2e12, 1e13}, {0, 1e13}, {3e12, 3e12}, {math.NaN(), 3e12}} {
		target, _ := v.Update(row.claim, bitcoin.MaxTarget(), start)
		if target != bitcoin.RateTarget(row.want, 6) {
			t.Errorf("claim of %g: %g h/s, want %g", row.claim, v.rate, row.want)
		}
	}
}

func TestVardiffHashRate(t *testing.T) {
	r := newTrial(1, VardiffConfig{Nominal: 1e12})
	if got := r.v.HashRate(); got != 1e12 {
		t.Errorf("at the start %g h/s", got)
	}
	r.run(7e14, 30*time.Minute, nil)
	if got := r.v.HashRate(); math.Abs(got/7e14-1) > 0.2 {
		t.Errorf("%g h/s, want 7e14", got)
	}
	if r.v.n > maxSpans {
		t.Errorf("%d spans", r.v.n)
	}
}

func BenchmarkVardiff(b *testing.B) {
	r := newTrial(1, VardiffConfig{SharesPerMinute: 60, Nominal: 1e14})
	r.run(1e14, time.Hour, nil)
	b.ReportAllocs()
	for b.Loop() {
		r.now = r.now.Add(time.Second)
		r.v.Share(r.held, r.now)
		r.v.Check(r.now)
	}
}

// FuzzVardiff: whatever happens, the target keeps its limit and the numbers stay
// numbers.
func FuzzVardiff(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 0, 255, 7, 7, 7}, 1e12)
	f.Add([]byte{0, 0, 0, 0, 128, 129, 130, 255, 255}, 0.0)
	f.Fuzz(func(t *testing.T, events []byte, claim float64) {
		limit := bitcoin.RateTarget(1e7, 6)
		v, now := NewVardiff(VardiffConfig{Nominal: claim, MaxTarget: limit}, start), start
		for _, e := range events {
			now = now.Add(time.Duration(int8(e)) * time.Duration(int8(e)) * time.Duration(int8(e)) * time.Millisecond)
			switch e % 4 {
			case 0:
				v.Update(claim*float64(e), limit, now)
			case 1:
				v.Share(v.hashes*float64(e), now)
			}
			target, _ := v.Check(now)
			if target.Cmp(limit) > 0 || !(v.HashRate() >= 0) || math.IsInf(v.rate, 0) || !(v.rate >= v.config.MinHashRate) || v.n > maxSpans {
				t.Fatalf("target %v, rate %v, estimate %v, %d spans", target, v.rate, v.HashRate(), v.n)
			}
		}
	})
}
