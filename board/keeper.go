package board

import (
	"context"
	"errors"
	"sync"
)

// A Keeper is something that must go on while a board has power: the heartbeat
// that a voltage controller wants, the watchdog of a supply. Who guards the board
// runs it from before its rails are turned on until after they are off, and stops
// it when he himself is not well, so that the controller turns its rail off.
type Keeper struct {
	Name string
	// Chain is the number of the chain whose power it keeps; 0: that of all.
	Chain int
	// Always is for what is needed without power, too: a tachometer that is
	// counted, a supply's meter. It runs as long as anybody guards the board.
	Always bool
	// Run goes on until ctx ends. It returns earlier only when it has failed: the
	// power that it keeps is turned off then.
	Run func(ctx context.Context) error
}

// errEnded is a keeper that left without a reason.
var errEnded = errors.New("ended without being asked to")

// Keep runs the keepers of a part: a chain's own, or with 0 what all share. Each
// one that ends before it is stopped is told to failed, from its own goroutine.
// stop waits for all of them.
func (b *Board) Keep(ctx context.Context, n int, failed func(*Keeper, error)) (stop func()) {
	return b.keep(ctx, failed, func(k *Keeper) bool { return !k.Always && k.Chain == n })
}

// KeepAlways is Keep for what runs without power, too.
func (b *Board) KeepAlways(ctx context.Context, failed func(*Keeper, error)) (stop func()) {
	return b.keep(ctx, failed, func(k *Keeper) bool { return k.Always })
}

func (b *Board) keep(ctx context.Context, failed func(*Keeper, error), of func(*Keeper) bool) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, k := range b.Keepers {
		if !of(k) {
			continue
		}
		running.Go(func() {
			err := k.Run(ctx)
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				err = errEnded
			}
			failed(k, err)
		})
	}
	return func() {
		cancel()
		running.Wait()
	}
}
