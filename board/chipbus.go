package board

import (
	"context"
	"errors"
	"fmt"

	"github.com/lodefw/lode/drivers/bm13xx"
)

// ErrNotHashing says that what is behind the chips cannot be reached.
var ErrNotHashing = errors.New("the chain does not hash")

// ChipBus is the I²C bus behind a chip, good until the chain is brought up anew.
func (c *BM13xx) ChipBus(ctx context.Context, chip int) (*bm13xx.ChipBus, error) {
	c.mu.Lock()
	chain, phase := c.chain, c.phase
	c.mu.Unlock()
	if chain == nil || phase != Hashing {
		return nil, fmt.Errorf("board: %s: %w", c.name, ErrNotHashing)
	}
	return chain.I2C(ctx, chip)
}
