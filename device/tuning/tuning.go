// Package tuning decides at which clocks and voltages the chips of a board mine. It
// is told what was measured, with the time, and gives a plan; it never waits and
// touches nothing, so that it is tested without hardware.
//
// Chips differ. All of them get one clock, the base, as long as they stand it; a
// chip that makes too many errors gets a limit of its own below that. So good chips
// go up with the base, and slow ones stay behind. A limit holds for the voltage at
// which it was found.
//
//	 errors, too few results           too little: the base goes up; when most chips
//	+------------------------+         are at their limits, the voltage does
//	|                        v
//	measuring -----------> a step --> the board walks there --> measuring
//	|                        ^
//	+------------------------+         too much: the base goes down; when the target is
//	 enough results, and the           met, the voltage does, until chips make errors:
//	 target is not met                 that step is undone and remembered
package tuning

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Config is what there is to tune. It never changes.
type Config struct {
	Target             Target
	MinClock, MaxClock float64 // MHz
	Chains             []int   // how many chips each has
	Rails              []Rail  // whose voltage may be chosen
}

// Rail is a voltage that may be chosen.
type Rail struct {
	Min, Max, Step float64 // volts
	Chain          int     // that it feeds alone, counted from 1; 0: all
}

// Plan is what the chips should have.
type Plan struct {
	Volts  []float64   // of each rail
	Clocks [][]float64 // MHz, of each chip of each chain
}

func (p Plan) clone() Plan {
	q := Plan{Volts: slices.Clone(p.Volts)}
	for _, c := range p.Clocks {
		q.Clocks = append(q.Clocks, slices.Clone(c))
	}
	return q
}

// Equal tells whether two plans are the same.
func (p Plan) Equal(q Plan) bool {
	return slices.Equal(p.Volts, q.Volts) && slices.EqualFunc(p.Clocks, q.Clocks, slices.Equal[[]float64])
}

// Sample is what was measured at one moment.
type Sample struct {
	At        time.Time
	Mining    bool // with full power, and a job
	Settled   bool // clocks and voltages are what the plan says
	Throttled bool // the guard has lowered the clocks
	// Trips counts how often the guard turned the board off for something that
	// clocks and voltages can be to blame for.
	Trips  int
	Margin float64 // kelvin, to where the guard throttles
	Watts  float64 // 0: not measured
	Chains []Chain
}

// Chain is a chain's part of a sample.
type Chain struct {
	HashRate     float64 // to expect at its clocks
	ResultHashes float64 // that a good result stands for
	Chips        []Chip
}

// Chip is a chip's part of a sample. Counters that go back begin anew.
type Chip struct {
	MHz          float64
	Good, Errors uint64
	Alive        bool
}

const (
	// Step is the smallest change of a clock, in MHz: what the makers' firmware
	// ramps by.
	Step = 6.25
	// perNotch is how much more clock a chip is thought to stand for one step of
	// its rail, until that is measured: two steps.
	perNotch = 2 * Step

	retryAfter = 2 * time.Hour // that a limit is tried again; it doubles
	retryMost  = 24 * time.Hour
	// afterTrip is how long nothing is raised after a trip, afterHeat after the
	// guard throttled, afterVolts how long a voltage that was raised stays.
	afterTrip  = 15 * time.Minute
	afterHeat  = 10 * time.Minute
	afterVolts = 30 * time.Minute
	heatFor    = time.Minute // throttled that long, the tuner gives way
	coolEnough = 3.0         // kelvin of margin, below which nothing is raised
)

// limit is what a chip was found not to go beyond.
type limit struct {
	mhz, volts float64 // it stands this clock at this voltage
	until      time.Time
	tries      int
}

// Tuner is the state of the tuning. One goroutine may use it.
type Tuner struct {
	cfg    Config
	plan   Plan
	base   float64
	limits [][]limit // of each chip; tries 0: none known
	volts  []float64

	now      time.Time
	window   window
	yields   [][]yield
	trips    int
	hot      time.Time // since when it is throttled; zero: it is not
	raise    time.Time // nothing goes up before
	lower    time.Time // no voltage goes down before
	probing  bool      // the last step was a voltage down
	proven   Plan      // the last that was measured to be good
	measured map[int]float64
	status   Status
}

// State says what a tuner does.
type State string

// States of a tuner.
const (
	Waiting   State = "waiting"   // for the board to mine at the plan
	Measuring State = "measuring" // gathering results
	Held      State = "held"      // heat or a trip forbids what it would do
	Settled   State = "settled"   // nothing to improve
)

// Status is a tuner at one moment. The figures are of the last whole measurement.
type Status struct {
	Target     Target    `json:"target"`
	State      State     `json:"state"`
	Why        string    `json:"why"` // of the last step, or of not taking one
	Steps      int       `json:"steps"`
	Changed    time.Time `json:"changed"` // the last step
	Watts      float64   `json:"watts"`
	HashRate   float64   `json:"hash_rate"`
	Efficiency float64   `json:"joules_per_terahash"`
	Errors     float64   `json:"error_share"`
	Volts      []float64 `json:"volts"`
	MinClock   float64   `json:"min_clock_mhz"`
	MaxClock   float64   `json:"max_clock_mhz"`
	Limited    int       `json:"limited_chips"` // that stay below the others
}

