package channel

import (
	"math"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// VardiffConfig says what a channel's target should lead to.
type VardiffConfig struct {
	SharesPerMinute float64        // wished; 0 is 6, with which five minutes tell the hash rate to 18 %
	Nominal         float64        // hash rate that the client claims, h/s; 0 or less: unknown
	MinHashRate     float64        // never assume less, h/s; 0 is 1000
	MaxTarget       bitcoin.Target // never easier; zero: no limit
}

// Evidence that Vardiff wants before it acts.
const (
	evidence       = 8.0 // log-likelihood ratio, at six shares a minute
	silentEvidence = 2.5 // the same for a channel that never had a share: its claim is no fact
	lookEvidence   = 2.0 // the same at a look (see look)
	fewShares      = 12  // fewer are no reason to make shares harder
	shortest       = 10  // seconds; less may be a stalled link and what it held back
	opening        = 120 // seconds after the start in which an open claim is put right in one step
	shortestOpen   = 2   // seconds, during the opening
	largestStep    = 4   // up, for the same reason
	silentDepth    = 1024
	longestGap     = 2 * time.Minute
)

// Vardiff chooses a channel's target so that its shares come at the wished rate. It
// holds no clock: each method takes the time. The zero value does not work.
//
// It keeps the shares of the recent past in a few spans of time, fine near the
// present and coarse further back. Of all pasts that end now it looks for the one
// that speaks most against the hash rate it assumes, by the likelihood ratio of a
// Poisson process, and if that is strong enough takes over the rate of that past
// and forgets what was before. So a step is seen as soon as chance cannot explain
// it, a steady device is left alone, and as evidence is counted in hashes, not
// shares, a change of target loses nothing. Shares are made easier as fast as
// evidence allows, harder by at most a factor of four in ten seconds: a burst
// cannot send a device into silence.
type Vardiff struct {
	config   VardiffConfig
	rate     float64 // assumed, h/s
	target   bitcoin.Target
	hashes   float64 // expected for a share at target
	proven   float64 // largest rate that many shares spoke for
	any      bool    // there was a share
	wanted   float64 // evidence to act on
	nextLook float64 // shares
	started  time.Time
	raised   time.Time // when shares were last made harder
	last     time.Time // up to here time is counted
	now      span
	past     [maxSpans]span // oldest first
	n        int
}

// NewVardiff begins with the hash rate that the client claims.
func NewVardiff(c VardiffConfig, now time.Time) *Vardiff {
	if c.SharesPerMinute <= 0 {
		c.SharesPerMinute = 6
	}
	if c.MinHashRate <= 0 {
		c.MinHashRate = 1000
	}
	if c.MaxTarget == (bitcoin.Target{}) {
		c.MaxTarget = bitcoin.MaxTarget()
	}
	v := &Vardiff{config: c, started: now, last: now, nextLook: fewShares}
	v.wanted = evidence + max(0, math.Log(c.SharesPerMinute/6)) // more shares, more chances to be fooled
	v.assume(c.Nominal)
	return v
}

// Target is the present choice.
func (v *Vardiff) Target() bitcoin.Target { return v.target }

// HashRate is the best estimate of what the device does, in hashes a second. Without
// shares it is what was assumed.
func (v *Vardiff) HashRate() float64 {
	all := v.all()
	return v.estimate(&all)
}

// Share counts one accepted share, of the given expected work (Result.Hashes).
func (v *Vardiff) Share(hashes float64, now time.Time) {
	v.count(1, hashes, now)
}

// count counts n shares. One that was easier than the present target (a late one of
// an older job) counts as the part that it is. One that was harder counts as one
// share still: it would be more evidence than it is.
func (v *Vardiff) count(n, hashes float64, now time.Time) {
	v.advance(now)
	v.now.shares += n * min(1, hashes/v.hashes)
	v.any = true
}

// Check decides whether the target should change; changed tells, and then the caller
// sends SetTarget and a job. Call it every few seconds, shares or not; after shares
// it may be called at once.
func (v *Vardiff) Check(now time.Time) (t bitcoin.Target, changed bool) {
	v.advance(now)
	length, past := v.contradiction()
	if length < 0 {
		length, past = v.look()
	}
	if length < 0 {
		return v.target, false
	}
	rate := v.bound(v.estimate(&past), &past, now)
	v.forget(length)
	v.nextLook = 2 * max(past.shares, fewShares)
	if rate > v.rate {
		v.raised = now
	}
	return v.assume(rate)
}

// Update obeys UpdateChannel. A device's claim is a hint, but a change of the claim is
// news (a proxy's miners come and go): the assumed rate changes by the same factor.
func (v *Vardiff) Update(nominal float64, maxTarget bitcoin.Target, now time.Time) (t bitcoin.Target, changed bool) {
	v.advance(now)
	v.config.MaxTarget = maxTarget
	rate, old := v.rate, v.config.Nominal
	v.config.Nominal = nominal
	switch {
	case nominal == old || !(nominal > 0):
	case !(old > 0):
		rate = nominal
	default:
		rate *= nominal / old
	}
	if rate != v.rate {
		v.restart(now)
	}
	return v.assume(rate)
}

// assume sets the hash rate and the target that follows.
func (v *Vardiff) assume(rate float64) (bitcoin.Target, bool) {
	if !(rate > v.config.MinHashRate) { // or not a number
		rate = v.config.MinHashRate
	}
	v.rate = min(rate, math.MaxFloat32)
	t := bitcoin.RateTarget(v.rate, v.config.SharesPerMinute)
	if t.Cmp(v.config.MaxTarget) > 0 {
		t = v.config.MaxTarget
	}
	changed := t != v.target
	v.target, v.hashes = t, t.Hashes()
	return t, changed
}

// estimate is the rate of a past, held back a little by what was assumed.
func (v *Vardiff) estimate(s *span) float64 {
	prior := 1.0 // shares
	switch {
	case !v.any:
		prior = 0.3 // nothing to hold on to: go down at speed
	case s.shares > v.rate*s.exposure:
		prior = 4 // the past that speaks most for more looks like more than it is
	}
	return (s.shares + prior) / (s.exposure + prior/v.rate)
}

// bound keeps a new rate from going up too far, or down too far in silence.
func (v *Vardiff) bound(rate float64, s *span, now time.Time) float64 {
	if s.shares == 0 {
		return max(rate, min(v.rate, v.proven/silentDepth))
	}
	if v.opens(now) {
		return rate
	}
	return min(rate, largestStep*v.rate)
}

// rests says whether shares were made harder just now: what one burst says is not to
// be heard twice.
func (v *Vardiff) rests() bool {
	return v.last.Sub(v.raised) < shortest*time.Second && !v.opens(v.last)
}

func (v *Vardiff) opens(now time.Time) bool { return now.Sub(v.started) < opening*time.Second }

// contradiction is the past that speaks most against the assumed rate: how many
// spans before the present one it has (-1: none speaks enough), and their sum.
func (v *Vardiff) contradiction() (length int, worst span) {
	length = -1
	sum, most := v.now, 0.0
	for k := 0; ; k++ {
		if d := v.against(&sum, k == v.n); d > most {
			length, worst, most = k, sum, d
		}
		if k == v.n {
			return length, worst
		}
		sum.add(&v.past[v.n-1-k])
	}
}

// look corrects the small error of a rate that rests on few shares: each time that
// there are twice as many, weaker evidence will do. Looks are rare, so chance has
// few chances.
func (v *Vardiff) look() (length int, past span) {
	past = v.all()
	if past.shares < v.nextLook || past.seconds < shortest {
		return -1, past
	}
	v.nextLook = 2 * past.shares
	v.proven = max(v.proven, v.estimate(&past))
	if v.evidence(&past) < lookEvidence {
		return -1, past
	}
	return v.n, past
}

// evidence is the log-likelihood ratio between the rate of s and the assumed one.
func (v *Vardiff) evidence(s *span) float64 {
	expected := v.rate * s.exposure
	d := expected - s.shares
	if s.shares > 0 {
		d += s.shares * math.Log(s.shares/expected)
	}
	return d
}

// against is the evidence of s above what is wanted, 0 if there is not enough. whole:
// s is all that is known.
func (v *Vardiff) against(s *span, whole bool) float64 {
	want, expected := v.wanted, v.rate*s.exposure
	if !v.any {
		want = silentEvidence
	}
	if d := s.shares - expected; d*d < want*expected {
		return 0 // evidence is at most d*d/expected; this saves the logarithm nearly always
	}
	if s.shares > expected && !v.mayRaise(s, whole) {
		return 0
	}
	return max(0, v.evidence(s)-want)
}

// mayRaise says whether s is enough to make shares harder.
func (v *Vardiff) mayRaise(s *span, whole bool) bool {
	least := float32(shortest)
	if whole && v.opens(v.last) {
		least = shortestOpen
	}
	return s.shares >= fewShares && s.seconds >= least && !v.rests()
}
