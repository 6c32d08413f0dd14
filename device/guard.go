package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/lodefw/lode/board"
)

const (
	// blindAfter is how long the guard goes without any measurement, counted in
	// ticks of its own. While the computer lets nobody run there are none: that is
	// no silence of the board, and is starveAfter's to bound.
	blindAfter = 1500 * time.Millisecond
	blindTick  = 100 * time.Millisecond
	// wellWithin is how long sensors and fans have to be well at the start.
	wellWithin = 5 * time.Second
	// startWithin bounds a start: the longest chains take a minute, and a chain's
	// restart may wait as long.
	startWithin = 3 * time.Minute
	// firstRest is the time that a board stays off after a trip; it doubles.
	firstRest = 10 * time.Second
	// maxTrips in tripsWithin are too many.
	maxTrips    = 3
	tripsWithin = time.Hour
	// patientRest is a board's rest above which it counts from our start, too.
	patientRest = 5 * time.Second
)

// A guard owns a board's power: it turns it on in order, watches it, steers fans
// and clock, and turns it off when anything is not as it should be. One goroutine
// measures, another decides, and others do what may take a while, so that whoever
// decides never waits:
//
//	eyes ----- board.Sample --> Run: judge -> states -> fans, clock, power
//	                             ^                        |
//	chains, keepers -- failures -+                        v
//	                             +------ outcomes ----- hands
type guard struct {
	board    *board.Board
	log      *slog.Logger
	event    func(string)
	hands    *hands
	links    []*link // the chains
	outcomes chan outcome
	clear    chan struct{}
	// busy tells whether the chains have work; nil: always.
	busy func() bool

	// Run's own.
	begun    time.Time
	judge    judge
	health   census
	fans     fanControl
	throttle throttle
	recent   []time.Time // trips within tripsWithin
	duty     float64     // that the fans were told; negative: not known
	downErr  string      // of the last try to turn anything off
	fansErr  string      // of the last try to set the fans
	walked   bool        // rails were sent to their last voltage
	renewal  renewal

	mu      sync.Mutex // what Status reads
	state   Power
	since   time.Time
	reason  *Reason
	doubt   string
	trips   int
	sample  board.Sample
	share   float64
	decided time.Time // the last turn of Run's loop
	unsafe  time.Time // since when the power is not as the state says; zero: it is
}

func newGuard(b *board.Board, log *slog.Logger, event func(string)) (*guard, error) {
	if err := b.Check(); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	g := &guard{
		board: b, log: log, event: event,
		// Room for a failure of each chain and keeper at once.
		outcomes: make(chan outcome, 2*len(b.Chains)+len(b.Keepers)+8), clear: make(chan struct{}, 1),
		throttle: throttle{share: 1}, share: 1, duty: -1, fans: fanControl{duty: 1},
	}
	g.hands = newHands(b, g.tell)
	for i, c := range b.Chains {
		g.links = append(g.links, newLink(i+1, c, g.tell))
	}
	g.judge = judge{board: b, live: g.live}
	return g, nil
}

// chains are the board's, behind their gates.
func (g *guard) chains() (list []*gated) {
	for _, l := range g.links {
		list = append(list, l.run)
	}
	return list
}

// tell is called by chains, keepers and hands. What finds no room says nothing new.
func (g *guard) tell(o outcome) {
	select {
	case g.outcomes <- o:
	default:
		g.log.Error("the guard does not keep up", "outcome", o.String())
	}
}

// Run guards the board until ctx ends. It returns with the board off.
func (g *guard) Run(ctx context.Context) error {
	samples := make(chan board.Sample)
	var eyes sync.WaitGroup
	eyes.Go(func() { g.watch(ctx, samples) })
	g.hands.begin(ctx, func() { g.shutGates() })
	g.mu.Lock()
	g.begun = time.Now()
	g.mu.Unlock()
	g.enter(PowerOff, g.begun, nil)
	if g.board.Rest > patientRest {
		g.log.Info("the board gets power when it has surely been off for long enough", "in", g.board.Rest)
	}
	g.setFans(1)
	tick := time.NewTicker(blindTick)
	defer tick.Stop()
	blind := wellWithin // is left
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case s := <-samples:
			g.step(&s)
			blind = blindAfter
		case o := <-g.outcomes:
			g.on(o, time.Now())
		case <-tick.C:
			if blind -= blindTick; blind < 0 {
				g.trip(newReason(ControllerSilent, g.board.Name, "was not measured for %v", blindAfter), time.Now())
				blind = blindAfter
			}
		case <-g.clear:
			g.onClear(time.Now())
		}
		g.decide(time.Now())
	}
	err := g.stop()
	eyes.Wait()
	return err
}

