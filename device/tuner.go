package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/device/tuning"
)

// Tuning says what to tune a board for.
type Tuning struct {
	Target tuning.Target // zero: nothing is tuned, only the profile is taken
	// Profile is the file that keeps what was found; empty: none. It is where the
	// next start begins.
	Profile string
}

// TunerStatus is a tuner at one moment.
type TunerStatus struct {
	tuning.Status
	Profile string    `json:"profile,omitempty"`
	Saved   time.Time `json:"saved,omitzero"`
	Problem string    `json:"problem,omitempty"` // with the profile, or a rail
}

// How often the tuner looks, and how long at least between two savings.
const (
	tuneEvery = time.Second
	saveEvery = 10 * time.Minute
)

// A tuner takes a board to where tuning wants it. Clocks go down before voltages,
// and up after them. It asks nobody: what it does is within the board's clamps, and
// the guard may lower clocks or take the power whenever it likes.
type tuner struct {
	tunable
	core    *tuning.Tuner
	target  tuning.Target
	guard   *guard
	path    string
	log     *slog.Logger
	event   func(string)
	blamed  map[string]time.Time // when each part was last turned off for what we may have done
	trips   int
	written tuning.Plan // that the file has
	tried   time.Time   // to write it

	mu     sync.Mutex
	status TunerStatus
}

var errNoBoard = errors.New("device: only a board can be tuned: a computer's processor decides its clock itself")

// newTuner has the board start from its profile, if there is one that fits. It is
// nil when that is all.
func newTuner(cfg *Tuning, g *guard, log *slog.Logger, event func(string)) (*tuner, error) {
	if g == nil {
		return nil, errNoBoard
	}
	parts, err := tunableOf(g.board)
	if err != nil {
		return nil, fmt.Errorf("device: %s cannot be tuned: %w", g.board.Name, err)
	}
	t := &tuner{tunable: parts, target: cfg.Target, guard: g, path: cfg.Profile, log: log, event: event, blamed: make(map[string]time.Time)}
	if err := t.reachable(); err != nil {
		return nil, err
	}
	start := t.plan()
	if cfg.Profile != "" {
		plan, found, err := t.loadProfile(cfg.Profile)
		switch {
		case err != nil:
			log.Warn("the profile is not used; the board starts as it usually does", "err", err)
			t.status.Problem = err.Error()
		case found:
			start, t.written = plan, plan
			log.Info("the board starts from its profile", "profile", cfg.Profile)
		case cfg.Target.Goal != tuning.None: // told now, not after hours of tuning
			if _, err := os.Stat(filepath.Dir(cfg.Profile)); err != nil {
				t.problem(fmt.Errorf("device: profile %s cannot be kept: %w; make the folder, or name another file", cfg.Profile, err))
			}
		}
	}
	if cfg.Target.Goal == tuning.None {
		return nil, t.begin(start)
	}
	if t.core, err = tuning.New(t.config(), start); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	t.publish()
	return t, t.begin(t.core.Plan())
}

// reachable refuses a hash rate that the clamps do not allow.
func (t *tuner) reachable() error {
	sum, n := 0.0, 0
	for _, c := range t.chains {
		for _, f := range c.Clocks() {
			sum, n = sum+float64(f), n+1
		}
	}
	each := t.board.HashRate() / sum * float64(n)
	least, most := each*float64(t.board.Clamps.MinClock), each*float64(t.board.Clamps.MaxClock)
	if v := t.target.Value; t.target.Goal == tuning.HashRate && !(v >= least && v <= most) {
		return fmt.Errorf("device: %s can do %v to %v, not %v", t.board.Name,
			tuning.Target{Goal: tuning.HashRate, Value: round(least)}, tuning.Target{Goal: tuning.HashRate, Value: round(most)}, t.target)
	}
	return nil
}

// round leaves three digits.
func round(v float64) float64 {
	scale := math.Pow(10, math.Floor(math.Log10(v))-2)
	return math.Round(v/scale) * scale
}

