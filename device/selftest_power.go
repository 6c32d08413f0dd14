package device

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// powered runs the guard with a job for all chains, and tries the rest meanwhile.
// The board is off when it returns.
func (t *SelfTest) powered(ctx context.Context) error {
	var dispatcher *Dispatcher
	g, err := newGuard(t.Board, t.Log, func(text string) { dispatcher.note(text) })
	if err != nil {
		return err
	}
	t.guard = g
	var hashers []hashing.Hasher
	for _, c := range g.chains() {
		hashers = append(hashers, c)
	}
	dispatcher, err = NewDispatcher(hashers, DispatcherConfig{Submit: func(channel.Share) {}, Log: t.Log})
	if err != nil {
		return err
	}
	g.busy = dispatcher.busy
	for _, m := range dispatcher.Miners() {
		m.Job(knownJob(time.Now(), t.Board.HashRate()), true)
	}
	inner, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	var failed error
	running.Go(func() { failed = g.Run(inner) })
	running.Go(func() { err = dispatcher.Run(inner) })
	t.tryChips(ctx)
	stop()
	running.Wait()
	if failed != nil {
		t.add(Check{Name: "power", Part: t.Board.Name, Measured: failed.Error(), Wanted: "off at the end", Advice: OutputBad.advice()})
	}
	return err
}

// knownJob is the header of the first block, with another nonce to be found.
func knownJob(now time.Time, rate float64) *channel.Job {
	merkle := bitcoin.Hash{ // of its coinbase
		0x3b, 0xa3, 0xed, 0xfd, 0x7a, 0x7b, 0x12, 0xb2, 0x7a, 0xc7, 0x2c, 0x3e, 0x67, 0x76, 0x8f, 0x61,
		0x7f, 0xc8, 0x1b, 0xc3, 0x88, 0x8a, 0x51, 0x32, 0x3a, 0x9f, 0xb8, 0xaa, 0x4b, 0x1e, 0x5e, 0x4a,
	}
	const oneIn = 60 // seconds: nobody takes the shares
	return &channel.Job{
		Number: 1, ID: 1, Version: 1 << 29, VersionMask: 0x1fffe000, MerkleRoot: merkle, NTime: 1231006505, NBits: 0x1d00ffff,
		Received: now, Target: bitcoin.RateTarget(max(rate, 1), 60/oneIn),
	}
}

// tryChips waits for power, and looks at what has it.
func (t *SelfTest) tryChips(ctx context.Context) {
	t.say("power, chips")
	mines := func(s *BoardStatus) bool { return s.Power == PowerMining || s.Power == PowerThrottled }
	if ok, off := t.waitFor(ctx, startWithin+t.Board.Rest+walkFor, mines); !ok {
		if s := t.guard.Status(); !off && ctx.Err() == nil {
			t.add(Check{Name: "power", Part: t.Board.Name, Measured: strings.TrimSpace(s.Power.String() + " " + s.Blocked), Wanted: "mining", Advice: StartTimeout.advice()})
		}
		return
	}
	t.say("voltages")
	t.waitFor(ctx, walkFor, t.arrived)
	t.voltages()
	t.chips()
	t.say("hash rate")
	t.hash(ctx)
}

// waitFor waits for a condition. off tells that the board was turned off, which is
// named.
func (t *SelfTest) waitFor(ctx context.Context, limit time.Duration, cond func(*BoardStatus) bool) (ok, off bool) {
	for end := time.Now().Add(limit); ctx.Err() == nil && time.Now().Before(end); pause(ctx, t.Board.Poll) {
		s := t.guard.Status()
		switch {
		case s.Power == PowerSafeOff || s.Power == PowerFault:
			t.tripped(s)
			return false, true
		case cond(s):
			return true, false
		}
	}
	return false, false
}

// tripped names why the guard has turned the board off, and each chain.
func (t *SelfTest) tripped(s *BoardStatus) {
	t.add(ofReason("power", s.Reason))
	for _, c := range s.Chains {
		if c.Reason != nil {
			t.add(ofReason("chips", c.Reason))
		}
	}
}

func ofReason(name string, r *Reason) Check {
	if r == nil {
		r = &Reason{Text: "was turned off"}
	}
	return Check{Name: name, Part: r.Part, Measured: r.String(), Wanted: "on, and all well", Advice: r.Advice}
}

func (t *SelfTest) arrived(s *BoardStatus) bool {
	for _, r := range t.Board.Rails {
		if !r.Arrived() {
			return false
		}
	}
	for _, c := range s.Chains {
		if c.Walking {
			return false
		}
	}
	return true
}

// voltages looks at rail after rail, as the guard has measured them.
func (t *SelfTest) voltages() {
	for i, v := range t.guard.reading().Rails {
		r := t.Board.Rails[i]
		if !r.IsOn() {
			continue // its chain has failed, which is told
		}
		c := Check{Name: "voltage", Part: r.Name, Wanted: "on"}
		if want := r.Wanted(); want != 0 {
			c.Wanted = fmt.Sprintf("%.3f V", want)
		}
		c.Measured = outputs(v.Power)
		if most := r.Limits.Current; most > 0 {
			c.Wanted += fmt.Sprintf(", at most %.0f A", most)
		}
		err := errors.Join(v.Err, r.BadOutput(v.Power), r.Limits.BadCurrent(v.Power))
		if v.Fault != "" {
			err = errors.Join(err, errors.New(v.Fault))
		}
		if c.OK = err == nil; !c.OK {
			c.Measured, c.Advice = err.Error(), OutputBad.advice()
		}
		t.add(c)
	}
}

