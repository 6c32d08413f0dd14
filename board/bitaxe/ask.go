package bitaxe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bm13xx"
)

// askReset is how long the reset stays low, and how long chips need after it.
const askReset = 200 * time.Millisecond

// Ask finds out which board this is. First its parts are looked at; where several
// kinds have them, its chips get the lowest voltage that all of these stand, and
// are asked what they are. After that the board has no power any more.
func Ask(ctx context.Context, p Parts, o Options) (Kind, error) {
	if err := p.Reset(true); err != nil {
		return Kind{}, fmt.Errorf("bitaxe: cannot hold the chips in reset: %w", err)
	}
	f := look(p.I2C)
	var kinds []Kind
	for _, k := range Kinds() {
		if k.fits(f) == nil {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return Kind{}, fmt.Errorf("bitaxe: this is none of %s, or not all of it has power: found %v", strings.Join(names(Kinds()), ", "), f)
	}
	model, n, err := chips(ctx, p, cautious(kinds), o)
	if err != nil {
		return Kind{}, fmt.Errorf("bitaxe: cannot ask the chips which board this is (%s): %w", strings.Join(names(kinds), ", "), err)
	}
	for _, k := range kinds {
		if k.Model == model && k.Chips == n {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("bitaxe: found %d %v, with the parts of %s (%v)", n, model, strings.Join(names(kinds), ", "), f)
}

func names(kinds []Kind) (list []string) {
	for _, k := range kinds {
		list = append(list, k.Name)
	}
	return list
}

// cautious is a kind that all of kinds stand for a moment: the lowest voltage that
// is within the limits of each. That is 1.1 V for all that share their parts.
func cautious(kinds []Kind) Kind {
	k := kinds[0]
	for _, other := range kinds[1:] {
		k.Clamps.MinVolts = max(k.Clamps.MinVolts, other.Clamps.MinVolts)
	}
	k.Volts = k.Clamps.MinVolts.Potential()
	return k
}

// chips powers the board up in its usual order, asks, and powers it down.
func chips(ctx context.Context, p Parts, k Kind, o Options) (bm13xx.Model, int, error) {
	b, err := New(p, k, Options{Log: o.Log})
	if err != nil {
		return 0, 0, err
	}
	model, n, err := ask(ctx, p, b)
	return model, n, errors.Join(err, b.Down())
}

func ask(ctx context.Context, p Parts, b *board.Board) (bm13xx.Model, int, error) {
	if err := b.UpPart(ctx, 0); err != nil {
		return 0, 0, err
	}
	for _, low := range [...]bool{true, false} {
		if err := p.Reset(low); err != nil {
			return 0, 0, err
		}
		timer := time.NewTimer(askReset)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, 0, ctx.Err()
		case <-timer.C:
		}
	}
	return bm13xx.Find(ctx, p.Line)
}
