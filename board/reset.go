package board

import (
	"fmt"
	"log/slog"
	"sync"
)

// Reset is a reset line of chips. A chain's driver moves it as it likes while the
// board has power; while the board is down it stays low whatever the driver says.
type Reset struct {
	drive func(low bool) error
	log   *slog.Logger

	mu   sync.Mutex
	held bool
}

// NewReset returns a line that is held; drive sets the pin. A nil log is silence.
func NewReset(drive func(low bool) error, log *slog.Logger) *Reset {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Reset{drive: drive, log: log, held: true}
}

// Set is for the chain's driver.
func (r *Reset) Set(low bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held && !low {
		return
	}
	if err := r.drive(low); err != nil {
		r.log.Error("the reset line cannot be set", "low", low, "err", err)
	}
}

func (r *Reset) hold() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = true
	if err := r.drive(true); err != nil {
		return fmt.Errorf("board: chips cannot be held in reset: %w", err)
	}
	return nil
}

func (r *Reset) allow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = false
}
