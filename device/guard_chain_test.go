package device

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board"
	"periph.io/x/conn/v3/physic"
)

// The rails come up in order, keepers with them, and the supply walks to its voltage.
func TestPlantMines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPlant(t)
		r.run()
		r.until("mining", 10*time.Second, is(PowerMining))
		if v := r.supply.setting(); v < 14.4 || v > 15 {
			t.Errorf("at first the supply gives %v V", v)
		}
		time.Sleep(time.Minute)
		s := r.guard.Status()
		if s.Power != PowerMining || s.Trips > 0 || r.supply.setting() != 14 || !r.cores[0].isOn() || !r.cores[1].isOn() {
			t.Errorf("after a minute: %+v, supply %v V%s", s, r.supply.setting(), r.log())
		}
		r.stop()
		if r.supply.isOn() || r.cores[0].isOn() || r.cores[1].isOn() {
			t.Error("it was left on")
		}
	})
}

// A plantFault hits the first of two chains.
type plantFault struct {
	name  string
	hurt  func(*plant)
	heal  func(*plant)
	code  Code
	power Power
	after time.Duration
}

func plantFaults() []plantFault {
	return []plantFault{
		{"Run fails", func(r *plant) { r.chains[0].fail <- errBroken }, func(*plant) {}, ChainFailed, PowerSafeOff, time.Second},
		{"controller silent", func(r *plant) { r.cores[0].do(func() { r.cores[0].silent = errBroken }) },
			func(r *plant) { r.cores[0].do(func() { r.cores[0].silent = nil }) }, RegulatorSilent, PowerSafeOff, 2 * time.Second},
		{"heartbeat fails", func(r *plant) { r.cores[0].keeper <- errBroken }, func(*plant) {}, KeeperFailed, PowerSafeOff, 2 * time.Second},
		{"too much current", func(r *plant) { r.cores[0].do(func() { r.cores[0].amps = 12 }) },
			func(r *plant) { r.cores[0].do(func() { r.cores[0].amps = 1 }) }, OverCurrent, PowerFault, 2 * time.Second},
		{"rail reports", func(r *plant) { r.cores[0].do(func() { r.cores[0].fault = "smoke" }) },
			func(r *plant) { r.cores[0].do(func() { r.cores[0].fault = "" }) }, RegulatorFault, PowerFault, 2 * time.Second},
		{"output falls", func(r *plant) { r.cores[0].do(func() { r.cores[0].volts = 5 }) }, func(*plant) {}, OutputBad, PowerSafeOff, 2 * time.Second},
		{"chips all dead", func(r *plant) { r.chains[0].health(0, 6, "dead") }, func(r *plant) { r.chains[0].health(0, 6, alive) }, ChainStuck, PowerSafeOff, 2 * time.Second},
		{"finds nothing", func(r *plant) { r.chains[0].do(func() { r.chains[0].lazy = true }) },
			func(r *plant) { r.chains[0].do(func() { r.chains[0].lazy = false }) }, ChainStuck, PowerSafeOff, fruitless + 2*time.Second},
	}
}

// test: what one chain has is turned off alone, and comes back by itself.
func (c *plantFault) test(t *testing.T) {
	r := newPlant(t)
	r.run()
	r.until("mining", 10*time.Second, is(PowerMining))
	time.Sleep(10 * time.Second)
	c.hurt(r)
	r.until("off", c.after, chainIs(0, c.power))
	time.Sleep(400 * time.Millisecond)
	s := r.guard.Status()
	if s.Power != PowerMining || s.Chains[1].Power != PowerMining || s.Chains[0].Reason.Code != c.code || r.cores[0].isOn() || !r.cores[1].isOn() {
		t.Errorf("%+v, core on %v and %v%s", s, r.cores[0].isOn(), r.cores[1].isOn(), r.log())
	}
	r.named("chain left is " + c.power.String() + ": " + string(c.code))
	runs := r.chains[1].started()
	c.heal(r)
	if c.power == PowerFault {
		time.Sleep(time.Hour)
		if s := r.guard.Status(); s.Chains[0].Power != PowerFault {
			t.Errorf("chain 1 is %v without anybody clearing it", s.Chains[0].Power)
		}
		r.guard.clearTrips()
	}
	r.until("mining again", time.Minute, chainIs(0, PowerMining))
	if r.chains[1].started() != runs || r.guard.Status().Trips > 0 {
		t.Errorf("the other chain was stopped%s", r.log())
	}
}

