package device

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/lodefw/lode/board"
)

// Check is one thing that a self-test has looked at.
type Check struct {
	Name     string `json:"name"` // what was looked at
	Part     string `json:"part"` // of the board
	OK       bool   `json:"ok"`
	Measured string `json:"measured"`
	Wanted   string `json:"wanted"`
	Advice   string `json:"advice,omitempty"` // what to do, if it is not good
}

// SelfTest tries a board's parts one after the other, without a pool: what can be
// tried without power first. With power the guard watches, as always, and turns the
// board off when it must. Nothing gets power while a sensor, a fan or the input is
// not good.
//
//	sensors -> fans -> supply -> power, by the guard -> voltages -> chips
//	   -> hash rate and errors of each domain -> temperatures -> off -> cool
type SelfTest struct {
	Board *board.Board
	// Hash is how long the chips hash at least; 0 is half a minute. It takes as long
	// as each should have found enough to judge it by, but two minutes at most.
	Hash time.Duration
	Log  *slog.Logger // nil: silence
	// Progress is told what is tried next; nil: nobody.
	Progress func(string)

	checks []Check
	guard  *guard
}

// Times of a self-test.
const (
	senseFor  = 2 * time.Second // sensors and meters have answered by then
	spinFor   = 8 * time.Second // a fan takes that long to another speed
	hashFor   = 30 * time.Second
	hashMost  = 2 * time.Minute
	hashEach  = 60 // results of each chip are enough
	coolFor   = 3 * time.Minute
	walkFor   = 2 * time.Minute // rails and clocks, to where they are to be
	fanFollow = 0.9             // of the full speed, that a fan at its least is below
)

// Run returns what was found, the board off and cool. The error is for a test that
// could not be done, or was ended.
func (t *SelfTest) Run(ctx context.Context) ([]Check, error) {
	if t.Log == nil {
		t.Log = slog.New(slog.DiscardHandler)
	}
	if t.Hash == 0 {
		t.Hash = hashFor
	}
	if err := t.Board.Check(); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	if err := t.Board.Down(); err != nil {
		t.add(Check{Name: "power", Part: t.Board.Name, Measured: err.Error(), Wanted: "off at first", Advice: OutputBad.advice()})
	}
	t.unpowered(ctx)
	if ctx.Err() == nil && t.good() {
		if err := t.powered(ctx); err != nil {
			return t.checks, err
		}
	} else if ctx.Err() == nil {
		t.add(Check{Name: "power", Part: t.Board.Name, Measured: "not turned on", Wanted: "turned on",
			Advice: "mend what is not good above, then test again"})
	}
	t.cool()
	return t.checks, ctx.Err()
}

func (t *SelfTest) add(c Check) {
	if c.OK {
		c.Advice = ""
	}
	t.checks = append(t.checks, c)
}

func (t *SelfTest) say(what string) {
	if t.Progress != nil {
		t.Progress(what)
	}
}

func (t *SelfTest) good() bool {
	for _, c := range t.checks {
		if !c.OK {
			return false
		}
	}
	return true
}

// unpowered tries what needs no power at the chips.
func (t *SelfTest) unpowered(ctx context.Context) {
	stop := t.Board.KeepAlways(ctx, func(k *board.Keeper, err error) { t.Log.Warn("keeper failed", "keeper", k.Name, "err", err) })
	defer stop()
	t.say("sensors")
	s := t.measure(ctx, senseFor)
	for i, v := range s.Temperatures {
		if place := t.Board.Thermometers[i]; !place.Live {
			t.temperature(place, v, place.Heat.Max)
		}
	}
	t.say("supply")
	for i, v := range s.Rails {
		t.input(t.Board.Rails[i], v)
	}
	t.fans(ctx)
}

// measure measures again and again for a while, and returns the last sample. When the
// computer was too busy to ask all parts in time, that is no fault of theirs: then it
// takes up to twice as long.
func (t *SelfTest) measure(ctx context.Context, d time.Duration) (s board.Sample) {
	for begin := time.Now(); ; {
		s = t.Board.Measure(time.Now())
		pause(ctx, t.Board.Poll)
		if took := time.Since(begin); ctx.Err() != nil || took > 2*d || took > d && !s.Late() {
			return s
		}
	}
}

