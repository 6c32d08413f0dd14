package device

import (
	"errors"
	"fmt"
	"time"

	"github.com/lodefw/lode/board"
)

const (
	// maxChainTrips of one chain in tripsWithin are too many.
	maxChainTrips = 5
	// firstRetry is the pause before a chain is tried again; it doubles.
	firstRetry = 10 * time.Second
	// fruitless is how long a chain with work may find nothing: the slowest finds
	// something every two seconds.
	fruitless = time.Minute
	// stopsWithin is how long a chain's Run may take to end.
	stopsWithin = 10 * time.Second
)

// A link is a chain in the guard's eyes. Its state is as the board's, without
// PowerThrottled: a chain that fails goes to PowerSafeOff and PowerFault alone.
// When no chain is left the board follows.
type link struct {
	number int
	chain  board.Chain
	run    *gated

	// The guard's mutex guards what its Status reads: state, since, reason, doubt.
	state  Power
	since  time.Time
	reason *Reason
	doubt  string

	recent []time.Time // trips within tripsWithin
	mined  int         // samples since it mines
	stuck  int         // samples in a row without a chip that works
	good   uint64      // results, when they last changed
	goodAt time.Time
	shut   time.Time // when its gate was closed
	told   bool      // that it does not stop
}

func newLink(number int, c board.Chain, tell func(outcome)) *link {
	return &link{number: number, chain: c, run: &gated{Chain: c, number: number, gate: newGate(), tell: tell}}
}

// open lets the chain run, once it has power.
func (l *link) open(now time.Time) {
	l.stuck, l.told = 0, false
	l.run.gate.open()
}

// rest is for a chain whose board goes off. What it was called off for stays. The
// guard's mutex is held.
func (l *link) rest(now time.Time) {
	l.shut = now
	if l.state != PowerFault {
		l.state, l.since = PowerOff, now
	}
}

// clear forgets trips. The guard's mutex is held.
func (l *link) clear(now time.Time) {
	l.recent = nil
	if l.state == PowerFault || l.state == PowerSafeOff {
		l.state, l.since = PowerOff, now
	}
}

// stepChains takes every chain a step on, and the board with them. A verdict for
// each chain is given.
func (g *guard) stepChains(s *board.Sample, verdicts []verdict) {
	if g.hands.partOff(0) {
		return // what they share is not up yet
	}
	for i, l := range g.links {
		bad := verdicts[i].bad
		switch {
		case l.state.on() && bad != nil:
			g.tripChain(l, *bad, s.At)
		case l.state == PowerStarting:
			g.chainStarting(l, s.At)
		case l.state == PowerMining:
			g.chainMining(l, s.At)
		case l.state != PowerFault:
			g.chainResting(l, bad, s.At)
		}
		if !g.state.on() {
			return // that was the last one
		}
		g.chainStops(l, s.At)
	}
	g.settle(s.At)
}

// settle has the board mine once no chain is still on its way.
func (g *guard) settle(now time.Time) {
	if g.state != PowerStarting {
		return
	}
	for _, l := range g.links {
		if l.state == PowerOff || l.state == PowerStarting {
			return
		}
	}
	if g.share < 1 {
		g.enter(PowerThrottled, now, nil)
	} else {
		g.enter(PowerMining, now, nil)
	}
	if !g.walked {
		g.walked = true
		g.hands.walk(0)
	}
}

// chainStarting waits until a chain hashes.
func (g *guard) chainStarting(l *link, now time.Time) {
	phase := l.chain.Status().Phase
	switch {
	case phase == board.Hashing:
		g.enterChain(l, PowerMining, now, nil)
		l.goodAt, l.mined = now, 0
		g.hands.walk(l.number)
	case now.Sub(l.since) > startWithin:
		g.tripChain(l, newReason(StartTimeout, l.chain.String(), "is still %s after %v", phase, startWithin), now)
	}
}

