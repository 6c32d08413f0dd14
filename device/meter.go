package device

import "time"

// meter tells a hash rate from work that was proved: each checked solution
// stands for as many hashes as its target takes on average. Nothing that a
// hasher says of itself goes in. The price is chance: n solutions tell the rate to
// one part in sqrt(n), so that 50 a second make 5 s good to 6 %, 1 m to 2 %.
//
// Times are since one moment that the caller chooses.
type meter struct {
	hashes [longest + 1]float64 // of each second, a ring; the newest is not over yet
	last   int64                // newest second in it
	from   time.Duration        // when the first work was given out
	begun  bool
}

// longest is the longest time that a meter looks back, in seconds.
const longest = 15 * 60

// Rates are hash rates over the last 5 seconds, minute and quarter of an hour,
// in hashes per second.
type Rates struct {
	Seconds5  float64 `json:"5s"`
	Minute1   float64 `json:"1m"`
	Minutes15 float64 `json:"15m"`
}

// plus is the sum, for hashers that work side by side.
func (r Rates) plus(q Rates) Rates {
	return Rates{r.Seconds5 + q.Seconds5, r.Minute1 + q.Minute1, r.Minutes15 + q.Minutes15}
}

// begin says that hashing begins, the first time it is called: earlier seconds
// are not looked at.
func (m *meter) begin(at time.Duration) {
	if !m.begun {
		m.from, m.begun = at, true
	}
}

// add counts hashes at a time.
func (m *meter) add(hashes float64, at time.Duration) {
	m.advance(at)
	m.hashes[m.last%(longest+1)] += hashes
}

// advance empties the seconds that were skipped. A time that goes back counts
// as the newest.
func (m *meter) advance(at time.Duration) {
	now := int64(at / time.Second)
	if now-m.last > longest+1 {
		m.last = now - longest - 1
	}
	for m.last < now {
		m.last++
		m.hashes[m.last%(longest+1)] = 0
	}
}

// rates looks back from a time, but not beyond the beginning.
func (m *meter) rates(at time.Duration) Rates {
	m.advance(at)
	return Rates{m.over(5, at), m.over(60, at), m.over(longest, at)}
}

// after is the rate of so many whole seconds and the newest one so far, up to a time.
func (m *meter) after(seconds int64, at time.Duration) float64 {
	m.advance(at)
	return m.over(seconds, at)
}

// over is the rate of so many whole seconds and the newest one so far.
func (m *meter) over(seconds int64, at time.Duration) float64 {
	sum := 0.0
	first := max(0, m.last-seconds)
	for s := first; s <= m.last; s++ {
		sum += m.hashes[s%(longest+1)]
	}
	span := at - max(m.from, time.Duration(first)*time.Second)
	if span <= 0 {
		return 0
	}
	return sum / span.Seconds()
}
