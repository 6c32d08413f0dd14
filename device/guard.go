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
	// blindAfter is how long the guard goes without any measurement.
	blindAfter = 1500 * time.Millisecond
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
)

// A guard owns a board's power: it turns it on in order, watches it, steers fans
// and clock, and turns it off when anything is not as it should be. One goroutine
// measures, another decides:
//
//	eyes -- board.Sample --> Run: judge -> state -> fans, clock, power
//	                          ^
//	chains -- failures -------+
type guard struct {
	board    *board.Board
	log      *slog.Logger
	event    func(string)
	gate     *gate
	failures chan chainFailure
	clear    chan struct{}

	// Run's own.
	judge    judge
	fans     fanControl
	throttle throttle
	recent   []time.Time // trips within tripsWithin
	duty     float64     // that the fans were told; negative: not known
	downErr  string      // of the last try to turn the board off
	stuck    int         // samples in a row without a chain that works
	failed   map[int]error

	mu     sync.Mutex // what Status reads
	state  Power
	since  time.Time
	reason *Reason
	doubt  string
	trips  int
	sample board.Sample
	share  float64
}

type chainFailure struct {
	chain int
	err   error
}

func newGuard(b *board.Board, log *slog.Logger, event func(string)) (*guard, error) {
	if err := b.Check(); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return &guard{
		board: b, log: log, event: event, gate: newGate(),
		failures: make(chan chainFailure, len(b.Chains)), clear: make(chan struct{}, 1),
		judge: judge{board: b}, throttle: throttle{share: 1}, share: 1, duty: -1, fans: fanControl{duty: 1},
	}, nil
}

// chains are the board's, behind the gate.
func (g *guard) chains() (list []*gated) {
	for i, c := range g.board.Chains {
		list = append(list, &gated{Chain: c, number: i, gate: g.gate, failed: g.chainFailed})
	}
	return list
}

// chainFailed is called by chains; there is room for each one's first failure, and
// further ones say nothing new.
func (g *guard) chainFailed(chain int, err error) {
	select {
	case g.failures <- chainFailure{chain, err}:
	default:
	}
}

// Run guards the board until ctx ends. It returns with the board off.
func (g *guard) Run(ctx context.Context) error {
	samples := make(chan board.Sample)
	var eyes sync.WaitGroup
	eyes.Go(func() { g.watch(ctx, samples) })
	g.enter(PowerOff, time.Now(), nil)
	g.setFans(1)
	blind := time.NewTimer(wellWithin)
	defer blind.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case s := <-samples:
			g.step(ctx, s)
			blind.Reset(blindAfter)
		case f := <-g.failures:
			g.onFailure(f, time.Now())
		case <-blind.C:
			g.trip(newReason(ControllerSilent, g.board.Name, "was not measured for %v", blindAfter), time.Now())
			blind.Reset(blindAfter)
		case <-g.clear:
			g.onClear(time.Now())
		}
	}
	err := g.stop()
	eyes.Wait()
	return err
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
func (g *guard) step(ctx context.Context, s board.Sample) {
	bad, doubt := g.judge.look(&s, g.state.on())
	g.mu.Lock()
	g.sample, g.doubt = s, doubt
	g.mu.Unlock()
	g.steer(&s)
	switch {
	case g.state.on() && bad != nil:
		g.trip(*bad, s.At)
	case g.state == PowerOff:
		g.begin(ctx, &s, bad, doubt)
	case g.state == PowerStarting:
		g.starting(s.At)
	case g.state.on():
		g.mining(&s)
	default:
		g.resting(ctx, &s, doubt)
	}
}

// begin starts the board once everything is well.
func (g *guard) begin(ctx context.Context, s *board.Sample, bad *Reason, doubt string) {
	switch late := s.At.Sub(g.since) > wellWithin; {
	case doubt == "":
		g.start(ctx, s.At)
	case late && bad != nil:
		g.trip(*bad, s.At)
	}
}

func (g *guard) start(ctx context.Context, now time.Time) {
	g.enter(PowerStarting, now, nil)
	g.failed, g.stuck = make(map[int]error), 0
	g.setFans(1)
	if err := g.board.Up(ctx); err != nil {
		if ctx.Err() == nil {
			g.trip(newReason(PowerUpFailed, g.board.Name, "has not got power: %v", err), time.Now())
		}
		return
	}
	g.gate.open()
}

// starting waits until every chain that has not failed hashes.
func (g *guard) starting(now time.Time) {
	up := 0
	for i, c := range g.board.Chains {
		phase := c.Status().Phase
		switch {
		case phase == board.Hashing:
			up++
		case g.failed[i] == nil:
			if now.Sub(g.since) > startWithin {
				g.trip(newReason(StartTimeout, c.String(), "is still %s after %v", phase, startWithin), now)
			}
			return
		}
	}
	if up == 0 {
		return // onFailure trips
	}
	if g.share < 1 {
		g.enter(PowerThrottled, now, nil)
		return
	}
	g.enter(PowerMining, now, nil)
}