// New returns a tuner that begins with a plan. What of the plan is outside of the
// clamps is brought inside.
func New(cfg Config, start Plan) (*Tuner, error) {
	if !(cfg.MinClock > 0 && cfg.MinClock <= cfg.MaxClock) {
		return nil, fmt.Errorf("tuning: clocks of %g to %g MHz", cfg.MinClock, cfg.MaxClock)
	}
	if len(start.Volts) != len(cfg.Rails) || len(start.Clocks) != len(cfg.Chains) {
		return nil, fmt.Errorf("tuning: a plan for %d rails and %d chains, there are %d and %d",
			len(start.Volts), len(start.Clocks), len(cfg.Rails), len(cfg.Chains))
	}
	t := &Tuner{cfg: cfg, measured: make(map[int]float64)}
	t.status = Status{Target: cfg.Target, State: Waiting, Why: "begins"}
	for i, r := range cfg.Rails {
		if !(r.Step > 0 && r.Min <= r.Max) {
			return nil, fmt.Errorf("tuning: rail %d goes from %g to %g V by %g V", i, r.Min, r.Max, r.Step)
		}
		t.volts = append(t.volts, min(max(start.Volts[i], r.Min), r.Max))
	}
	for i, n := range cfg.Chains {
		if len(start.Clocks[i]) != n || n == 0 {
			return nil, fmt.Errorf("tuning: chain %d has %d chips, the plan has %d", i, n, len(start.Clocks[i]))
		}
		t.base = max(t.base, slices.Max(start.Clocks[i]))
		t.limits, t.yields = append(t.limits, make([]limit, n)), append(t.yields, make([]yield, n))
	}
	t.base = min(max(t.base, cfg.MinClock), cfg.MaxClock)
	for i, clocks := range start.Clocks {
		for j, f := range clocks {
			if f < t.base {
				t.limits[i][j] = limit{mhz: f, volts: t.voltsOf(i), tries: 1}
			}
		}
	}
	t.replan()
	t.proven = t.plan.clone()
	return t, nil
}

// Plan is what the chips should have now.
func (t *Tuner) Plan() Plan { return t.plan.clone() }

// Proven is the newest plan that was measured to be good; at first, the one that
// the tuner began with.
func (t *Tuner) Proven() Plan { return t.proven.clone() }

// Status tells how it goes.
func (t *Tuner) Status() Status {
	s := t.status
	s.Volts = slices.Clone(t.volts)
	s.MinClock, s.MaxClock = math.Inf(1), 0
	for _, clocks := range t.plan.Clocks {
		s.MinClock = min(s.MinClock, slices.Min(clocks))
		s.MaxClock = max(s.MaxClock, slices.Max(clocks))
		for _, f := range clocks {
			if f < t.base {
				s.Limited++
			}
		}
	}
	return s
}

// voltsOf is what a chain's chips have by the rails that may be chosen; 0 without
// one.
func (t *Tuner) voltsOf(chain int) float64 {
	if i := t.railOf(chain); i >= 0 {
		return t.volts[i]
	}
	return 0
}

// railOf is the rail that is nearest to a chain's chips: its own, or the last
// shared one; -1 without one.
func (t *Tuner) railOf(chain int) int {
	rail := -1
	for i, r := range t.cfg.Rails {
		if r.Chain == chain+1 || r.Chain == 0 && (rail < 0 || t.cfg.Rails[rail].Chain == 0) {
			rail = i
		}
	}
	return rail
}

// allowed is the most that a chip stands at a change of its voltage by so many
// steps of its rail. An old limit is tried one step further.
func (t *Tuner) allowed(chain, chip int, notches float64) float64 {
	l := &t.limits[chain][chip]
	if l.tries == 0 {
		return t.cfg.MaxClock
	}
	f := l.mhz
	if rail := t.railOf(chain); rail >= 0 {
		step := t.cfg.Rails[rail].Step
		f += perNotch * ((t.volts[rail]-l.volts)/step + notches)
	}
	if t.now.After(l.until) {
		f += Step
	}
	return min(math.Round(f*100)/100, t.cfg.MaxClock)
}

// replan makes the plan from base, limits and voltages. It tells whether it is
// another.
func (t *Tuner) replan() bool {
	t.base = min(max(t.base, t.cfg.MinClock), t.cfg.MaxClock)
	next := Plan{Volts: slices.Clone(t.volts), Clocks: make([][]float64, len(t.limits))}
	for i, chips := range t.limits {
		for j := range chips {
			f := min(t.base, t.allowed(i, j, 0))
			next.Clocks[i] = append(next.Clocks[i], max(f, t.cfg.MinClock))
		}
	}
	if next.Equal(t.plan) {
		return false
	}
	t.plan = next
	return true
}

// top is the fastest clock of the plan.
func (p Plan) top() (most float64) {
	for _, c := range p.Clocks {
		most = max(most, slices.Max(c))
	}
	return most
}
