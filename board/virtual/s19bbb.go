package virtual

import (
	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/board/s19bbb"
)

func s19bbbs() []kind {
	return []kind{{s19bbb.Name, func(cfg Config) (*Board, error) {
		a, err := NewS19BBB(cfg)
		if err != nil {
			return nil, err
		}
		return a.Board, nil
	}}}
}

// NewS19BBB is New for a test that wants to touch the machine's parts.
func NewS19BBB(cfg Config) (*Antminer, error) {
	return newAntminer(s19bbb.Kind(), cfg.usual(), true, true, func(w wiring, o antminer.Options) (*board.Board, error) {
		ctx, cancel := opening()
		defer cancel()
		return s19bbb.New(ctx, s19bbb.Parts{
			Lines: w.lines, Resets: w.resets, I2C: w.a.Bus, Supply: w.a.SupplyBus, Enable: w.a.Enable, EnableLow: true,
			PWM: []antminer.Duty{w.a}, Tachs: w.tachs,
		}, o)
	})
}
