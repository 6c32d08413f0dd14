package bitfury

import (
	"context"
	"fmt"
	"time"
)

// Detection, as BFGMiner does it: a chip is there when its counter runs evenly.
const (
	detectTries = 30
	detectPause = 10 * time.Millisecond
	detectSlack = 5000 // counts between two differences
)

// find sets up chip after chip until one does not count.
func (c *Chain) find(ctx context.Context) error {
	n := 0
	for n < MaxChips {
		ok, err := c.detect(ctx, n)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := c.stop(n); err != nil { // it need not hash until Run
			return err
		}
		n++
	}
	c.mu.Lock()
	c.chips = make([]chip, n)
	for i := range c.chips {
		c.chips[i].number = i
		c.chips[i].state = Good
	}
	c.mu.Unlock()
	switch {
	case n == 0:
		return fmt.Errorf("bitfury: %s: no chip counts: check power, the bus and its reset", c.opts.Name)
	case c.opts.Chips != 0 && n != c.opts.Chips:
		return fmt.Errorf("bitfury: %s: found %d chips, expected %d: chip %d does not count, or passes nothing on (the first is 0)",
			c.opts.Name, n, c.opts.Chips, min(n, c.opts.Chips))
	}
	c.log.Info("found chips", "chips", n)
	return nil
}

// detect sets a chip up with a slow clock and watches its counter.
func (c *Chain) detect(ctx context.Context, number int) (bool, error) {
	c.msg.setUp(number, detectBits)
	if err := c.send(); err != nil {
		return false, err
	}
	var words [jobWords]uint32
	mid, tail := testJob()
	fillWords(&words, mid, tail)
	var w watch
	for range detectTries {
		if err := c.sleep(ctx, detectPause); err != nil {
			return false, err
		}
		a, err := c.exchange(number, &words)
		if err != nil {
			return false, err
		}
		if a.Valid() && w.even(&a) {
			return true, nil
		}
	}
	return false, nil
}

// watch sees whether a counter runs evenly.
type watch struct {
	seen       int
	count, dif uint32
}

// even is true once two differences in a row are alike, and not zero.
func (w *watch) even(a *Answer) bool {
	for _, word := range a.Ring {
		count, ok := counter(DecodeNonce(word))
		if !ok {
			continue
		}
		dif := (count - w.count) & counterMask
		last := w.dif
		w.count, w.dif = count, dif
		w.seen++
		return w.seen > 2 && dif != 0 && max(dif, last)-min(dif, last) < detectSlack
	}
	return false
}