// mining looks at what only a board that mines can have.
func (g *guard) mining(s *board.Sample) {
	if working(g.board.Chains) {
		g.stuck = 0
	} else if g.stuck++; g.stuck >= strikes {
		g.trip(newReason(ChainStuck, g.board.Chains[0].String(), "finds nothing any more: none of its chips is well"), s.At)
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
	g.mu.Lock()
	g.share = share
	g.mu.Unlock()
	for _, c := range g.board.Chains {
		c.SetClock(share)
	}
	next := PowerThrottled
	if share == 1 {
		next = PowerMining
	}
	g.log.Info("clock is throttled", "share", share, "margin_kelvin", float64(margin))
	g.enter(next, s.At, nil)
}

// working tells whether any chain has a chip that finds what it should. A chain
// that is being brought up again counts, its failures are told.
func working(chains []board.Chain) bool {
	for _, c := range chains {
		if s := c.Status(); s.Phase != board.Hashing || s.Alive() > 0 {
			return true
		}
	}
	return false
}

// resting keeps a board off that has tripped, and starts it again when its cause
// is gone.
func (g *guard) resting(ctx context.Context, s *board.Sample, doubt string) {
	if g.downErr != "" || leaks(s) {
		g.powerOff()
	}
	if g.state == PowerFault || doubt != "" {
		return
	}
	margin, known := g.judge.margin(s, target)
	rest := max(g.board.Rest, firstRest<<max(0, len(g.recent)-1))
	if known && margin > 0 && s.At.Sub(g.since) >= rest {
		g.start(ctx, s.At)
	}
}

// leaks tells whether a rail that should be off is not.
func leaks(s *board.Sample) bool {
	for _, r := range s.Rails {
		if r.Err == nil && r.Output > 0.2 {
			return true
		}
	}
	return false
}

// onFailure is a chain whose Run has ended. The device starts it again; without
// any other chain the board needs a new start from power on.
func (g *guard) onFailure(f chainFailure, now time.Time) {
	if !g.state.on() {
		return
	}
	if f.err == nil {
		f.err = errors.New("stopped without being asked to")
	}
	g.failed[f.chain] = f.err
	if len(g.failed) == len(g.board.Chains) {
		g.trip(newReason(ChainFailed, g.board.Chains[f.chain].String(), "failed: %v", f.err), now)
	}
}

// trip turns the board off. The first reason stays.
func (g *guard) trip(r Reason, now time.Time) {
	if g.state == PowerSafeOff || g.state == PowerFault {
		return
	}
	r.At = now
	g.gate.close() // chains idle over their own line, whatever the rest can do
	for len(g.recent) > 0 && now.Sub(g.recent[0]) > tripsWithin {
		g.recent = g.recent[1:]
	}
	g.recent = append(g.recent, now)
	next := PowerSafeOff
	if !r.Code.passes() || len(g.recent) > maxTrips {
		next = PowerFault
	}
	if r.Code == OverTemperature { // what was too much once is so again
		g.throttle.share = max(throttleLeast, g.throttle.share-throttleStep)
		for _, c := range g.board.Chains {
			c.SetClock(g.throttle.share)
		}
	}
	g.mu.Lock()
	g.trips++
	g.share = g.throttle.share
	g.mu.Unlock()
	g.enter(next, now, &r)
	g.powerOff()
	g.setFans(1)
}

// powerOff is tried again with each sample until it works.
func (g *guard) powerOff() {
	text := ""
	if err := g.board.Down(); err != nil {
		text = err.Error()
	}
	if text != g.downErr && text != "" {
		g.event("the board cannot be turned off: " + text)
		g.log.Error("the board cannot be turned off; its chips were told to rest, fans stay on", "err", text)
	}
	if text == "" && g.downErr != "" {
		g.event("the board is turned off now")
	}
	g.downErr = text
}

// onClear forgets trips; a board that is off because of them may start.
func (g *guard) onClear(now time.Time) {
	g.recent = nil
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
	if err := g.board.SetFans(duty); err != nil {
		g.mu.Lock()
		g.duty = -1 // again with the next sample
		g.mu.Unlock()
		g.log.Warn("fans do not listen", "err", err)
	}
}

// stop is the end: everything off, fans on as long as anything may be hot.
func (g *guard) stop() error {
	g.gate.close()
	err := g.board.Down()
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

// Status is safe to call at any time.
func (g *guard) Status() *BoardStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	b := &BoardStatus{
		Name: g.board.Name, Power: g.state, SinceSeconds: now.Sub(g.since).Seconds(),
		Reason: g.reason, Trips: g.trips, ClockShare: g.share,
	}
	if !g.state.on() {
		b.Blocked = g.doubt
	}
	for i, t := range g.sample.Temperatures {
		b.Temperatures = append(b.Temperatures, TemperatureStatus{
			Name: g.board.Thermometers[i].Name, Celsius: t.Celsius, AgeSeconds: age(now, t.At), Error: text(t.Err),
		})
	}
	for i, f := range g.sample.Fans {
		b.Fans = append(b.Fans, FanStatus{Name: g.board.Fans[i].Name, RPM: f.RPM, Duty: max(g.duty, g.board.Fans[i].MinDuty), Error: text(f.Err)})
	}
	for i, r := range g.sample.Rails {
		b.Rails = append(b.Rails, RailStatus{
			Name: g.board.Rails[i].Name, Output: r.Output, Amps: r.Current, Input: r.Input,
			Watts: float64(r.Output) * float64(r.Current), Error: text(r.Err),
		})
	}
	for _, c := range g.board.Chains {
		b.Chains = append(b.Chains, c.Status())
	}
	return b
}

func age(now, at time.Time) float64 {
	if at.IsZero() {
		return -1 // never
	}
	return now.Sub(at).Seconds()
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
