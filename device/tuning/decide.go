package tuning

import (
	"fmt"
	"math"
	"time"
)

// How far from a target is near enough: a step of clock is one to two percent.
const (
	bandOver   = 0.01 // beyond a power target, or short of a hash rate
	bandUnder  = 0.02
	bandWider  = 0.01 // more than that once it has settled
	mostRaise  = 4    // steps at once
	mostLower  = 8
	manyChips  = 0.25 // of a rail's: then it is the voltage, not the chips
	lessWatts  = 0.002
	forgetting = 6 * time.Hour // of what voltages were measured to give
)

// Next takes a sample, and tells whether the plan has changed.
func (t *Tuner) Next(s *Sample) (changed bool) {
	t.now = s.At
	defer func() {
		if changed {
			t.window, t.status.Changed = window{}, s.At
			t.status.Steps++
			for _, chips := range t.yields {
				for j := range chips {
					chips[j].errs, chips[j].of = 0, 0
				}
			}
		}
	}()
	if !s.Throttled {
		t.hot = time.Time{}
	}
	switch {
	case s.Trips > t.trips:
		t.trips = s.Trips
		return t.onTrip()
	case s.Throttled:
		return t.onHeat()
	case !s.Mining || !s.Settled:
		t.window, t.status.State = window{}, Waiting
		return false
	}
	if t.status.State == Waiting {
		t.status.State = Measuring
	}
	if !t.window.add(s) {
		return false
	}
	r := t.window.look(s, t.yields)
	if r.any && t.onErrors(&r) {
		return true
	}
	if r.few != "" {
		return false
	}
	t.window = window{begun: t.window.begun}
	t.proven, t.yields = t.plan.clone(), r.yields
	t.status.Watts, t.status.HashRate, t.status.Errors = r.watts, r.rate, r.errors
	t.status.Efficiency = r.watts / max(r.rate, 1) * 1e12
	return t.decide(s, &r)
}

// onTrip goes back to what was good, and one step further if that is where it was.
func (t *Tuner) onTrip() bool {
	t.raise = t.now.Add(afterTrip)
	t.probing, t.window = false, window{}
	if t.plan.Equal(t.proven) {
		t.base = t.plan.top() - 2*Step
		return t.step(Held, "the board was turned off: less clock")
	}
	for i, clocks := range t.proven.Clocks {
		for j, f := range clocks {
			if t.plan.Clocks[i][j] > f {
				t.limits[i][j] = limit{mhz: f, volts: t.proven.voltsAt(t, i), until: t.now.Add(forgetting), tries: 1}
			}
		}
	}
	copy(t.volts, t.proven.Volts)
	t.base = t.proven.top()
	return t.step(Held, "the board was turned off: the last step is undone")
}

func (p Plan) voltsAt(t *Tuner, chain int) float64 {
	if i := t.railOf(chain); i >= 0 {
		return p.Volts[i]
	}
	return 0
}

// onHeat gives way to the guard when it has to throttle for long.
func (t *Tuner) onHeat() bool {
	t.window, t.status.State, t.status.Why = window{}, Held, "the guard throttles"
	t.raise = t.now.Add(afterHeat)
	if t.hot.IsZero() {
		t.hot = t.now
	}
	if t.now.Sub(t.hot) < heatFor {
		return false
	}
	t.hot = t.now
	t.base = t.plan.top() - 2*Step
	return t.step(Held, "the guard throttles: less clock")
}

// onErrors gives chips that are not well a limit. When it is many of a rail after
// its voltage went down, the voltage goes back.
func (t *Tuner) onErrors(r *result) bool {
	undo := make([]int, len(t.volts)) // chips of each rail that are not well
	bottom := make([]bool, len(t.volts))
	n := 0
	for i, chips := range r.bad {
		rail := t.railOf(i)
		for j, bad := range chips {
			if !bad {
				continue
			}
			f := t.plan.Clocks[i][j]
			if rail >= 0 {
				undo[rail]++
				bottom[rail] = bottom[rail] || f <= t.cfg.MinClock
			}
			if f > t.cfg.MinClock {
				t.limit(i, j, f-Step)
				n++
			}
		}
	}
	raised := false
	why := fmt.Sprintf("%d chips make too many errors, or find too little: less clock", n)
	for rail, bad := range undo {
		many := float64(bad) > manyChips*float64(t.chipsOf(rail))
		if (t.probing && many && t.cfg.Target.Goal != Efficiency || bottom[rail] && many) && t.canVolts(rail, 1) {
			t.measured[t.notch()] = math.Inf(1)
			t.moveVolts(rail, 1)
			raised, why = true, fmt.Sprintf("%d chips make too many errors: the voltage goes back up", bad)
			t.lower = t.now.Add(afterVolts)
		}
	}
	if n == 0 && !raised {
		return false // nothing is left to do for them
	}
	t.probing = false
	t.base = min(t.base, t.highest())
	return t.step(Measuring, why)
}

// limit remembers that a chip stands no more than a clock at its voltage.
func (t *Tuner) limit(chain, chip int, mhz float64) {
	l := &t.limits[chain][chip]
	wait := retryMost
	if l.tries < 5 {
		wait = min(wait, retryAfter<<l.tries)
	}
	*l = limit{mhz: max(mhz, t.cfg.MinClock), volts: t.voltsOf(chain), until: t.now.Add(wait), tries: l.tries + 1}
}

// highest is what the best chip stands.
func (t *Tuner) highest() (most float64) {
	for i, chips := range t.limits {
		for j := range chips {
			most = max(most, t.allowed(i, j, 0))
		}
	}
	return most
}

// step makes the new plan.
func (t *Tuner) step(s State, why string) bool {
	t.status.State, t.status.Why = s, why
	return t.replan()
}

