package device

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// A Watchdog restarts this computer when it is not fed in time. OpenWatchdog opens
// the one of a control board.
type Watchdog interface {
	// Feed starts its time anew.
	Feed() error
	// Timeout is how long it waits.
	Timeout() time.Duration
	// Disarm stops it, where it can be stopped. Without that it bites.
	Disarm() error
}

// feedEvery is how often a watchdog is fed, and a quarter of its time if that is
// less: whoever feeds it asks each time whether all is well.
const feedEvery = 2 * time.Second

// feeder feeds a watchdog as long as somebody is healthy.
type feeder struct {
	open    func() (Watchdog, error)
	healthy func(now time.Time) error
	log     *slog.Logger
	event   func(string)

	dog  Watchdog // nil: none
	stop context.CancelFunc
	fed  sync.WaitGroup
}

// start opens the watchdog, if there is one, and feeds it until end.
func (f *feeder) start() (err error) {
	if f.open == nil {
		return nil
	}
	if f.dog, err = f.open(); err != nil {
		return err
	}
	f.log.Info("watchdog", "timeout", f.dog.Timeout())
	ctx, stop := context.WithCancel(context.Background())
	f.stop = stop
	f.fed.Go(func() { f.run(ctx) })
	return nil
}

func (f *feeder) run(ctx context.Context) {
	tick := time.NewTicker(min(feedEvery, f.dog.Timeout()/4))
	defer tick.Stop()
	said := ""
	for {
		err := f.healthy(time.Now())
		if err == nil {
			err = f.dog.Feed()
		}
		if now := text(err); now != said {
			said = now
			f.tell(now)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *feeder) tell(wrong string) {
	if wrong == "" {
		f.event("the watchdog is fed again")
		return
	}
	f.event("the watchdog is not fed: " + wrong)
	f.log.Error("the watchdog is not fed; it will restart this computer", "in", f.dog.Timeout(), "err", wrong)
}

// end stops feeding. The watchdog is disarmed only when everything is safe.
func (f *feeder) end(safe bool) error {
	if f.dog == nil {
		return nil
	}
	f.stop()
	f.fed.Wait()
	if !safe {
		f.log.Error("the watchdog stays armed: not everything is off", "restart_in", f.dog.Timeout())
		return nil
	}
	if err := f.dog.Disarm(); err != nil {
		return fmt.Errorf("device: the watchdog cannot be stopped, it will restart this computer: %w", err)
	}
	return nil
}

// healthy is what a watchdog is fed for: the guard looks after the board, and the
// dispatcher answers.
func (d *Device) healthy(now time.Time) error {
	d.dispatcher.busy() // waits when the dispatcher is stuck, and then nobody feeds
	if d.guard == nil {
		return nil
	}
	return d.guard.healthy(now)
}

// busy tells whether there is work for the hashers.
func (d *Dispatcher) busy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state == Mining
}
