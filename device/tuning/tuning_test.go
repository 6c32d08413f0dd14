package tuning

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func newTuner(t *testing.T, s *silicon, start Plan) *Tuner {
	t.Helper()
	tuner, err := New(s.cfg, start)
	if err != nil {
		t.Fatal(err)
	}
	return tuner
}

// Whatever the silicon, targets are met within two percent, by means that are near
// the best there are, and the tuner comes to rest.
func TestConvergence(t *testing.T) {
	const chips = 8
	for _, c := range []struct {
		target  Target
		seconds float64
	}{
		{Target{Power, 8 * 11}, 0}, {Target{Power, 8 * 15}, 0}, {Target{Power, 8 * 17}, 0},
		{Target{HashRate, 8 * chipHashes * 430}, 0}, {Target{HashRate, 8 * chipHashes * 560}, 0},
		{Target{Efficiency, 0}, 0},
	} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(c.target, " ", seed), func(t *testing.T) {
				s := newSilicon(seed, c.target, chips)
				tuner := newTuner(t, s, s.start(nominalClock, nominalVolts))
				s.run(t, tuner, 5*time.Hour)
				was := tuner.Status().Steps
				s.run(t, tuner, 40*time.Minute)
				p, st := tuner.Plan(), tuner.Status()
				watts, rate, cost := s.best()
				w, r := s.watts(p), s.rate(p)
				t.Logf("%d steps, %v: %.1f W, %.3f TH/s, %.2f J/TH at %v V, %v MHz; best %.1f W, %.3f TH/s, %.2f J/TH", st.Steps, st.Why,
					w, r/1e12, w/r*1e12, p.Volts, p.Clocks, watts, rate/1e12, cost*1e12)
				if st.Steps-was > 8 {
					t.Errorf("%d further steps: it does not rest", st.Steps-was)
				}
				near := func(what string, is, want float64) {
					if is < 0.97*want || is > 1.03*want {
						t.Errorf("%s is %.4g, want %.4g", what, is, want)
					}
				}
				switch c.target.Goal {
				case Power:
					near("power", w, c.target.Value)
					if r < 0.96*rate {
						t.Errorf("%.4g H/s, %.4g are possible", r, rate)
					}
				case HashRate:
					near("hash rate", r, c.target.Value)
					if w > 1.05*watts {
						t.Errorf("%.4g W, %.4g are possible", w, watts)
					}
				case Efficiency:
					if w/r > 1.03*cost {
						t.Errorf("%.4g J/TH, %.4g are possible", w/r*1e12, cost*1e12)
					}
				}
			})
		}
	}
}

// A chip that is worse than its neighbours gets less clock, and they do not.
func TestSlowChip(t *testing.T) {
	for _, c := range []struct {
		name string
		hurt func(*silicon)
	}{
		{"needs more volts", func(s *silicon) { s.extra[3] = 70 }},
		{"finds too little", func(s *silicon) { s.deaf[3] = 0.4 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSilicon(1, Target{Power, 8 * 15}, 8)
			c.hurt(s)
			tuner := newTuner(t, s, s.start(nominalClock, nominalVolts))
			s.run(t, tuner, 3*time.Hour)
			clocks := tuner.Plan().Clocks[0]
			slow, rest := clocks[3], append(slices.Clone(clocks[:3]), clocks[4:]...)
			if slow > slices.Min(rest)-3*Step {
				t.Errorf("clocks %v, want chip 3 well below the others", clocks)
			}
			if tuner.Status().Limited == 0 {
				t.Error("no chip is said to be limited")
			}
		})
	}
}

// What cannot be reached is not: the clamps hold, and it says so.
func TestTargetsOutOfReach(t *testing.T) {
	for _, target := range []Target{{Power, 1}, {Power, 1e6}, {HashRate, 1}, {HashRate, 1e18}} {
		s := newSilicon(2, target, 4)
		s.air = -20
		tuner := newTuner(t, s, s.start(nominalClock, nominalVolts))
		s.run(t, tuner, 12*time.Hour)
		if st := tuner.Status(); st.State != Settled || !strings.Contains(st.Why, "limits") {
			t.Errorf("%v: %+v", target, st)
		}
	}
}