// chainMining finds a chain that does nothing any more. One that is being brought
// up again counts as well, its failures are told.
func (g *guard) chainMining(l *link, now time.Time) {
	s := l.chain.Status()
	l.mined++
	if l.stuck++; s.Phase != board.Hashing || s.Alive() > 0 {
		l.stuck = 0
	}
	working := g.busy == nil || g.busy()
	if s.Good != l.good || s.Phase != board.Hashing || !working {
		l.good, l.goodAt = s.Good, now
	}
	for _, text := range g.health.look(l.number, &s, working, now) {
		g.event("chain " + l.chain.String() + ": " + text)
		g.log.Warn(text, "chain", l.chain.String())
	}
	switch {
	case l.stuck >= strikes:
		g.tripChain(l, newReason(ChainStuck, l.chain.String(), "finds nothing any more: none of its chips is well"), now)
	case now.Sub(l.goodAt) > fruitless:
		g.tripChain(l, newReason(ChainStuck, l.chain.String(), "has found nothing for %v, and has work", fruitless), now)
	}
}

// chainResting starts a chain whose time has come.
func (g *guard) chainResting(l *link, bad *Reason, now time.Time) {
	if l.state == PowerSafeOff && now.Sub(l.since) < firstRetry<<max(0, len(l.recent)-1) {
		return
	}
	if l.doubt != "" {
		if l.state == PowerOff && bad != nil && now.Sub(g.since) > wellWithin {
			g.tripChain(l, *bad, now)
		}
		return
	}
	if !g.hands.partIdle(l.number) || l.run.inside.Load() {
		if g.hands.hasFailed(l.number) {
			g.hands.down(l.number)
		}
		return
	}
	g.enterChain(l, PowerStarting, now, nil)
	g.hands.up(l.number)
}

// chainStops names a chain whose Run does not end.
func (g *guard) chainStops(l *link, now time.Time) {
	if !l.state.on() && !l.told && l.run.inside.Load() && now.Sub(l.shut) > stopsWithin {
		l.told = true
		g.event(fmt.Sprintf("chain %s does not stop; it stays without power", l.chain))
		g.log.Error("chain does not stop", "chain", l.chain.String(), "since", now.Sub(l.shut))
	}
}

// onChainEnd is a chain whose Run has ended.
func (g *guard) onChainEnd(o outcome, now time.Time) {
	l := g.links[o.part-1]
	if !g.state.on() || !l.state.on() {
		return
	}
	if o.err == nil {
		o.err = errors.New("stopped without being asked to")
	}
	g.tripChain(l, g.cause(ChainFailed, l.number, "failed: %v", o.err), now)
}

// tripChain turns a chain off; and the board, if that was the last one.
func (g *guard) tripChain(l *link, r Reason, now time.Time) {
	if l.state == PowerSafeOff || l.state == PowerFault {
		return
	}
	r.At = now
	l.run.gate.close()
	l.shut = now
	l.recent = within(l.recent, now)
	next := PowerSafeOff
	if !r.Code.passes() || len(l.recent) > maxChainTrips {
		next = PowerFault
	}
	g.enterChain(l, next, now, &r)
	for _, other := range g.links {
		if other.state == PowerOff || other.state.on() {
			g.hands.down(l.number)
			g.cooler(r.Code)
			return
		}
	}
	g.trip(r, now)
}

// allLatched tells whether no chain may start again.
func (g *guard) allLatched() bool {
	for _, l := range g.links {
		if l.state != PowerFault {
			return false
		}
	}
	return true
}

// live tells whether a chain's sensors can answer: it has hashed for some samples.
func (g *guard) live(chain, samples int) bool {
	for _, l := range g.links {
		if (chain == 0 || chain == l.number) && l.state == PowerMining && l.mined >= samples {
			return true
		}
	}
	return false
}

// enterChain is enter for a chain. The only chain of a board is told with it.
func (g *guard) enterChain(l *link, p Power, now time.Time, r *Reason) {
	g.mu.Lock()
	l.state, l.since = p, now
	if r != nil || p == PowerMining {
		l.reason = r
	}
	g.mu.Unlock()
	if len(g.links) == 1 {
		return
	}
	text := fmt.Sprintf("chain %s is %s", l.chain, p)
	if r != nil {
		text += ": " + r.String()
		g.log.Error("chain is off", "chain", l.chain.String(), "state", p.String(), "reason", r.String(), "advice", r.Advice)
	}
	g.event(text)
}
