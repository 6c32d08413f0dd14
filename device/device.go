package device

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2client"
)

// Config is what a Device is made of.
type Config struct {
	// Hashers do the work; a board has a list.
	Hashers []hashing.Hasher
	// Client says which pools, and who we are. A HashRate of 0 is replaced by what the
	// hashers expect, if they say; Log by ours, if it has none.
	Client sv2client.Config
	Log    *slog.Logger // nil: silence
}

// Device mines: hashers, a dispatcher, and a pool's client.
type Device struct {
	dispatcher *Dispatcher
	client     *sv2client.Client
	log        *slog.Logger
	told       float64 // hash rate that the client knows; Run's own
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
	if cfg.Client.HashRate == 0 {
		cfg.Client.HashRate = expected(cfg.Hashers)
	}
	d := &Device{log: cfg.Log, told: cfg.Client.HashRate}
	var err error
	d.dispatcher, err = NewDispatcher(cfg.Hashers, DispatcherConfig{
		Submit:      func(s channel.Share) { d.client.Submit(s) },
		VersionMask: cfg.Client.VersionMask,
		Log:         cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	d.client, err = sv2client.New(cfg.Client, d.dispatcher)
	if err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	return d, nil
}

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
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	parts := []func(context.Context) error{d.client.Run, d.dispatcher.Run, d.tellRate}
	errs := make([]error, len(parts))
	var running sync.WaitGroup
	for i, run := range parts {
		running.Go(func() {
			defer stop() // one that ends takes the others along
			errs[i] = run(ctx)
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// How often the pool's idea of our hash rate is looked at, and how wrong it may be.
const (
	tellEvery = 10 * time.Second
	tellAbove = 0.15
)

// tellRate keeps the client's nominal hash rate near the measured one.
func (d *Device) tellRate(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		s := d.dispatcher.Status()
		if s.State != Mining || !moved(d.told, s.HashRate.Minute1) {
			continue
		}
		d.log.Info("hash rate told to the pool", "was", d.told, "is", s.HashRate.Minute1)
		d.told = s.HashRate.Minute1
		d.client.SetHashRate(d.told)
	}
}

// moved tells whether a rate is so far from the one that was told that the pool
// should know. Nothing measured is no rate.
func moved(told, measured float64) bool {
	return measured > 0 && (measured > told*(1+tellAbove) || measured < told*(1-tellAbove))
}

// Status is a device's state at one moment, as a value.
type Status struct {
	DispatcherStatus
	Pool sv2client.Status `json:"pool"`
}

// Status is safe to call at any time.
func (d *Device) Status() Status {
	return Status{DispatcherStatus: d.dispatcher.Status(), Pool: d.client.Status()}
}
