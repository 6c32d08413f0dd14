package tuning

import (
	"math"
	"slices"
	"time"
)

// A measurement lasts until there are enough results, in these bounds. It begins
// when temperatures have followed the last step.
const (
	settleTime = 20 * time.Second
	leastTime  = 40 * time.Second
	mostTime   = 10 * time.Minute
	enough     = 200 // results of all chips
	enoughEach = 25  // on average of a chip
)

// errorLimit is the share of wrong results that a chip may have: beyond it, a step
// less clock makes more good ones.
const errorLimit = 0.01

// window gathers what is measured at one plan.
type window struct {
	begun   time.Time // the board is at its plan since then; zero: it is not
	counted bool      // the first counters were taken
	from    time.Time // when
	first   [][]Chip
	watts   float64
	samples int
}

// result is what a window has shown.
type result struct {
	watts, rate, errors float64
	bad                 [][]bool // chips that are to go down
	yields              [][]yield
	any                 bool
	few                 string // what is missing for a judgement; empty: nothing
}

// add takes a sample. It tells whether there is something to look at.
func (w *window) add(s *Sample) bool {
	switch {
	case w.begun.IsZero():
		w.begun = s.At
		return false
	case s.At.Sub(w.begun) < settleTime:
		return false
	case !w.counted || w.back(s):
		*w = window{begun: w.begun, counted: true, from: s.At}
		for _, c := range s.Chains {
			w.first = append(w.first, append([]Chip(nil), c.Chips...))
		}
		return false
	}
	w.watts += s.Watts
	w.samples++
	return true
}

// back tells whether counters began anew, or chips are others.
func (w *window) back(s *Sample) bool {
	if len(s.Chains) != len(w.first) {
		return true
	}
	for i, c := range s.Chains {
		if len(c.Chips) != len(w.first[i]) {
			return true
		}
		for j, chip := range c.Chips {
			if was := w.first[i][j]; chip.Good < was.Good || chip.Errors < was.Errors {
				return true
			}
		}
	}
	return false
}

// yield is what a chip has found, and what it should have, over many windows: a
// chip that finds too little shows that later than one that is wrong.
type yield struct {
	found, want float64
	errs, of    float64 // results at the plan of now, and how many were wrong
	lowered     int     // how often finding too little has cost it a step
}

// mostLowered bounds the steps that a chip goes down for finding too little: cores
// that are dead do not come back with less clock.
const mostLowered = 4

func (y *yield) add(found, want, errs float64) {
	const long = 2000 // results
	if y.found, y.want = y.found+found, y.want+want; y.want > long {
		y.found, y.want = y.found/2, y.want/2
	}
	if y.errs, y.of = y.errs+errs, y.of+found; y.of > long {
		y.errs, y.of = y.errs/2, y.of/2
	}
}

// look judges what there is so far, and before: yields are those of each chip.
func (w *window) look(s *Sample, yields [][]yield) (r result) {
	span := s.At.Sub(w.from)
	r.watts = w.watts / float64(w.samples)
	total, wrong, chips := 0.0, 0.0, 0
	for i, c := range s.Chains {
		bad, next := make([]bool, len(c.Chips)), slices.Clone(yields[i])
		good, errs, expected := 0.0, 0.0, 0.0
		sum := 0.0
		for _, chip := range c.Chips {
			sum += chip.MHz
		}
		for j, chip := range c.Chips {
			g, e := float64(chip.Good-w.first[i][j].Good), float64(chip.Errors-w.first[i][j].Errors)
			want := 0.0
			if c.ResultHashes > 0 && sum > 0 {
				want = c.HashRate * chip.MHz / sum * span.Seconds() / c.ResultHashes
			}
			good, errs, expected = good+g, errs+e, expected+want
			if !chip.Alive {
				continue // the guard's and the driver's business
			}
			chips++
			y := yields[i][j]
			y.add(g+e, want, e)
			if few := y.lowered < mostLowered && tooFew(y.found, y.want); few || tooMany(e, g+e) || tooMany(y.errs, y.of) {
				bad[j], r.any = true, true
				if few {
					yields[i][j] = yield{lowered: y.lowered + 1} // it is given time to mend
				}
			}
			next[j] = y
		}
		r.bad, r.yields = append(r.bad, bad), append(r.yields, next)
		r.rate += c.HashRate * proved(good, errs, expected)
		total, wrong = total+good+errs, wrong+errs
	}
	r.errors = wrong / max(total, 1)
	switch {
	case span < leastTime:
		r.few = "time"
	case span < mostTime && (total < enough || total < enoughEach*float64(chips)):
		r.few = "results"
	}
	return r
}

// tooMany tells whether errors are surely more than the limit.
func tooMany(errs, of float64) bool {
	mean := errorLimit * of
	return errs >= 3 && errs > mean+2*math.Sqrt(mean)
}

// tooFew tells whether a chip finds surely less than it should.
func tooFew(found, want float64) bool {
	return want >= 30 && found < 0.85*want && found < want-4*math.Sqrt(want)
}

// proved is the share of the expected rate that results show. Chance alone does
// not count against it: the clock says more than a hundred results do.
func proved(good, errs, expected float64) float64 {
	share := good / max(good+errs, 1)
	if n := good + errs; expected > 0 && n < expected-4*math.Sqrt(expected) {
		share *= n / expected
	}
	return share
}
