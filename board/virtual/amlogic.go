package virtual

import (
	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/amlogic"
	"github.com/lodefw/lode/board/antminer"
)

// enableLow: the S19k Pro's supply is on when its pin is low, others' when high.
func enableLow(k antminer.Kind) bool { return k.Name == "s19kpro" }

func amlogics() (list []kind) {
	for _, k := range amlogic.Kinds() {
		list = append(list, kind{k.Name, func(cfg Config) (*Board, error) {
			a, err := newAmlogic(k, cfg)
			if err != nil {
				return nil, err
			}
			return a.Board, nil
		}})
	}
	return list
}

// NewAmlogic is New for machines with this control board, whose parts a test wants
// to touch.
func NewAmlogic(cfg Config) (*Antminer, error) {
	k, err := amlogic.KindOf(cfg.Board)
	if err != nil {
		return nil, err
	}
	return newAmlogic(k, cfg.usual())
}

func newAmlogic(k antminer.Kind, cfg Config) (*Antminer, error) {
	low := enableLow(k)
	return newAntminer(k, cfg, false, low, func(w wiring, o antminer.Options) (*board.Board, error) {
		ctx, cancel := opening()
		defer cancel()
		return amlogic.New(ctx, amlogic.Parts{
			Lines: w.lines, Resets: w.resets, I2C: w.a.Bus, Supply: w.a.SupplyBus, Enable: w.a.Enable, EnableLow: low,
			PWM: []antminer.Duty{w.a}, Tachs: w.tachs,
		}, k, o)
	})
}