func (t *tuner) config() tuning.Config {
	cfg := tuning.Config{Target: t.target, MinClock: float64(t.board.Clamps.MinClock), MaxClock: float64(t.board.Clamps.MaxClock)}
	for _, c := range t.chains {
		cfg.Chains = append(cfg.Chains, len(c.Clocks()))
	}
	for _, r := range t.rails {
		least, most := t.board.TuningRange(r)
		cfg.Rails = append(cfg.Rails, tuning.Rail{Min: float64(least), Max: float64(most), Step: notch(most), Chain: r.Chain})
	}
	return cfg
}

// notch is a step of a voltage: about one percent, in whole 10 mV.
func notch(most board.Volts) float64 { return max(0.01, math.Floor(float64(most))*0.01) }

// Run tunes until ctx ends, and saves what it has found.
func (t *tuner) Run(ctx context.Context) error {
	tick := time.NewTicker(tuneEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			t.save(time.Now())
			return nil
		case now := <-tick.C:
			t.look(ctx, now)
		}
	}
}

// look takes the board a little nearer to the plan, and has the plan judged.
func (t *tuner) look(ctx context.Context, now time.Time) {
	there := t.approach(ctx)
	before := t.core.Status()
	if t.core.Next(t.sample(now, there)) {
		s := t.core.Status()
		text := fmt.Sprintf("tuning: %s; %.4g to %.4g MHz", s.Why, s.MinClock, s.MaxClock)
		if len(s.Volts) > 0 {
			text += fmt.Sprintf(" at %.4g V", slices.Max(s.Volts))
		}
		t.log.Info("tuning", "why", s.Why, "min_mhz", s.MinClock, "max_mhz", s.MaxClock, "volts", s.Volts, "watts", s.Watts, "hash_rate", s.HashRate)
		if s.Steps <= 1 || before.State == tuning.Settled || s.State == tuning.Held {
			t.event(text) // not each step: they would push all else out
		}
		t.approach(ctx)
	} else if s := t.core.Status(); s.State == tuning.Settled && before.State != tuning.Settled {
		t.event("tuning has settled: " + s.Why)
		t.save(now)
	}
	if now.Sub(t.tried) >= saveEvery {
		t.save(now)
	}
	t.publish()
}

// approach takes the next step towards the plan: voltages that go up first, then
// clocks, then voltages that go down. It tells whether all is there.
func (t *tuner) approach(ctx context.Context) bool {
	plan := t.core.Plan()
	if !t.follow(ctx, func(i int) bool { return plan.Volts[i] > float64(t.rails[i].Aimed()) }, plan) {
		return false
	}
	for i, c := range t.chains {
		want := clocks(plan.Clocks[i])
		if !slices.Equal(c.Clocks(), want) {
			if err := c.Tune(want); err != nil {
				t.problem(err)
				return false
			}
		}
	}
	for _, c := range t.chains {
		if s := c.Status(); s.Phase == board.Hashing && s.Walking {
			return false
		}
	}
	return t.follow(ctx, func(i int) bool { return plan.Volts[i] < float64(t.rails[i].Aimed()) }, plan)
}

// follow gives some rails their voltage of the plan, and walks there.
func (t *tuner) follow(ctx context.Context, which func(rail int) bool, plan tuning.Plan) bool {
	for i, r := range t.rails {
		if which(i) {
			if err := t.board.Aim(r, board.Volts(plan.Volts[i])); err != nil {
				t.problem(err)
				return false
			}
		}
		if r.Arrived() {
			continue
		}
		if s := t.guard.power(); s != PowerMining && s != PowerThrottled {
			return false // the guard walks, or will
		}
		if err := r.Follow(ctx); err != nil {
			t.problem(err)
			return false
		}
	}
	return true
}