// The guard wins: what it throttles is given up, and comes back when it is cool.
func TestGivesWayToTheGuard(t *testing.T) {
	s := newSilicon(3, Target{HashRate, 4 * chipHashes * 525}, 4)
	tuner := newTuner(t, s, s.start(nominalClock, nominalVolts))
	s.run(t, tuner, time.Hour)
	was := tuner.Plan().top()
	for range 60 {
		sample := s.live(tuner.Plan(), 5*time.Second)
		sample.Throttled = true
		tuner.Next(sample)
	}
	if top := tuner.Plan().top(); top > was-6*Step || tuner.Status().State != Held {
		t.Errorf("after five minutes of throttling at %v MHz, before %v; %+v", top, was, tuner.Status())
	}
	s.air = 60 // nothing goes up in hot air
	low := tuner.Plan().top()
	s.run(t, tuner, time.Hour)
	if top := tuner.Plan().top(); top > low {
		t.Errorf("hot, and from %v to %v MHz", low, top)
	}
	s.air = 25
	s.run(t, tuner, 2*time.Hour)
	if top := tuner.Plan().top(); top < was-2*Step {
		t.Errorf("cool again at %v MHz, before %v", top, was)
	}
}

// A step after which the board is turned off is undone, and not tried again soon.
func TestTripIsUndone(t *testing.T) {
	s := newSilicon(4, Target{Power, 4 * 20}, 4)
	tuner := newTuner(t, s, s.start(450, nominalVolts))
	var good, bad Plan
	for range 2000 {
		if tuner.Next(s.live(tuner.Plan(), 5*time.Second)) && tuner.Plan().top() > 480 {
			good, bad = tuner.Proven(), tuner.Plan()
			break
		}
	}
	if bad.Clocks == nil {
		t.Fatal("it never goes up")
	}
	s.trips++
	if !tuner.Next(s.live(tuner.Plan(), 5*time.Second)) || !tuner.Plan().Equal(good) {
		t.Errorf("after the trip %+v, want %+v", tuner.Plan(), good)
	}
	steps := tuner.Status().Steps
	s.run(t, tuner, 10*time.Minute)
	if st := tuner.Status(); st.Steps > steps || st.State != Held {
		t.Errorf("ten minutes later: %+v", st)
	}
	s.run(t, tuner, 2*time.Hour)
	if top := tuner.Plan().top(); top >= bad.top() && tuner.Plan().Volts[0] <= bad.Volts[0] {
		t.Errorf("back at %v MHz and %v V, where it tripped: %v MHz", top, tuner.Plan().Volts, bad.top())
	}
	s.trips++ // at a plan that was good: less clock
	was := tuner.Proven().top()
	tuner.Next(s.live(tuner.Plan(), 5*time.Second))
	if top := tuner.Plan().top(); top > was {
		t.Errorf("after another trip %v MHz, before %v", top, was)
	}
}

// Nothing is decided while the board is not what the plan says, and nothing from a
// few results.
func TestWaits(t *testing.T) {
	s := newSilicon(5, Target{Power, 5 * 15}, 1)
	tuner := newTuner(t, s, s.start(nominalClock, nominalVolts))
	for range 1000 {
		sample := s.live(tuner.Plan(), 5*time.Second)
		sample.Mining = s.random.IntN(2) == 0
		sample.Settled = !sample.Mining
		if tuner.Next(sample) {
			t.Fatal("it steps without measuring")
		}
	}
	if st := tuner.Status(); st.State != Waiting {
		t.Errorf("%+v", st)
	}
	begin := s.now
	for !tuner.Next(s.live(tuner.Plan(), 5*time.Second)) {
	}
	if d := s.now.Sub(begin); d < 6*time.Minute {
		t.Errorf("one chip that reports every two seconds has a step after %v: too little to know", d)
	}
}

// A board that does not tell its power cannot be tuned by it, and is by hash rate.
func TestPowerNotMeasured(t *testing.T) {
	for _, target := range []Target{{Power, 50}, {Efficiency, 0}, {HashRate, 4 * chipHashes * 450}} {
		s := newSilicon(6, target, 4)
		tuner := newTuner(t, s, s.start(nominalClock, nominalVolts))
		for range 400 {
			sample := s.live(tuner.Plan(), 5*time.Second)
			sample.Watts = 0
			tuner.Next(sample)
		}
		held := strings.Contains(tuner.Status().Why, "does not tell its power")
		if held != (target.Goal != HashRate) || held && tuner.Status().Steps > 0 {
			t.Errorf("%v: %+v", target, tuner.Status())
		}
	}
}

