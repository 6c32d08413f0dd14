package device

import (
	"context"
	"encoding/json"
	"errors"

	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

// bench is a guarded virtual board with a job, without a pool.
type bench struct {
	*Dispatcher
	t     *testing.T
	board *virtual.Bitaxe
	guard *guard
	stop  context.CancelFunc
	done  chan struct{}
	err   error
}

// newBench starts a board. It ends with the test, or when the test calls end.
func newBench(t *testing.T) *bench {
	t.Helper()
	v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return runBench(t, v)
}

func runBench(t *testing.T, v *virtual.Bitaxe) *bench {
	t.Helper()
	b := &bench{t: t, board: v, done: make(chan struct{})}
	var err error
	b.guard, err = newGuard(v.Board.Board, slog.New(slog.DiscardHandler), func(s string) { b.note(s) })
	if err != nil {
		t.Fatal(err)
	}
	if b.Dispatcher, err = NewDispatcher(hasherList(b.guard.chains()...), DispatcherConfig{Submit: func(channel.Share) {}}); err != nil {
		t.Fatal(err)
	}
	b.guard.busy = b.Dispatcher.busy
	j := job(1, 1000)
	j.Target = bitcoin.RateTarget(5e3, 60)
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	go func() {
		defer close(b.done)
		chains := make(chan error)
		go func() { chains <- b.Dispatcher.Run(ctx) }()
		b.err = errors.Join(b.guard.Run(ctx), <-chains)
	}()
	b.Job(j, true)
	t.Cleanup(b.end)
	return b
}

func (b *bench) end() {
	b.stop()
	<-b.done
}

// until waits for a condition, and returns how long that took.
func (b *bench) until(what string, within time.Duration, cond func(*BoardStatus) bool) time.Duration {
	b.t.Helper()
	begin := time.Now()
	for !cond(b.guard.Status()) {
		if time.Since(begin) > within {
			text, _ := json.Marshal(b.guard.Status())
			b.t.Fatalf("not within %v: %s\nevents %s\nboard %s %+v", within, what, b.log(), text, b.board.State())
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begin)
}

func is(p Power) func(*BoardStatus) bool { return func(s *BoardStatus) bool { return s.Power == p } }

// walked is a board that mines at the clocks that it is to have.
func walked(s *BoardStatus) bool {
	for _, c := range s.Chains {
		if c.Walking {
			return false
		}
	}
	return s.Power == PowerMining
}

func off(s *BoardStatus) bool { return s.Power == PowerSafeOff || s.Power == PowerFault }

func (b *bench) log() string {
	text := ""
	for _, e := range b.Status().Events {
		text += "\n  " + e.Text
	}
	return text
}

// named fails the test unless the event log has the words.
func (b *bench) named(words string) {
	b.t.Helper()
	synctest.Wait() // what happens in this instant is told in it
	if !strings.Contains(b.log(), words) {
		b.t.Errorf("no %q in the event log:%s", words, b.log())
	}
}

// synctested runs a test on virtual time, beside its siblings.
func synctested(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, f)
	})
}

// Chips mine while their clock walks to its goal, and a lower one holds at once.
func TestMinesWhileTheClockWalks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.until("a result", 10*time.Second, func(s *BoardStatus) bool { return len(s.Chains) > 0 && s.Chains[0].Good > 0 })
		s, most := b.guard.Status(), b.board.State().MHz()
		if !s.Chains[0].Walking || s.Power != PowerMining || most > 300 {
			t.Errorf("the first result came at %v MHz: %+v", most, s.Chains[0])
		}
		b.board.Chains[0].SetClock(0.25)
		for range 100 {
			time.Sleep(50 * time.Millisecond)
			if is := b.board.State().MHz(); is > most {
				t.Fatalf("%v MHz, %v when less was asked for", is, most)
			}
		}
		b.until("a quarter of the clock", time.Second, walked)
		if is := b.guard.Status().Chains[0].MHz; is < 125 || is > 137 {
			t.Errorf("%v MHz, want a quarter of 525", is)
		}
		b.board.Chains[0].SetClock(1)
		b.until("all of the clock", 10*time.Second, walked)
		if is := b.board.State().MHz(); is != 525 {
			t.Errorf("%v MHz, want 525", is)
		}
	})
}

