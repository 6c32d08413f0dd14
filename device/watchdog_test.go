package device

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dogFake is a watchdog that knows whether it would have bitten.
type dogFake struct {
	mu    sync.Mutex
	last  time.Time
	fed   int
	bites bool
	over  bool // disarmed
	fail  error
}

func (d *dogFake) Feed() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bites = d.bites || d.fed > 0 && time.Since(d.last) > d.Timeout()
	d.last = time.Now()
	d.fed++
	return d.fail
}

func (d *dogFake) Timeout() time.Duration { return 15 * time.Second }

func (d *dogFake) Disarm() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	return nil
}

// hungry tells whether it will bite, or has.
func (d *dogFake) hungry() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bites || !d.over && time.Since(d.last) > d.Timeout()
}

func (d *dogFake) feeder(healthy func(time.Time) error, event func(string)) *feeder {
	return &feeder{
		open: func() (Watchdog, error) { return d, nil }, healthy: healthy,
		log: slog.New(slog.DiscardHandler), event: event,
	}
}

// The watchdog is fed for hours while all is well, and disarmed at the end.
func TestWatchdogIsFed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dog := new(dogFake)
		r := newPlant(t)
		r.run()
		f := dog.feeder(r.guard.healthy, func(s string) { t.Error(s) })
		time.Sleep(time.Second)
		if err := f.start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		r.mu.Lock()
		r.fanRPM = 0 // safely off is well, too
		r.mu.Unlock()
		time.Sleep(10 * time.Minute)
		if dog.hungry() {
			t.Error("it bites a board that is looked after")
		}
		if s := r.guard.Status(); s.Power != PowerSafeOff {
			t.Errorf("the board is %v", s.Power)
		}
		if err := f.end(true); err != nil || !dog.over {
			t.Errorf("it was left armed: %v", err)
		}
	})
}

// It bites when the guard is stuck, and is left armed when the board is not off.
func testWatchdogBites(t *testing.T) {
	dog := new(dogFake)
	var mu sync.Mutex
	var events []string
	r := newPlant(t)
	r.run()
	f := dog.feeder(r.guard.healthy, func(s string) { mu.Lock(); events = append(events, s); mu.Unlock() })
	time.Sleep(time.Second)
	if err := f.start(); err != nil {
		t.Fatal(err)
	}
	r.until("mining", 10*time.Second, is(PowerMining))
	r.chains[0].do(func() { r.chains[0].block = time.Hour })
	time.Sleep(decidedWithin + 2*feedEvery + dog.Timeout())
	if !dog.hungry() {
		t.Error("it is fed for a stuck guard")
	}
	mu.Lock()
	if len(events) != 1 || !strings.Contains(events[0], "the watchdog is not fed: the guard has not decided") {
		t.Errorf("events %q", events)
	}
	mu.Unlock()
	r.chains[0].do(func() { r.chains[0].block = 0 })
	if err := f.end(false); err != nil || dog.over {
		t.Errorf("disarmed, and the board is not off: %v", err)
	}
	time.Sleep(2 * time.Hour)
}

func TestWatchdogDoesNotOpen(t *testing.T) {
	f := feeder{open: func() (Watchdog, error) { return nil, errBroken }}
	if err := f.start(); !errors.Is(err, errBroken) {
		t.Errorf("start = %v", err)
	}
	none := feeder{}
	if err := errors.Join(none.start(), none.end(true)); err != nil {
		t.Errorf("without one: %v", err)
	}
}