func (c *chainRig) health(from, to int, health string) {
	c.do(func() {
		for i := from; i < to; i++ {
			c.status.Chips[i].Health = health
		}
	})
}

// When the last chain is off the board follows; too many trips of one latch it.
func TestChainTriesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPlant(t)
		r.run()
		for range maxChainTrips + 1 {
			r.until("mining", 10*time.Minute, chainIs(0, PowerMining))
			r.chains[0].fail <- errBroken
			r.until("off", time.Second, func(s *BoardStatus) bool { return !s.Chains[0].Power.on() })
		}
		time.Sleep(2 * time.Hour)
		if s := r.guard.Status(); s.Chains[0].Power != PowerFault || s.Power != PowerMining || r.cores[0].isOn() {
			t.Fatalf("after too many trips: %+v", s)
		}
		r.chains[1].fail <- errBroken
		r.until("board off", time.Second, is(PowerSafeOff))
		if s := r.guard.Status(); s.Reason.Code != ChainFailed || !strings.Contains(s.Reason.Part, "right") {
			t.Errorf("reason %+v", s.Reason)
		}
		r.until("mining with the other chain", time.Minute, is(PowerMining))
		if s := r.guard.Status(); s.Chains[0].Power != PowerFault {
			t.Errorf("chain 1 is %v again", s.Chains[0].Power)
		}
		r.guard.clearTrips()
		r.until("both", time.Minute, chainIs(0, PowerMining))
	})
}

// A guard whose loop is stuck stops the heartbeats; the board is off although
// nobody decides anything, and the watchdog learns of it.
func testGuardStuck(t *testing.T) {
	r := newPlant(t)
	r.run()
	r.until("mining", 10*time.Second, is(PowerMining))
	time.Sleep(time.Second)
	if err := r.guard.healthy(time.Now()); err != nil {
		t.Errorf("healthy says %v", err)
	}
	r.chains[0].do(func() { r.chains[0].block = 10 * time.Second })
	time.Sleep(2 * time.Second)
	if r.supply.isOn() || r.cores[0].isOn() || r.cores[1].isOn() || r.chains[1].Status().Phase != board.Resting {
		t.Errorf("on: supply %v, cores %v %v", r.supply.isOn(), r.cores[0].isOn(), r.cores[1].isOn())
	}
	time.Sleep(decidedWithin)
	if err := r.guard.healthy(time.Now()); err == nil {
		t.Error("a stuck guard is healthy")
	}
	r.chains[0].do(func() { r.chains[0].block = 0 })
	time.Sleep(20 * time.Second)
	r.named(string(GuardStuck))
	r.until("mining", time.Minute, is(PowerMining))
	if err := r.guard.healthy(time.Now()); err != nil {
		t.Errorf("later healthy says %v", err)
	}
}

// Nothing waits for a part that hangs: the rest is off in time.
func testHangingPart(t *testing.T) {
	r := newPlant(t)
	r.run()
	r.until("mining", 10*time.Second, is(PowerMining))
	r.cores[0].do(func() { r.cores[0].hang = 20 * time.Second })
	time.Sleep(2 * time.Second)
	if r.supply.isOn() || r.cores[1].isOn() {
		t.Errorf("two seconds later the supply is on: %v%s", r.supply.isOn(), r.log())
	}
	if err := r.guard.healthy(time.Now()); err != nil {
		t.Errorf("a board that is off is not healthy: %v", err)
	}
	r.named(string(ControllerSilent))
	r.cores[0].do(func() { r.cores[0].hang = 0 })
	r.until("mining", 2*time.Minute, is(PowerMining))
}

// A board that cannot be turned off is nothing to feed a watchdog for.
func testCannotBeTurnedOff(t *testing.T) {
	r := newPlant(t)
	r.run()
	r.until("mining", 10*time.Second, is(PowerMining))
	r.supply.do(func() { r.supply.stays = errBroken })
	r.mu.Lock()
	r.fanRPM = 0
	r.mu.Unlock()
	r.until("off", 2*time.Second, is(PowerSafeOff))
	r.named("the board cannot be turned off")
	if r.cores[0].isOn() || r.cores[1].isOn() {
		t.Error("the chips have power")
	}
	if err := r.guard.healthy(time.Now()); err != nil {
		t.Errorf("at once: %v", err)
	}
	time.Sleep(unsafeWithin + time.Second)
	if err := r.guard.healthy(time.Now()); err == nil {
		t.Error("healthy, and cannot be turned off")
	}
	r.supply.do(func() { r.supply.stays = nil })
	time.Sleep(time.Second)
	r.named("the board is turned off now")
	if err := r.guard.healthy(time.Now()); err != nil {
		t.Errorf("once it is off: %v", err)
	}
}