func TestBoardMines(t *testing.T) {
	while, least := 2*time.Minute, uint64(100)
	if testing.Short() {
		while, least = while/4, least/4
	}
	for _, name := range virtual.Names() {
		synctested(t, name, func(t *testing.T) {
			v, err := virtual.New(virtual.Config{Board: name, Chips: 3, HashBudget: 5e3, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			b := runBench(t, &virtual.Bitaxe{Board: v})
			b.until("mining", v.Rest+30*time.Second, walked)
			time.Sleep(while)
			s := b.guard.Status()
			for _, chain := range s.Chains {
				if chain.Good < least || chain.HardwareErrors > chain.Good/50 || chain.Alive() != len(chain.Chips) {
					t.Errorf("after %v: %+v", while, chain)
				}
			}
			if s.Power != PowerMining {
				t.Errorf("after %v: %v", while, s.Power)
			}
			for i, th := range v.Thermometers {
				if c := s.Temperatures[i].Celsius; c < 30 || c > th.Heat.Throttle {
					t.Errorf("%s is at %.1f °C", th.Name, c)
				}
			}
			for _, f := range s.Fans {
				if f.RPM < 1000 || f.Duty >= 1 {
					t.Errorf("fan %+v", f)
				}
			}
			for i, r := range s.Rails {
				if v.Rails[i].Limits.Current > 0 && r.Watts < 5 {
					t.Errorf("rail %+v", r)
				}
			}
			for _, r := range v.Reports() {
				t.Errorf("protocol: %v", r)
			}
			b.end()
			if st := v.State(); !st.Safe() || !st.Off() || b.err != nil {
				t.Errorf("after the end: %+v, %v", st, b.err)
			}
			if text := b.log(); strings.Count(text, "board is") != 3 {
				t.Errorf("events, want starting, mining, off and no more:%s", text)
			}
		})
	}
}

// A fault is what goes wrong on a board that mines.
type fault struct {
	name   string
	hurt   func(b *virtual.Bitaxe)
	code   Code
	power  Power         // that it ends in
	within time.Duration // from the fault to safe; 0 is the guard's two seconds
	heal   func(b *virtual.Bitaxe)
}

func naks(addr uint16) func(*virtual.Bitaxe) {
	return func(b *virtual.Bitaxe) { b.Bus.SetFault(addr, i2csim.Fault{NAK: -1}) }
}

func answers(addrs ...uint16) func(*virtual.Bitaxe) {
	return func(b *virtual.Bitaxe) {
		for _, a := range addrs {
			b.Bus.SetFault(a, i2csim.Fault{})
		}
	}
}

func inject(k chipsim.FaultKind, rate float64) func(*virtual.Bitaxe) {
	return func(b *virtual.Bitaxe) { b.Chip.Inject(chipsim.Fault{Kind: k, Rate: rate}) }
}

func heal(b *virtual.Bitaxe) { b.Chip.Heal() }

// Times from a fault to its detection that no guard can make shorter: chips are
// polled each ten seconds, and three misses make one dead; a frozen sensor looks
// like a steady one for a while.
const (
	chipDies    = 45 * time.Second
	chipSilent  = 60 * time.Second
	sensorStuck = 4 * time.Minute
)

func faults() []fault {
	return []fault{
		{name: "fan stopped", hurt: func(b *virtual.Bitaxe) { b.StopFan(true) }, code: FanStopped, power: PowerSafeOff,
			heal: func(b *virtual.Bitaxe) { b.StopFan(false) }},
		{name: "tachometer wire off", hurt: func(b *virtual.Bitaxe) { b.Bus.Do(func() { b.Cooler.Fan.Dead = true }) }, code: FanStopped, power: PowerSafeOff,
			heal: func(b *virtual.Bitaxe) { b.Bus.Do(func() { b.Cooler.Fan.Dead = false }) }},
		{name: "diode open", hurt: func(b *virtual.Bitaxe) { b.OpenDiode(true) }, code: SensorLost, power: PowerSafeOff,
			heal: func(b *virtual.Bitaxe) { b.OpenDiode(false) }},
		{name: "sensor NAK", hurt: naks(bitaxe.AddrFan), code: SensorLost, power: PowerSafeOff, heal: answers(bitaxe.AddrFan)},
		{name: "sensor stuck", hurt: func(b *virtual.Bitaxe) { b.Bus.SetFault(bitaxe.AddrFan, i2csim.Fault{Stuck: true}) },
			code: SensorLost, power: PowerSafeOff, within: sensorStuck, heal: answers(bitaxe.AddrFan)},
		{name: "sensor stuck in hot air", hurt: func(b *virtual.Bitaxe) {
			b.Bus.SetFault(bitaxe.AddrFan, i2csim.Fault{Stuck: true})
			b.SetAmbient(60)
		}, code: SensorLost, power: PowerSafeOff, within: 10 * time.Second, heal: func(b *virtual.Bitaxe) {
			answers(bitaxe.AddrFan)(b)
			b.SetAmbient(25)
		}},
		{name: "sensor glitches", hurt: func(b *virtual.Bitaxe) {
			b.Bus.SetFault(bitaxe.AddrFan, i2csim.Fault{GlitchEvery: 1, GlitchMask: 0x40})
		},
			code: OverTemperature, power: PowerSafeOff, heal: answers(bitaxe.AddrFan)},
		{name: "regulator NAK", hurt: naks(bitaxe.AddrRegulator), code: RegulatorSilent, power: PowerSafeOff, heal: answers(bitaxe.AddrRegulator)},
		{name: "controller does not answer", hurt: func(b *virtual.Bitaxe) { naks(bitaxe.AddrFan)(b); naks(bitaxe.AddrRegulator)(b) },
			code: ControllerSilent, power: PowerSafeOff, heal: answers(bitaxe.AddrFan, bitaxe.AddrRegulator)},
		{name: "bus hangs", hurt: func(b *virtual.Bitaxe) { b.Bus.SetFault(bitaxe.AddrFan, i2csim.Fault{Late: 3 * time.Second, NAK: -1}) },
			code: ControllerSilent, power: PowerSafeOff, heal: answers(bitaxe.AddrFan)},
		{name: "hot air", hurt: func(b *virtual.Bitaxe) { b.SetAmbient(95) }, code: OverTemperature, power: PowerSafeOff, within: time.Minute,
			heal: func(b *virtual.Bitaxe) { b.SetAmbient(20) }},
		{name: "regulator too hot", hurt: func(b *virtual.Bitaxe) { b.HeatRegulator(60) }, code: OverTemperature, power: PowerSafeOff,
			heal: func(b *virtual.Bitaxe) { b.HeatRegulator(0) }},
		{name: "over current", hurt: func(b *virtual.Bitaxe) { b.SetLeak(20) }, code: OverCurrent, power: PowerFault,
			heal: func(b *virtual.Bitaxe) { b.SetLeak(0) }},
		{name: "regulator trips", hurt: func(b *virtual.Bitaxe) { b.TripRegulator(0x7b, 0x80) }, code: RegulatorFault, power: PowerFault},
		{name: "brown-out of the supply", hurt: func(b *virtual.Bitaxe) { b.SetInput(4.4) }, code: SupplyBad, power: PowerSafeOff,
			heal: func(b *virtual.Bitaxe) { b.SetInput(5) }},
		{name: "supply too high", hurt: func(b *virtual.Bitaxe) { b.SetInput(6) }, code: SupplyBad, power: PowerSafeOff,
			heal: func(b *virtual.Bitaxe) { b.SetInput(5) }},
		{name: "cable unplugged", hurt: inject(chipsim.Unplugged, 0), code: ChainStuck, power: PowerSafeOff, within: chipDies, heal: heal},
		{name: "chip dead", hurt: inject(chipsim.DeadChip, 0), code: ChainStuck, power: PowerSafeOff, within: chipDies, heal: heal},
		{name: "chip's domain dead", hurt: inject(chipsim.DeadDomain, 0), code: ChainStuck, power: PowerSafeOff, within: chipDies, heal: heal},
		{name: "chip's voltage halved", hurt: inject(chipsim.BrownOut, 0.5), code: ChainStuck, power: PowerSafeOff, within: chipDies, heal: heal},
		{name: "chip stuck", hurt: inject(chipsim.HashErrors, 1), code: ChainStuck, power: PowerSafeOff, within: chipSilent, heal: heal},
	}
}

// test: the fault leads to a safe board in time, is named in the log, and has a way back.
func (f *fault) test(t *testing.T) {
	b := newBench(t)
	b.until("mining", 20*time.Second, is(PowerMining))
	time.Sleep(30*time.Second + 123*time.Millisecond)
	f.hurt(b.board)
	limit := f.within
	if limit == 0 {
		limit = 2 * time.Second
	}
	took := b.until(string(f.code), limit, off)
	b.until("safe", max(limit-took, 100*time.Millisecond), func(*BoardStatus) bool { return b.board.State().Safe() })
	s := b.guard.Status()
	t.Logf("%v after %v: %v; %+v", s.Power, took, s.Reason, b.board.State())
	if s.Reason == nil || s.Reason.Code != f.code || s.Power != f.power || s.Reason.Advice == "" {
		t.Errorf("%v, reason %+v; want %v, %v", s.Power, s.Reason, f.power, f.code)
	}
	b.named(string(f.code))
	time.Sleep(30 * time.Second)
	if st := b.board.State(); !st.Safe() {
		t.Errorf("30 s later: %+v", st)
	}
	if f.heal != nil {
		f.heal(b.board)
	}
	if f.power == PowerFault {
		time.Sleep(time.Hour)
		if s := b.guard.Status(); s.Power != PowerFault {
			t.Fatalf("%v without anybody clearing it", s.Power)
		}
		b.guard.clearTrips()
	}
	b.until("it mines again", 10*time.Minute, func(s *BoardStatus) bool { return s.Power == PowerMining || s.Power == PowerThrottled })
}

func hasherList(list ...*gated) (hashers []hashing.Hasher) {
	for _, g := range list {
		hashers = append(hashers, g)
	}
	return hashers
}

// startFaults are there before the board gets power.
func startFaults() []fault {
	return []fault{
		{name: "fan stopped", hurt: func(b *virtual.Bitaxe) { b.StopFan(true) }, code: FanStopped},
		{name: "diode open", hurt: func(b *virtual.Bitaxe) { b.OpenDiode(true) }, code: SensorLost},
		{name: "regulator NAK", hurt: naks(bitaxe.AddrRegulator), code: RegulatorSilent},
		{name: "fan controller NAK", hurt: naks(bitaxe.AddrFan), code: SensorLost},
		{name: "nothing answers", hurt: func(b *virtual.Bitaxe) { naks(bitaxe.AddrFan)(b); naks(bitaxe.AddrRegulator)(b) }, code: ControllerSilent},
		{name: "supply too low", hurt: func(b *virtual.Bitaxe) { b.SetInput(4.5) }, code: SupplyBad},
		{name: "too hot to start", hurt: func(b *virtual.Bitaxe) { b.SetAmbient(80); b.HeatRegulator(30) }, code: OverTemperature},
		{name: "chip dead", hurt: inject(chipsim.DeadChip, 0), code: ChainFailed},
		{name: "cable unplugged", hurt: inject(chipsim.Unplugged, 0), code: ChainFailed},
		{name: "another chip", hurt: inject(chipsim.WrongID, 0), code: ChainFailed},
		{name: "short", hurt: func(b *virtual.Bitaxe) { b.SetLeak(40) }, code: PowerUpFailed},
	}
}

// testStart: a board that is not well at the start gets no power, or loses it at once.
func (f *fault) testStart(t *testing.T) {
	v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	f.hurt(v)
	b := runBench(t, v)
	b.until(string(f.code), 40*time.Second, off)
	if s := b.guard.Status(); s.Reason.Code != f.code {
		t.Errorf("reason %v, want %v", s.Reason, f.code)
	}
	b.named(string(f.code))
	time.Sleep(time.Second)
	if st := v.State(); st.Millivolts() != 0 {
		t.Errorf("chips have power: %+v", st)
	}
	b.until("too many starts end in a fault, or it waits", time.Hour, func(s *BoardStatus) bool {
		return s.Power == PowerFault || s.Power == PowerSafeOff && s.Blocked != ""
	})
}

// Whenever a start is cut off, the board is left without power.
func TestKilledDuringStart(t *testing.T) {
	for after := 50 * time.Millisecond; after < 12*time.Second; after += 470 * time.Millisecond {
		synctested(t, after.String(), func(t *testing.T) {
			b := newBench(t)
			time.Sleep(after)
			begin := time.Now()
			b.end()
			if d := time.Since(begin); d > 2*time.Second {
				t.Errorf("it took %v to stop", d)
			}
			if st := b.board.State(); st.Millivolts() != 0 || st.RPM == 0 || st.MHz() != 0 {
				t.Errorf("left behind: %+v", st)
			}
			if strings.Contains(b.log(), "board is starting") {
				b.named("board is off")
			}
		})
	}
}

// Too many trips in an hour are a fault, until somebody clears it.
func TestTooManyTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for i := range maxTrips + 1 {
			b.until("mining", 3*time.Minute, is(PowerMining))
			b.board.StopFan(true)
			b.until("off", 3*time.Second, off)
			b.board.StopFan(false)
			if s := b.guard.Status(); s.Trips != i+1 {
				t.Errorf("%d trips, want %d", s.Trips, i+1)
			}
		}
		if s := b.guard.Status(); s.Power != PowerFault {
			t.Fatalf("after %d trips the board is %v", maxTrips+1, s.Power)
		}
		time.Sleep(2 * time.Hour)
		if s := b.guard.Status(); s.Power != PowerFault || b.board.State().Millivolts() != 0 {
			t.Fatalf("hours later: %v, %+v", s.Power, b.board.State())
		}
		b.guard.clearTrips()
		b.until("mining again", time.Minute, is(PowerMining))
	})
}

