package tuning

import (
	"fmt"
	"math"
)

// notch numbers the voltages, by the first rail.
func (t *Tuner) notch() int {
	if len(t.volts) == 0 {
		return 0
	}
	r := t.cfg.Rails[0]
	return int(math.Round((t.volts[0] - r.Min) / r.Step))
}

// seek looks for the voltage at which a hash costs least. At each, the clock goes
// as high as the chips stand: what leaks is shared by more hashes then. From one
// voltage it goes to the cheaper neighbour, until both are dearer.
func (t *Tuner) seek(s *Sample, cost float64) bool {
	held, why := t.held(s)
	if free := t.free(); free >= 0.5 && !held {
		t.base += 2 * Step
		return t.step(Measuring, "more clock for this voltage")
	}
	if t.now.Sub(t.status.Changed) > forgetting {
		clear(t.measured)
	}
	at := t.notch()
	t.measured[at] = cost
	down, downKnown := t.measured[at-1]
	up, upKnown := t.measured[at+1]
	switch {
	case downKnown && down < cost*(1-lessWatts) && t.shift(-1),
		!downKnown && t.shift(-1):
		return t.step(Measuring, fmt.Sprintf("%.4g J/TH here: less voltage", cost*1e12))
	case held:
		return t.step(Held, why)
	case upKnown && up < cost*(1-lessWatts) && t.shift(1),
		!upKnown && (!downKnown || down > cost) && t.shift(1):
		return t.step(Measuring, fmt.Sprintf("%.4g J/TH here: more voltage", cost*1e12))
	}
	return t.step(Settled, "every other voltage costs more")
}

// shift moves all rails that can.
func (t *Tuner) shift(by float64) (moved bool) {
	for rail := range t.volts {
		if t.canVolts(rail, by) && t.chipsOf(rail) > 0 {
			t.moveVolts(rail, by)
			moved = true
		}
	}
	if by > 0 && moved {
		t.base = t.cfg.MaxClock // as high as limits allow
		t.base = max(min(t.base, t.plan.top()+perNotch), t.cfg.MinClock)
	}
	return moved
}