// decide is the end of each turn of the loop: who keeps the board's hardware awake
// learns that the guard lives.
func (g *guard) decide(now time.Time) {
	if g.hands.pulse() {
		g.trip(newReason(GuardStuck, g.board.Name, "was not guarded for %v; its heartbeats were stopped", starveAfter), now)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.decided = now
	switch wrong := g.downErr != "" || !g.state.on() && leaks(g.board, &g.sample); {
	case !wrong, g.renewal.gone: // a restart of this computer brings no cable back
		g.unsafe = time.Time{}
	case g.unsafe.IsZero():
		g.unsafe = now
	}
}

// watch measures until ctx ends.
func (g *guard) watch(ctx context.Context, samples chan<- board.Sample) {
	tick := time.NewTicker(g.board.Poll)
	defer tick.Stop()
	for {
		select {
		case samples <- g.board.Measure(time.Now()):
		case <-ctx.Done():
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// step is everything that follows from one sample.
func (g *guard) step(s *board.Sample) {
	v := g.judge.look(s)
	g.mu.Lock()
	g.sample, g.doubt = *s, v[0].doubt
	for i, l := range g.links {
		l.doubt = v[i+1].doubt
	}
	g.mu.Unlock()
	g.steer(s)
	switch bad := v[0].bad; {
	case g.state.on() && bad != nil:
		g.trip(*bad, s.At)
	case g.state == PowerOff:
		g.renewing(s)
		g.begin(s, bad)
	case g.state.on():
		g.stepChains(s, v[1:])
		g.mining(s)
	default:
		g.renewing(s)
		g.resting(s)
	}
}

// begin starts the board once everything is well. What could not be turned off
// before somebody cleared its trip is tried again.
func (g *guard) begin(s *board.Sample, bad *Reason) {
	if g.downErr != "" {
		g.hands.down(allParts)
	}
	switch late := s.At.Sub(g.since) > wellWithin; {
	case g.board.Rest > patientRest && s.At.Sub(g.begun) < g.board.Rest:
	case g.doubt == "" && g.hands.isIdle():
		g.start(s.At)
	case late && bad != nil:
		g.trip(*bad, s.At)
	}
}

// start gives power to what all chains share; the chains follow when that is done.
func (g *guard) start(now time.Time) {
	g.enter(PowerStarting, now, nil)
	g.walked = false
	g.mu.Lock()
	g.duty = -1 // the power-up sets the fans, too
	g.mu.Unlock()
	g.setFans(1)
	g.hands.up(0)
}

// on is what follows from something that has ended.
func (g *guard) on(o outcome, now time.Time) {
	switch o.what {
	case poweredUp:
		g.onUp(o, now)
	case poweredDown:
		g.onDown(o)
	case chainEnded:
		g.onChainEnd(o, now)
	case keeperEnded:
		g.onKeeper(o, now)
	case walkEnded:
		if o.err != nil && g.state.on() {
			g.tripPart(o.part, newReason(OutputBad, g.nameOf(o.part), "does not go to its voltage: %v", o.err), now)
		}
	case fansSet:
		g.onFans(o.err)
	case renewed:
		g.onRenewed(o, now)
	}
}

// onFans notes whether the fans listen, once for each answer.
func (g *guard) onFans(err error) {
	if err != nil {
		g.mu.Lock()
		g.duty = -1 // again with the next sample
		g.mu.Unlock()
	}
	switch is := text(err); {
	case is == g.fansErr:
	case is == "":
		g.log.Info("fans listen again")
	default:
		g.log.Warn("fans do not listen", "err", is)
	}
	g.fansErr = text(err)
}

// onUp goes on with a power-up that is over.
func (g *guard) onUp(o outcome, now time.Time) {
	switch {
	case !g.hands.current(o):
	case o.err != nil:
		g.tripPart(o.part, g.cause(PowerUpFailed, o.part, "has not got power: %v", o.err), now)
	case o.part > 0:
		g.links[o.part-1].open(now)
	}
}

// onDown notes whether something could be turned off.
func (g *guard) onDown(o outcome) {
	text := text(o.err)
	left := "its chips were told to rest, fans stay on"
	if errors.Is(o.err, board.ErrUnplugged) {
		text = board.ErrUnplugged.Error() // and not each part's
		left = "it goes on as it is until its cable is plugged in"
	}
	if text != g.downErr && text != "" {
		g.event("the board cannot be turned off: " + text)
		g.log.Error("the board cannot be turned off; "+left, "err", text)
	}
	if text == "" && g.downErr != "" && g.hands.allDown() {
		g.event("the board is turned off now")
		g.rests(time.Now())
	}
	if text != "" || g.hands.allDown() {
		g.downErr = text
	}
}

func (g *guard) onKeeper(o outcome, now time.Time) {
	g.event(fmt.Sprintf("keeper %s failed: %v", o.name, o.err))
	g.log.Error("keeper failed", "keeper", o.name, "err", o.err)
	if g.state.on() {
		g.tripPart(o.part, newReason(KeeperFailed, o.name, "failed: %v", o.err), now)
	}
}

// nameOf is a part for people.
func (g *guard) nameOf(part int) string {
	if part == 0 {
		return g.board.Name
	}
	return g.links[part-1].chain.String()
}

// mining looks at what only a board that mines can have, and steers the clock.
func (g *guard) mining(s *board.Sample) {
	if !g.state.on() || g.state == PowerStarting {
		return
	}
	margin, known := g.judge.margin(s, throttleLimit)
	if !known {
		return // the judge counts that
	}
	share, changed := g.throttle.next(margin, s.At)
	if !changed {
		return
	}
	g.setClock(share)
	next := PowerThrottled
	if share == 1 {
		next = PowerMining
	}
	g.log.Info("clock is throttled", "share", share, "margin_kelvin", float64(margin))
	g.enter(next, s.At, nil)
}

func (g *guard) setClock(share float64) {
	g.mu.Lock()
	g.share = share
	g.mu.Unlock()
	for _, c := range g.board.Chains {
		c.SetClock(share)
	}
}

// resting keeps a board off that has tripped, and starts it again when its cause
// is gone.
func (g *guard) resting(s *board.Sample) {
	if g.downErr != "" || leaks(g.board, s) {
		g.hands.down(allParts)
	}
	if g.state == PowerFault || g.doubt != "" || !g.hands.isIdle() {
		return
	}
	margin, known := g.judge.margin(s, target)
	rest := max(g.board.Rest, firstRest<<max(0, len(g.recent)-1))
	if known && margin > 0 && s.At.Sub(g.since) >= rest {
		g.start(s.At)
	}
}

// leaks tells whether a rail that should be off is not.
func leaks(b *board.Board, s *board.Sample) bool {
	for i, r := range s.Rails {
		if r.Err == nil && r.Output > 0.2 && !b.Rails[i].Stays {
			return true
		}
	}
	return false
}

// tripPart turns off what a reason is about: a chain, or with 0 the board.
func (g *guard) tripPart(part int, r Reason, now time.Time) {
	if part > 0 {
		g.tripChain(g.links[part-1], r, now)
		return
	}
	g.trip(r, now)
}

// trip turns the board off. The first reason stays.
func (g *guard) trip(r Reason, now time.Time) {
	if g.state == PowerSafeOff || g.state == PowerFault {
		return
	}
	r.At = now
	g.shutGates() // chains idle over their own line, whatever the rest can do
	g.hands.down(allParts)
	g.recent = within(g.recent, now)
	next := PowerSafeOff
	if !r.Code.passes() || len(g.recent) > maxTrips || g.allLatched() {
		next = PowerFault
	}
	g.cooler(r.Code)
	g.mu.Lock()
	for _, l := range g.links {
		l.rest(now)
	}
	g.trips++
	g.mu.Unlock()
	g.enter(next, now, &r)
	g.setFans(1)
}

// cooler lowers the clock after a trip by heat: what was too much once is so again.
func (g *guard) cooler(c Code) {
	if c == OverTemperature {
		g.throttle.share = max(throttleLeast, g.throttle.share-throttleStep)
		g.setClock(g.throttle.share)
	}
}

// within adds now to a list of moments, and forgets those of longer ago.
func within(list []time.Time, now time.Time) []time.Time {
	for len(list) > 0 && now.Sub(list[0]) > tripsWithin {
		list = list[1:]
	}
	return append(list, now)
}

// onClear forgets trips; what is off because of them may start.
func (g *guard) onClear(now time.Time) {
	g.recent = nil
	g.mu.Lock()
	for _, l := range g.links {
		l.clear(now)
	}
	g.mu.Unlock()
	if g.state == PowerSafeOff || g.state == PowerFault {
		g.enter(PowerOff, now, nil)
	}
}

// steer sets the fans: by the controller while there is power, else full speed
// until all is cool.
func (g *guard) steer(s *board.Sample) {
	margin, known := g.judge.margin(s, target)
	duty := g.fans.next(margin, known, s.At)
	if !g.state.on() {
		duty = 1
		if cool := known && margin > coolBelow; cool && g.state != PowerOff {
			duty = 0
		}
		g.fans.duty = 1
	}
	if g.state == PowerStarting {
		duty, g.fans.duty = 1, 1
	}
	g.setFans(duty)
}

// coolBelow is how far below its target a place is cool: fans may go slow.
const coolBelow = board.Celsius(15)

// setFans tells the fans a duty, unless they have it. A fan that does not listen
// shows by its speed.
func (g *guard) setFans(duty float64) {
	if change := duty - g.duty; g.duty >= 0 && max(change, -change) < fanSmall && (duty != 1 || g.duty == 1) {
		return
	}
	g.mu.Lock()
	g.duty = duty
	g.mu.Unlock()
	g.hands.setFans(duty)
}

func (g *guard) shutGates() {
	for _, l := range g.links {
		l.run.gate.close()
	}
}

// stop is the end: everything off, fans on as long as anything may be hot.
func (g *guard) stop() error {
	g.shutGates()
	err := g.hands.end()
	s := g.sample
	margin, known := g.judge.margin(&s, target)
	duty := 1.0
	if known && margin > coolBelow {
		duty = 0
	}
	g.enter(PowerOff, time.Now(), nil)
	return errors.Join(err, g.board.SetFans(duty))
}

func (g *guard) enter(p Power, now time.Time, r *Reason) {
	g.mu.Lock()
	was := g.state
	if was != p || r != nil || g.since.IsZero() {
		g.since = now
	}
	g.state = p
	if r != nil || p == PowerOff || p == PowerMining {
		g.reason = r
	}
	g.mu.Unlock()
	switch {
	case r != nil:
		g.event(fmt.Sprintf("board is %s: %s", p, r))
		g.log.Error("board is off", "state", p.String(), "reason", r.String(), "advice", r.Advice)
	case was != p:
		g.event("board is " + p.String())
		g.log.Info("board", "state", p.String())
	}
}

// clearTrips may be called by anybody.
func (g *guard) clearTrips() {
	select {
	case g.clear <- struct{}{}:
	default:
	}
}

// Limits of what a hardware watchdog is fed with: a guard that has turns, a sample of
// the board, and power that is as the guard wants it.
const (
	decidedWithin = 3 * time.Second
	sampleWithin  = 5 * time.Second
	unsafeWithin  = 30 * time.Second
)

// healthy says why nobody may rely on this guard; nil: all is well, be the board on
// or safely off.
func (g *guard) healthy(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case now.Sub(g.decided) > decidedWithin:
		return fmt.Errorf("the guard has not decided anything for more than %v", decidedWithin)
	case g.state.on() && now.Sub(g.sample.At) > sampleWithin:
		return fmt.Errorf("the board was not measured for more than %v", sampleWithin)
	case !g.unsafe.IsZero() && now.Sub(g.unsafe) > unsafeWithin:
		return fmt.Errorf("the board cannot be turned off for more than %v", unsafeWithin)
	}
	return nil
}