// At the end it is tried again for a while, as nobody else will.
func testTurnedOffAtLast(t *testing.T) {
	r := newPlant(t)
	r.run()
	r.until("mining", 10*time.Second, is(PowerMining))
	r.supply.do(func() { r.supply.stays = errBroken })
	time.AfterFunc(lastTries/2, func() { r.supply.do(func() { r.supply.stays = nil }) })
	r.stop()
	if r.supply.isOn() || r.cores[0].isOn() || r.cores[1].isOn() {
		t.Error("there is power after the end")
	}
}

// A chain whose Run does not end gets no power until it has.
func testChainDoesNotStop(t *testing.T) {
	r := newPlant(t)
	r.chains[0].hang = make(chan struct{})
	r.run()
	r.until("mining", 10*time.Second, is(PowerMining))
	r.cores[0].keeper <- errBroken
	time.Sleep(time.Minute)
	if s := r.guard.Status(); s.Chains[0].Power != PowerSafeOff || r.cores[0].isOn() {
		t.Errorf("its Run goes on, and it is %v", s.Chains[0].Power)
	}
	r.named("chain left does not stop")
	close(r.chains[0].hang)
	r.until("mining", time.Minute, chainIs(0, PowerMining))
}

// Chips that fall silent are named, with their domain.
func TestChipsAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPlant(t)
		r.run()
		r.until("mining", 10*time.Second, is(PowerMining))
		time.Sleep(2 * time.Second)
		r.chains[1].health(1, 4, "dead")
		time.Sleep(2 * time.Second)
		r.named("chain right: chips 1-3 are dead")
		r.named("chain right: no chip is left in domain 1")
		r.chains[1].health(1, 4, alive)
		time.Sleep(2 * time.Second)
		r.named("chain right: chips 1-3 are alive")
		for range 60 {
			r.chains[1].do(func() { c := &r.chains[1].status.Chips[5]; c.Good += 8; c.HardwareErrors += 2 })
			time.Sleep(time.Second)
		}
		r.named("chain right: chip 5: 20 % of its results are wrong")
		if s := r.guard.Status(); s.Power != PowerMining || s.Trips > 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A supply that does not follow its walk turns the board off.
func testWalkFails(t *testing.T) {
	r := newPlant(t)
	r.run()
	r.until("mining", 10*time.Second, is(PowerMining))
	r.supply.do(func() { r.supply.silent = errBroken })
	r.until("off", 2*time.Second, off)
	r.supply.do(func() { r.supply.silent = nil })
	r.until("mining", time.Minute, is(PowerMining))
	time.Sleep(10 * time.Second)
	if r.supply.setting() != 14 {
		t.Errorf("the supply gives %v V", r.supply.setting())
	}
}

// A sensor behind the chips is missed only while they hash.
func testLiveSensor(t *testing.T) {
	r := newPlant(t)
	lost := false
	th := board.NewThermometer("left chip", func() (physic.Temperature, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if lost || r.chains[0].Status().Phase != board.Hashing {
			return 0, errBroken
		}
		return physic.ZeroCelsius + 50*physic.Celsius, nil
	}, board.Heat{Target: 60, Throttle: 70, Max: 80}, 0)
	th.Chain, th.Live = 1, true
	r.board.Thermometers = append(r.board.Thermometers, th)
	r.run()
	r.until("mining", 10*time.Second, is(PowerMining))
	time.Sleep(time.Minute)
	if s := r.guard.Status(); s.Power != PowerMining || s.Chains[0].Power != PowerMining {
		t.Fatalf("%+v%s", s, r.log())
	}
	r.mu.Lock()
	lost = true
	r.mu.Unlock()
	r.until("chain off", 2*time.Second, chainIs(0, PowerSafeOff))
	if s := r.guard.Status(); s.Chains[0].Reason.Code != SensorLost || s.Power != PowerMining {
		t.Errorf("%+v", s)
	}
}