// Single glitches on the bus are seen, and stop nothing.
func TestGlitchesAreNoFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.until("mining", 20*time.Second, is(PowerMining))
		for range 20 {
			b.board.Bus.SetFault(bitaxe.AddrFan, i2csim.Fault{NAK: 2})
			b.board.Bus.SetFault(bitaxe.AddrRegulator, i2csim.Fault{NAK: 1})
			time.Sleep(3 * time.Second)
			b.board.Bus.SetFault(bitaxe.AddrFan, i2csim.Fault{GlitchEvery: 9})
			time.Sleep(3 * time.Second)
		}
		if s := b.guard.Status(); s.Power != PowerMining || s.Trips > 0 {
			t.Errorf("%v, %d trips:%s", s.Power, s.Trips, b.log())
		}
	})
}

// Warm air lowers the clock, and cool air brings it back; the chip never gets to
// its limit.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.until("mining", 20*time.Second, is(PowerMining))
		b.board.SetAmbient(52)
		b.until("throttled", 2*time.Minute, is(PowerThrottled))
		time.Sleep(2 * time.Minute)
		s := b.guard.Status()
		if s.Power != PowerThrottled || s.ClockShare >= 1 || s.Chains[0].MHz > 525*s.ClockShare+7 {
			t.Errorf("throttled: %v, share %v, clock %v", s.Power, s.ClockShare, s.Chains[0].MHz)
		}
		if mhz := b.board.State().MHz(); mhz > 525*s.ClockShare+7 {
			t.Errorf("the chip runs at %v MHz with a share of %v", mhz, s.ClockShare)
		}
		b.board.SetAmbient(25)
		b.until("full clock", 10*time.Minute, is(PowerMining))
		time.Sleep(10 * time.Second)
		if mhz := b.board.State().MHz(); mhz < 520 {
			t.Errorf("back at %v MHz", mhz)
		}
		b.named("board is throttled")
		if b.guard.Status().Trips > 0 {
			t.Errorf("tripped:%s", b.log())
		}
	})
}

// Pause and resume take less than a second, and the chip keeps its power.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.until("mining", 20*time.Second, is(PowerMining))
		rate := func() float64 { return b.board.Chip.Status().Chips[0].HashRate }
		for range 3 {
			b.setPaused(true)
			time.Sleep(time.Second)
			if s := b.Status(); s.State != Paused || rate() != 0 {
				t.Fatalf("a second after pause: %v, chip makes %v hashes/s", s.State, rate())
			}
			time.Sleep(time.Minute)
			if s := b.guard.Status(); s.Power != PowerMining {
				t.Fatalf("while paused the board is %v: %v", s.Power, s.Reason)
			}
			b.setPaused(false)
			good := b.guard.Status().Chains[0].Good
			time.Sleep(time.Second)
			if s := b.Status(); s.State != Mining || rate() == 0 {
				t.Fatalf("a second after resume: %v, chip makes %v hashes/s", s.State, rate())
			}
			time.Sleep(5 * time.Second)
			if now := b.guard.Status().Chains[0].Good; now <= good {
				t.Error("nothing found after resume")
			}
		}
	})
}
