package tuning

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// silicon is a chain of chips as chipsim has them: power goes with clock and the
// square of the voltage, and a chip that has less than it needs makes errors.
type silicon struct {
	random *rand.Rand
	cfg    Config
	extra  []float64 // mV that a chip needs more than a typical one
	power  []float64 // factor on a chip's watts
	deaf   []float64 // share of its results that a chip never finds
	temp   float64
	air    float64 // °C; 25 is cool
	now    time.Time
	good   []float64
	errs   []float64
	trips  int
}

const (
	nominalClock = 525.0
	nominalVolts = 1.15
	chipWatts    = 15.0
	chipHashes   = 2040.0 * 1e6 // per MHz
)

func newSilicon(seed uint64, target Target, chips int) *silicon {
	s := &silicon{
		random: rand.New(rand.NewPCG(seed, 7)), now: time.Unix(1.8e9, 0), air: 25, temp: 40,
		cfg: Config{
			Target: target, MinClock: 400, MaxClock: 650, Chains: []int{chips},
			Rails: []Rail{{Min: 1.0, Max: 1.3, Step: 0.01}},
		},
		good: make([]float64, chips), errs: make([]float64, chips), deaf: make([]float64, chips),
	}
	for range chips {
		s.extra = append(s.extra, 8*s.random.NormFloat64())
		s.power = append(s.power, 1+0.04*s.random.NormFloat64())
	}
	return s
}

func (s *silicon) start(clock, volts float64) Plan {
	p := Plan{Clocks: [][]float64{nil}, Volts: []float64{volts}}
	for range s.good {
		p.Clocks[0] = append(p.Clocks[0], clock)
	}
	return p
}

func (s *silicon) errorRate(chip int, mhz, volts float64) float64 {
	need := nominalVolts*1000*(0.7+0.3*mhz/nominalClock) - 40 + s.extra[chip]
	short := (need - volts*1000) / 5
	return min(1, 1e-5*math.Exp(min(30, max(-6, short))))
}

func (s *silicon) watts(p Plan) (sum float64) {
	v := p.Volts[0] / nominalVolts
	for i, f := range p.Clocks[0] {
		sum += chipWatts * s.power[i] * v * v * (0.05 + 0.95*f/nominalClock)
	}
	return sum
}

func (s *silicon) rate(p Plan) (sum float64) {
	for i, f := range p.Clocks[0] {
		sum += chipHashes * f * (1 - s.errorRate(i, f, p.Volts[0]))
	}
	return sum
}

// live is dt of mining at a plan.
func (s *silicon) live(p Plan, dt time.Duration) *Sample {
	s.now = s.now.Add(dt)
	watts := s.watts(p)
	end := s.air + 35*watts/(chipWatts*float64(len(s.good)))
	s.temp += (end - s.temp) * (1 - math.Exp(-dt.Seconds()/15))
	sample := &Sample{
		At: s.now, Mining: true, Settled: true, Trips: s.trips, Margin: 75 - s.temp,
		Watts: watts * (1 + 0.002*s.random.NormFloat64()),
	}
	c := Chain{ResultHashes: 2 * chipHashes * nominalClock}
	for i, f := range p.Clocks[0] {
		c.HashRate += chipHashes * f
		mean := dt.Seconds() / 2 * f / nominalClock * (1 - s.deaf[i])
		results := max(0, math.Round(mean+math.Sqrt(mean)*s.random.NormFloat64()))
		for range int(results) {
			if s.random.Float64() < s.errorRate(i, f, p.Volts[0]) {
				s.errs[i]++
			} else {
				s.good[i]++
			}
		}
		c.Chips = append(c.Chips, Chip{MHz: f, Good: uint64(s.good[i]), Errors: uint64(s.errs[i]), Alive: true})
	}
	sample.Chains = []Chain{c}
	return sample
}

// run tunes for a while, and fails the test when a plan is out of bounds or moves
// by more than it should.
func (s *silicon) run(t *testing.T, tuner *Tuner, d time.Duration) {
	t.Helper()
	plan := tuner.Plan()
	for end := s.now.Add(d); s.now.Before(end); {
		if tuner.Next(s.live(plan, 5*time.Second)) {
			was := plan
			plan = tuner.Plan()
			if plan.Equal(was) {
				t.Fatalf("a step that changes nothing: %+v", tuner.Status())
			}
		}
		s.check(t, plan)
	}
}

func (s *silicon) check(t *testing.T, p Plan) {
	t.Helper()
	for i, v := range p.Volts {
		if r := s.cfg.Rails[i]; v < r.Min-1e-9 || v > r.Max+1e-9 {
			t.Fatalf("rail %d at %v V", i, v)
		}
	}
	for _, f := range p.Clocks[0] {
		if f < s.cfg.MinClock || f > s.cfg.MaxClock || math.IsNaN(f) {
			t.Fatalf("a chip at %v MHz", f)
		}
	}
}

// best finds by trial what the chips could do: for every voltage the highest clock
// of each chip with few errors, all lowered alike to meet the target.
func (s *silicon) best() (watts, rate, cost float64) {
	watts, rate, cost = math.Inf(1), 0, math.Inf(1)
	for v := s.cfg.Rails[0].Min; v <= s.cfg.Rails[0].Max; v += 0.005 {
		for base := s.cfg.MinClock; base <= s.cfg.MaxClock; base += Step {
			p := Plan{Volts: []float64{v}, Clocks: [][]float64{nil}}
			well := true
			for i := range s.good {
				f := base
				for f > s.cfg.MinClock && s.errorRate(i, f, v) > errorLimit {
					f -= Step
				}
				well = well && s.errorRate(i, f, v) <= errorLimit
				p.Clocks[0] = append(p.Clocks[0], f)
			}
			if !well {
				continue
			}
			w, r := s.watts(p), s.rate(p)
			if w <= s.cfg.Target.Value {
				rate = max(rate, r)
			}
			if r >= s.cfg.Target.Value {
				watts = min(watts, w)
			}
			cost = min(cost, w/r)
		}
	}
	return watts, rate, cost
}