// decide is what follows from a whole measurement without errors.
func (t *Tuner) decide(s *Sample, r *result) bool {
	over, under := bandOver, bandUnder
	if t.status.State == Settled {
		over, under = over+bandWider, under+bandWider
	}
	goal := t.cfg.Target
	if r.watts <= 0 && goal.Goal != HashRate {
		return t.step(Held, "the board does not tell its power")
	}
	switch goal.Goal {
	case Power:
		return t.reach(s, (goal.Value-r.watts)/goal.Value, under, over)
	case HashRate:
		return t.reach(s, (goal.Value-r.rate)/goal.Value, over, under)
	case Efficiency:
		return t.seek(s, r.watts/max(r.rate, 1))
	}
	return false
}

// reach goes towards a target that is a share gap away.
func (t *Tuner) reach(s *Sample, gap, under, over float64) bool {
	t.probing = false
	switch {
	case gap > under:
		return t.more(s, gap)
	case gap < -over:
		return t.less(gap)
	}
	if t.spare() {
		return t.probe("the target is met: as many hashes with less voltage")
	}
	return t.step(Settled, "the target is met")
}

// more raises the base, or the voltage when most chips are at their limits.
func (t *Tuner) more(s *Sample, gap float64) bool {
	if held, why := t.held(s); held {
		return t.step(Held, why)
	}
	free := t.free()
	steps := min(mostRaise, max(1, int(gap/0.02)))
	if free >= 0.5 {
		t.base += float64(steps) * Step
		return t.step(Measuring, "more clock")
	}
	if t.cfg.Target.Goal != Power || gap > 0.02 {
		if t.raiseVolts() {
			return t.step(Measuring, "most chips are at their limits: more voltage")
		}
	}
	if free > 0 {
		t.base += Step
		return t.step(Measuring, "more clock for the best chips")
	}
	return t.step(Settled, "as far as the chips and the board's limits go")
}

// held tells whether nothing may go up now.
func (t *Tuner) held(s *Sample) (bool, string) {
	switch {
	case t.now.Before(t.raise):
		return true, "waits before it raises anything again"
	case s.Margin < coolEnough:
		return true, "too warm for more"
	}
	return false, ""
}

// less lowers the base, and with a small gap the voltage if chips can spare it.
func (t *Tuner) less(gap float64) bool {
	if t.cfg.Target.Goal == Power && gap > -0.04 && t.spare() {
		return t.probe("a little too much: less voltage")
	}
	if t.plan.top() <= t.cfg.MinClock {
		if t.spare() {
			return t.probe("the clock is at its least: less voltage")
		}
		return t.step(Settled, "at the board's lower limits")
	}
	want := t.sum() * (1 + gap)
	for range mostLower {
		t.base = t.plan.top() - Step
		t.replan()
		if t.sum() <= want || t.base <= t.cfg.MinClock {
			break
		}
	}
	t.status.State, t.status.Why = Measuring, "less clock"
	return true
}

// sum is the sum of all clocks.
func (t *Tuner) sum() (sum float64) {
	for _, clocks := range t.plan.Clocks {
		for _, f := range clocks {
			sum += f
		}
	}
	return sum
}

// free is the share of chips that stand more than the base, as far as is known.
func (t *Tuner) free() float64 {
	n, all := 0, 0
	for i, chips := range t.limits {
		for j := range chips {
			all++
			if t.base < t.cfg.MaxClock && t.allowed(i, j, 0) > t.base {
				n++
			}
		}
	}
	return float64(n) / float64(all)
}

func (t *Tuner) chipsOf(rail int) (n int) {
	for i, chips := range t.cfg.Chains {
		if t.railOf(i) == rail {
			n += chips
		}
	}
	return n
}

// canVolts tells whether a rail has room for a step; moveVolts takes it.
func (t *Tuner) canVolts(rail int, by float64) bool {
	r := t.cfg.Rails[rail]
	v := t.volts[rail] + by*r.Step
	return v <= r.Max+1e-9 && v >= r.Min-1e-9
}

func (t *Tuner) moveVolts(rail int, by float64) {
	r := t.cfg.Rails[rail]
	v := math.Round((t.volts[rail]+by*r.Step)*1000) / 1000
	t.volts[rail] = min(max(v, r.Min), r.Max)
}

// raiseVolts gives a step to the rails that have room, and keeps it for a while.
func (t *Tuner) raiseVolts() (raised bool) {
	for rail := range t.volts {
		if t.canVolts(rail, 1) && t.chipsOf(rail) > 0 {
			t.moveVolts(rail, 1)
			raised = true
		}
	}
	if raised {
		t.lower = t.now.Add(afterVolts)
	}
	return raised
}

// spare tells whether a rail may try a step less: no limit that is known says that
// its chips would not stand their clocks then.
func (t *Tuner) spare() bool {
	if t.now.Before(t.lower) {
		return false
	}
	for rail := range t.volts {
		if t.spareOf(rail) {
			return true
		}
	}
	return false
}

func (t *Tuner) spareOf(rail int) bool {
	if !t.canVolts(rail, -1) {
		return false
	}
	short, all := 0, 0
	for i, clocks := range t.plan.Clocks {
		if t.railOf(i) != rail {
			continue
		}
		for j, f := range clocks {
			all++
			if t.allowed(i, j, -1) < f-0.01 {
				short++
			}
		}
	}
	return all > 0 && float64(short) <= manyChips*float64(all)
}

// probe takes a step of voltage from the rails that can spare it.
func (t *Tuner) probe(why string) bool {
	for rail := range t.volts {
		if t.spareOf(rail) {
			t.moveVolts(rail, -1)
		}
	}
	t.probing = true
	return t.step(Measuring, why)
}