// Two chains with a rail each: the one that is worse keeps more voltage.
func TestRailOfEachChain(t *testing.T) {
	cfg := Config{Target: Target{HashRate, 8 * chipHashes * 500}, MinClock: 400, MaxClock: 650, Chains: []int{4, 4},
		Rails: []Rail{{Min: 1, Max: 1.3, Step: 0.01, Chain: 1}, {Min: 1, Max: 1.3, Step: 0.01, Chain: 2}}}
	a, b := newSilicon(8, cfg.Target, 4), newSilicon(9, cfg.Target, 4)
	for i := range b.extra {
		b.extra[i] += 60
	}
	tuner, err := New(cfg, Plan{Volts: []float64{1.2, 1.2}, Clocks: [][]float64{{500, 500, 500, 500}, {500, 500, 500, 500}}})
	if err != nil {
		t.Fatal(err)
	}
	for range 4000 {
		p := tuner.Plan()
		sample := a.live(Plan{p.Volts[:1], p.Clocks[:1]}, 5*time.Second)
		other := b.live(Plan{p.Volts[1:], p.Clocks[1:]}, 5*time.Second)
		sample.Watts += other.Watts
		sample.Chains = append(sample.Chains, other.Chains...)
		tuner.Next(sample)
	}
	if p := tuner.Plan(); p.Volts[1] < p.Volts[0]+0.03 {
		t.Errorf("volts %v, want more for the chain that needs 60 mV more; %v, %+v", p.Volts, p.Clocks, tuner.Status())
	}
}

// A tuner begins with a profile's plan, within the clamps.
func TestStart(t *testing.T) {
	s := newSilicon(1, Target{Power, 30}, 3)
	tuner := newTuner(t, s, Plan{Volts: []float64{2}, Clocks: [][]float64{{500, 900, 100}}})
	if p := tuner.Plan(); !slices.Equal(p.Clocks[0], []float64{500, 650, 400}) || p.Volts[0] != 1.3 {
		t.Errorf("%+v", p)
	}
	for _, p := range []Plan{{}, {Volts: []float64{1}, Clocks: [][]float64{{500}}}, {Clocks: [][]float64{{500, 500, 500}}}} {
		if _, err := New(s.cfg, p); err == nil {
			t.Errorf("%+v is taken", p)
		}
	}
	for _, spoil := range []func(*Config){
		func(c *Config) { c.MinClock = 0 }, func(c *Config) { c.MaxClock = 300 },
		func(c *Config) { c.Rails = []Rail{{Min: 1, Max: 2}} },
	} {
		cfg := s.cfg
		spoil(&cfg)
		if _, err := New(cfg, s.start(500, 1.1)); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]Target{
		"power=15W": {Power, 15}, "power=1.5kW": {Power, 1500}, "power=15": {Power, 15}, "hashrate=1.1TH": {HashRate, 1.1e12},
		"hashrate=100 GH/s": {HashRate, 100e9}, "hashrate=300kH": {HashRate, 300e3}, "hashrate=90T": {HashRate, 90e12},
		"efficiency": {Goal: Efficiency}, "": {},
	} {
		got, err := ParseTarget(text)
		if err != nil || got.Goal != want.Goal || got.Value < want.Value*0.999999 || got.Value > want.Value*1.000001 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := ParseTarget(got.String()); err != nil || again.Goal != got.Goal || again.Value < got.Value*0.999999 || again.Value > got.Value*1.000001 {
			t.Errorf("%q becomes %q: %v, %v", text, got.String(), again, err)
		}
	}
	for _, text := range []string{"power", "power=", "power=-1W", "power=0W", "power=NaN", "power=InfW", "power=15H", "hashrate=5W", "speed=1", "efficiency=3", "=5", "hashrate=1e308EH"} {
		if got, err := ParseTarget(text); err == nil || !strings.Contains(err.Error(), "power=15W") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, text := range []string{"power=15W", "hashrate=1.1TH/s", "efficiency", "power=1e9kW", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTarget(text)
		if err != nil {
			return
		}
		again, err := ParseTarget(got.String())
		if err != nil || again.Goal != got.Goal {
			t.Errorf("%q becomes %q: %v, %v", text, got.String(), again, err)
		}
	})
}