// sample is what was measured.
func (t *tuner) sample(now time.Time, there bool) *tuning.Sample {
	st := t.guard.Status()
	s := &tuning.Sample{
		At: now, Settled: there, Trips: t.blame(st), Margin: t.margin(st), Watts: t.watts(st),
		Mining:    st.Power == PowerMining && (t.guard.busy == nil || t.guard.busy()),
		Throttled: st.Power == PowerThrottled || st.ClockShare < 1,
	}
	for i := range st.Chains {
		from := &st.Chains[i]
		c := tuning.Chain{HashRate: from.HashRate, ResultHashes: from.ResultHashes, Chips: make([]tuning.Chip, len(t.chains[i].Clocks()))}
		if from.Phase != board.Hashing && from.Power != PowerFault {
			s.Mining = false // it will come back
		}
		for j := range c.Chips {
			if from.Phase == board.Hashing && j < len(from.Chips) {
				chip := &from.Chips[j]
				c.Chips[j] = tuning.Chip{MHz: chip.MHz, Good: chip.Good, Errors: chip.HardwareErrors, Alive: chip.Alive()}
			}
		}
		s.Chains = append(s.Chains, c)
	}
	return s
}

// blame counts what the board or a chain was turned off for that too much clock, or
// a wrong voltage, can cause.
func (t *tuner) blame(st *BoardStatus) int {
	look := func(part string, r *Reason) {
		if r == nil || !r.Code.ofTuning() || !r.At.After(t.blamed[part]) {
			return
		}
		t.blamed[part] = r.At
		t.trips++
	}
	look("", st.Reason)
	for _, c := range st.Chains {
		look(c.Name, c.Reason)
	}
	return t.trips
}

// ofTuning tells whether clocks and voltages can be to blame.
func (c Code) ofTuning() bool {
	switch c {
	case OverTemperature, OverCurrent, RegulatorFault, OutputBad, SupplyBad, PowerUpFailed, ChainFailed, ChainStuck:
		return true
	}
	return false
}

// margin is how far the hottest place is from being throttled; nothing, when it is
// not known.
func (t *tuner) margin(st *BoardStatus) float64 {
	least := math.Inf(1)
	for i, place := range st.Temperatures {
		if place.Error != "" || place.AgeSeconds < 0 {
			return 0
		}
		least = min(least, float64(t.board.Thermometers[i].Heat.Throttle-place.Celsius))
	}
	return least
}

// watts are those of the rails that all chains share, if these tell them: a chain's
// own rail takes from them. Else they are those of the chains' own.
func (t *tuner) watts(st *BoardStatus) float64 {
	shared, own := 0.0, 0.0
	for i, r := range st.Rails {
		if r.Error != "" {
			return 0
		}
		if t.board.Rails[i].Chain == 0 {
			shared += r.Watts
		} else {
			own += r.Watts
		}
	}
	if shared > 0 {
		return shared
	}
	return own
}

// save writes the profile, if something new was proven.
func (t *tuner) save(now time.Time) {
	plan := t.core.Proven()
	if t.path == "" || t.core.Status().HashRate == 0 || plan.Equal(t.written) {
		return
	}
	t.tried = now
	if err := t.tunable.profile(plan, t.target, now).save(t.path); err != nil {
		t.problem(err)
		return
	}
	t.written = plan
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Saved, t.status.Problem = now.Round(0), ""
}

// problem tells of something that goes wrong again and again only once.
func (t *tuner) problem(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.status.Problem != err.Error() {
		t.log.Warn("tuning", "err", err)
	}
	t.status.Problem = err.Error()
}

func (t *tuner) publish() {
	s := t.core.Status()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Status, t.status.Profile = s, t.path
}

// Status is safe to call at any time.
func (t *tuner) Status() *TunerStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.status
	return &s
}

func clocks(list []float64) []board.MHz {
	out := make([]board.MHz, len(list))
	for i, f := range list {
		out[i] = board.MHz(f)
	}
	return out
}

func floats(list []board.MHz) []float64 {
	out := make([]float64, len(list))
	for i, f := range list {
		out[i] = float64(f)
	}
	return out
}
