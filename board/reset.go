package board

import (
	"context"
	"fmt"
	"log/slog"
)

// Reset is a reset line of chips. A chain's driver moves it as it likes while the
// board has power; while the board is down it stays low whatever the driver says.
type Reset struct {
	// Chain is the number of the chain whose chips hang on it; 0: all of them.
	Chain int

	drive func(low bool) error
	log   *slog.Logger

	lock chan struct{} // a channel, because it is held while a slow pin is driven
	held bool
	low  bool // it is known to be
}

// NewReset returns a line that is held; drive sets the pin. A nil log is silence.
func NewReset(drive func(low bool) error, log *slog.Logger) *Reset {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Reset{drive: drive, log: log, lock: make(chan struct{}, 1), held: true}
}

// Set is for the chain's driver.
func (r *Reset) Set(low bool) {
	r.lock <- struct{}{}
	defer func() { <-r.lock }()
	if r.held && !low {
		return
	}
	if err := r.set(low); err != nil {
		r.log.Error("the reset line cannot be set", "low", low, "err", err)
	}
}

// set wants the lock.
func (r *Reset) set(low bool) error {
	err := r.drive(low)
	r.low = low && err == nil
	return err
}

// isLow tells whether the chips are surely in reset.
func (r *Reset) isLow() bool {
	r.lock <- struct{}{}
	defer func() { <-r.lock }()
	return r.low
}

func (r *Reset) hold() error {
	r.lock <- struct{}{}
	defer func() { <-r.lock }()
	r.held = true
	if err := r.set(true); err != nil {
		return fmt.Errorf("board: chips cannot be held in reset: %w", err)
	}
	return nil
}

// allow leaves the line to the chain's driver, unless ctx has ended.
func (r *Reset) allow(ctx context.Context) bool {
	r.lock <- struct{}{}
	defer func() { <-r.lock }()
	if ctx.Err() != nil {
		return false
	}
	r.held = false
	return true
}