func (t *SelfTest) temperature(place *board.Thermometer, v board.Temperature, most board.Celsius) {
	c := Check{Name: "temperature", Part: place.Name, Wanted: fmt.Sprintf("at most %.0f °C", most)}
	switch {
	case v.Err != nil:
		c.Measured, c.Advice = v.Err.Error(), SensorLost.advice()
	default:
		c.Measured = fmt.Sprintf("%.1f °C", v.Celsius)
		c.OK, c.Advice = v.Celsius <= most, OverTemperature.advice()
	}
	t.add(c)
}

// input looks at what feeds a rail that is off.
func (t *SelfTest) input(r *board.Rail, v board.PowerReading) {
	c := Check{Name: "supply", Part: r.Name, Measured: "it answers", Wanted: "an answer", OK: true}
	if l := r.Limits; l.MinInput > 0 || l.MaxInput > 0 {
		c.Measured, c.Wanted = fmt.Sprintf("%.2f V", v.Input), fmt.Sprintf("%.2f to %.2f V", l.MinInput, l.MaxInput)
	}
	switch err := r.Limits.BadInput(v.Power); {
	case v.Err != nil:
		c.OK, c.Measured, c.Advice = false, v.Err.Error(), RegulatorSilent.advice()
	case err != nil:
		c.OK, c.Advice = false, SupplyBad.advice()
	case v.Output > 0.2 && !r.Stays:
		c = Check{Name: "supply", Part: r.Name, Measured: fmt.Sprintf("%.2f V at its output", v.Output), Wanted: "off", Advice: OutputBad.advice()}
	}
	t.add(c)
}

// fans spins all of them up, and down to their least.
func (t *SelfTest) fans(ctx context.Context) {
	if len(t.Board.Fans) == 0 {
		return
	}
	full := t.spin(ctx, "fans at full speed", 1)
	least := t.spin(ctx, "fans at their least", 0)
	for i, f := range t.Board.Fans {
		if i >= len(full.Fans) || i >= len(least.Fans) {
			return // ctx has ended
		}
		fast, slow := full.Fans[i], least.Fans[i]
		c := Check{Name: "fan", Part: f.Name, Measured: fmt.Sprintf("%.0f rpm, at its least %.0f rpm", fast.RPM, slow.RPM),
			Wanted: fmt.Sprintf("at least %.0f rpm, and slower at its least", f.MinRPM), Advice: FanStopped.advice()}
		follows := f.MinDuty > fanFollow-0.1 || slow.RPM < fanFollow*fast.RPM
		switch {
		case fast.Err != nil:
			c.Measured = fast.Err.Error()
		case slow.Err != nil:
			c.Measured = slow.Err.Error()
		case fast.RPM < f.MinRPM || slow.RPM < f.MinRPM:
		case !follows:
			c.Advice = "the fan does not follow its control: check the control wire of its plug"
		default:
			c.OK = true
		}
		t.add(c)
	}
	if err := t.Board.SetFans(1); err != nil {
		t.Log.Warn("fans do not listen", "err", err)
	}
}

func (t *SelfTest) spin(ctx context.Context, what string, duty float64) board.Sample {
	t.say(what)
	if err := t.Board.SetFans(duty); err != nil {
		t.Log.Warn("fans do not listen", "err", err)
	}
	return t.measure(ctx, spinFor)
}

// cool waits until the board may be left alone.
func (t *SelfTest) cool() {
	t.say("cooling down")
	ctx := context.Background() // whoever gives up wants it cool, too
	stop := t.Board.KeepAlways(ctx, func(*board.Keeper, error) {})
	defer stop()
	j := judge{board: t.Board, live: func(int, int) bool { return false }}
	c := Check{Name: "cooling", Part: t.Board.Name, Measured: "a place cannot be measured", Wanted: "off, and cool", Advice: SensorLost.advice()}
	if err := t.Board.SetFans(1); err != nil {
		t.Log.Warn("fans do not listen", "err", err)
	}
	for end := time.Now().Add(coolFor); time.Now().Before(end) && !c.OK; {
		s := t.measure(ctx, time.Second)
		if margin, known := j.margin(&s, target); known {
			c.OK = margin > coolBelow && !leaks(t.Board, &s)
			c.Measured = fmt.Sprintf("%.1f K below what the fans aim at", margin)
			c.Advice = OverTemperature.advice()
			if leaks(t.Board, &s) {
				c.Measured, c.Advice = "chips still have power", OutputBad.advice()
			}
		} else if !t.good() {
			break // that was said above
		}
	}
	if c.OK {
		if err := t.Board.SetFans(0); err != nil {
			t.Log.Warn("fans do not listen", "err", err)
		}
	}
	t.add(c)
}

// join is numbers for people.
func join(numbers []int) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words, ", ")
}