// outputs is what was measured; not every rail can.
func outputs(p board.Power) string {
	switch {
	case p.Output == 0 && p.Current == 0:
		return "on; it measures nothing"
	case p.Current == 0:
		return fmt.Sprintf("%.3f V", p.Output)
	}
	return fmt.Sprintf("%.3f V, %.1f A", p.Output, p.Current)
}

// chips counts those that were found.
func (t *SelfTest) chips() {
	for i, c := range t.guard.Status().Chains {
		part := t.chain(i)
		if c.Phase != board.Hashing {
			failed := ofReason("chips", c.Reason)
			failed.Part = part
			t.add(failed)
			continue
		}
		want := len(c.Chips)
		if tune, ok := t.Board.Chains[i].(board.Tunable); ok {
			want = len(tune.Clocks())
		}
		alive := c.Alive()
		t.add(Check{
			Name: "chips", Part: part, Measured: fmt.Sprintf("%d at %.0f MHz", alive, c.MHz), Wanted: fmt.Sprint(want),
			OK: alive == want && want > 0, Advice: ChainFailed.advice(),
		})
	}
}

// chain names a chain for people.
func (t *SelfTest) chain(i int) string {
	if len(t.Board.Chains) == 1 {
		return t.Board.Chains[i].String()
	}
	return fmt.Sprintf("chain %d", i+1)
}

// hash lets the chips hash, and judges each domain and chain by what they found.
func (t *SelfTest) hash(ctx context.Context) {
	before := t.guard.Status()
	begin := time.Now()
	length := t.enough(before)
	if _, off := t.waitFor(ctx, length, func(*BoardStatus) bool { return false }); off || ctx.Err() != nil {
		return
	}
	after := t.guard.Status()
	for i := range after.Chains {
		was, is := &before.Chains[i].ChainStatus, &after.Chains[i].ChainStatus
		if was.Phase != board.Hashing {
			continue // told
		}
		if is.Phase != board.Hashing || is.Good < was.Good || len(is.Chips) != len(was.Chips) {
			t.add(ofReason("hash rate", after.Chains[i].Reason))
			continue
		}
		t.domains(t.chain(i), was, is, time.Since(begin))
		t.errors(t.chain(i), was, is)
	}
	for i, v := range t.guard.reading().Temperatures {
		place := t.Board.Thermometers[i]
		t.temperature(place, v, place.Heat.Max)
	}
}

// enough is how long each chip needs to find enough.
func (t *SelfTest) enough(s *BoardStatus) time.Duration {
	length := t.Hash
	for _, c := range s.Chains {
		if c.HashRate > 0 && c.ResultHashes > 0 {
			seconds := hashEach * c.ResultHashes * float64(len(c.Chips)) / c.HashRate
			length = max(length, min(hashMost, time.Duration(seconds*float64(time.Second))))
		}
	}
	return length
}

// domains adds a check for each domain of a chain.
func (t *SelfTest) domains(chain string, was, is *board.ChainStatus, span time.Duration) {
	sum := 0.0
	for _, c := range is.Chips {
		sum += c.MHz
	}
	for first := 0; first < len(is.Chips); {
		next := first
		found, want := 0.0, 0.0
		var bad []int
		for ; next < len(is.Chips) && is.Chips[next].Domain == is.Chips[first].Domain; next++ {
			n := float64(is.Chips[next].Good - was.Chips[next].Good)
			w := 0.0
			if is.ResultHashes > 0 && sum > 0 {
				w = is.HashRate * is.Chips[next].MHz / sum * span.Seconds() / is.ResultHashes
			}
			found, want = found+n, want+w
			if short(n, w) || !is.Chips[next].Alive() {
				bad = append(bad, next)
			}
		}
		c := Check{
			Name: "hash rate", Part: fmt.Sprintf("%s, domain %d", chain, is.Chips[first].Domain),
			Measured: fmt.Sprintf("%.0f results", found), Wanted: fmt.Sprintf("about %.0f", want),
			OK: !short(found, want) && bad == nil, Advice: "check the domain's voltage, and the solder of its chips",
		}
		if want > 0 {
			c.Measured += ", " + hashing.FormatRate(found*is.ResultHashes/span.Seconds())
		}
		if bad != nil {
			c.Measured += "; too few from chip " + join(bad)
		}
		t.add(c)
		first = next
	}
}

// short tells whether so few results cannot be chance. Where nobody knows how many
// there should be, one is enough.
func short(found, want float64) bool {
	if want == 0 {
		return found == 0
	}
	return found < 0.8*want && found < want-4*math.Sqrt(want)
}

// wrongMost is the share of wrong results that a chain may have.
const wrongMost = 0.03

func (t *SelfTest) errors(chain string, was, is *board.ChainStatus) {
	wrong := float64(is.HardwareErrors - was.HardwareErrors)
	all := wrong + float64(is.Good-was.Good)
	share := wrong / max(all, 1)
	c := Check{
		Name: "errors", Part: chain, Measured: fmt.Sprintf("%.0f of %.0f results are wrong", wrong, all),
		Wanted: fmt.Sprintf("at most %.0f %%", wrongMost*100), OK: wrong < 3 || share <= wrongMost,
		Advice: "more voltage or less clock; look at cooling",
	}
	var bad []int
	for i, chip := range is.Chips {
		e := float64(chip.HardwareErrors - was.Chips[i].HardwareErrors)
		if n := e + float64(chip.Good-was.Chips[i].Good); e >= 3 && e > 3*wrongMost*n {
			bad = append(bad, i)
		}
	}
	if bad != nil {
		c.OK = false
		c.Measured += "; most of them from chip " + join(bad)
	}
	t.add(c)
}
