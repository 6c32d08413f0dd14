package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2client"
)

// Config is what a Device is made of.
type Config struct {
	// Hashers do the work. They need no guard; a computer's processor is one.
	Hashers []hashing.Hasher
	// Board, when set, has chains that work too. The device turns its power on,
	// guards it, and has turned it off when Run returns.
	Board *board.Board
	// Tuning, when set, says what clocks and voltages of the board are to be found.
	Tuning *Tuning
	// Client says which pools, and who we are. A HashRate of 0 is replaced by what the
	// hashers expect, if they say; Log by ours, if it has none.
	Client sv2client.Config
	// Watchdog, when set, is opened by Run, fed while all is looked after, and
	// stopped once the board is off.
	Watchdog func() (Watchdog, error)
	Log      *slog.Logger // nil: silence
}

// Device mines: hashers, a dispatcher, and a pool's client.
type Device struct {
	dispatcher *Dispatcher
	client     *sv2client.Client
	guard      *guard // nil: no board
	tuner      *tuner // nil: nothing is tuned
	feeder     feeder
	log        *slog.Logger
	claims     []claim // of each channel; Run's own
}

// expecter is a hasher that knows its rate before it has run.
type expecter interface {
	HashRate() float64 // hashes per second
}

// New returns a device that does nothing until Run.
func New(cfg Config) (*Device, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Client.Log == nil {
		cfg.Client.Log = cfg.Log
	}
	d := &Device{log: cfg.Log}
	var err error
	if cfg.Board != nil {
		event := func(text string) { d.dispatcher.note(text) }
		if d.guard, err = newGuard(cfg.Board, cfg.Log, event); err != nil {
			return nil, err
		}
		for _, c := range d.guard.chains() {
			cfg.Hashers = append(cfg.Hashers[:len(cfg.Hashers):len(cfg.Hashers)], c)
		}
	}
	if cfg.Tuning != nil {
		if d.tuner, err = newTuner(cfg.Tuning, d.guard, cfg.Log, func(text string) { d.dispatcher.note(text) }); err != nil {
			return nil, err
		}
	}
	if cfg.Client.HashRate == 0 {
		cfg.Client.HashRate = expected(cfg.Hashers)
	}
	if cfg.Client.Event == nil {
		cfg.Client.Event = func(text string) { d.dispatcher.note(text) }
	}
	d.dispatcher, err = NewDispatcher(cfg.Hashers, DispatcherConfig{
		Submit:      func(s channel.Share) { d.client.Submit(s) },
		VersionMask: cfg.Client.VersionMask,
		Log:         cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	if d.guard != nil {
		d.guard.busy = d.dispatcher.busy
	}
	d.feeder = feeder{open: cfg.Watchdog, healthy: d.healthy, log: cfg.Log, event: d.dispatcher.note}
	d.client, err = sv2client.New(cfg.Client, d.dispatcher.Miners()...)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	for i, rate := range d.dispatcher.split(cfg.Client.HashRate) {
		d.claims = append(d.claims, claim{full: rate, told: rate})
		d.client.SetHashRate(i, rate)
	}
	return d, nil
}

// split gives each channel its part of a rate, as its hashers expect.
func (d *Dispatcher) split(rate float64) []float64 {
	list, sum := make([]float64, len(d.supplies)), 0.0
	for _, l := range d.lanes {
		e := expected([]hashing.Hasher{l.hasher})
		list[l.own.number] += e
		sum += e
	}
	for i := range list {
		if sum > 0 {
			list[i] *= rate / sum
		} else {
			list[i] = rate / float64(len(list))
		}
	}
	return list
}

// expected is what the hashers say of themselves together.
func expected(hashers []hashing.Hasher) (rate float64) {
	for _, h := range hashers {
		if e, ok := h.(expecter); ok {
			rate += e.HashRate()
		}
	}
	return rate
}

// Run mines until ctx ends, or until the client or the dispatcher fails. It
// returns when the hashers are idle and the connection is closed.
func (d *Device) Run(ctx context.Context) error {
	if err := d.feeder.start(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	parts := []func(context.Context) error{d.client.Run, d.dispatcher.Run, d.tellRate}
	if d.tuner != nil {
		parts = append(parts, d.tuner.Run)
	}
	if d.guard != nil {
		parts = append(parts, d.guard.Run) // the last: Run looks at its error
	}
	errs := make([]error, len(parts))
	var running sync.WaitGroup
	for i, run := range parts {
		running.Go(func() {
			defer stop() // one that ends takes the others along
			errs[i] = run(ctx)
		})
	}
	running.Wait()
	safe := d.guard == nil || errs[len(errs)-1] == nil
	return errors.Join(append(errs, d.feeder.end(safe))...)
}

// Status is a device's state at one moment, as a value.
type Status struct {
	DispatcherStatus
	Board *BoardStatus     `json:"board,omitempty"` // nil: nothing is guarded
	Tuner *TunerStatus     `json:"tuner,omitempty"` // nil: nothing is tuned
	Pool  sv2client.Status `json:"pool"`
}

// Status is safe to call at any time.
func (d *Device) Status() Status {
	s := Status{DispatcherStatus: d.dispatcher.Status(), Pool: d.client.Status()}
	if d.guard != nil {
		s.Board = d.guard.Status()
	}
	if d.tuner != nil {
		s.Tuner = d.tuner.Status()
	}
	return s
}

// Pause stops hashing, and Resume goes on, both within a second: chips keep their
// power and rest at no load, the pool's channel stays open.
func (d *Device) Pause() { d.dispatcher.setPaused(true) }

// Resume ends a pause.
func (d *Device) Resume() { d.dispatcher.setPaused(false) }

// Clear forgets why the guard has turned the board off, and lets it start again if
// nothing is wrong now.
func (d *Device) Clear() {
	if d.guard != nil {
		d.guard.clearTrips()
	}
}
