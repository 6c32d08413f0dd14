package bm13xx

import "context"

// Slow takes all chips to their lowest clock at once. It is for a chain whose Run
// has returned, and whose reset line turned out not to work: then this is what is
// left to keep the chips cool.
func (c *Chain) Slow() error {
	low, err := c.model.PLL(c.spec.minClock)
	if err != nil {
		return err
	}
	return c.setPLL(context.Background(), allChips, low)
}
