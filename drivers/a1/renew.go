package a1

import (
	"github.com/lodefw/lode/hashing"
	"time"
)

// renew drops all jobs when the feed says that they are worthless, and gives
// every chip a new one at once: that comes before reading what was found.
func (c *Chain) renew(feed *hashing.Feed) (bool, error) {
	if !c.worthless() {
		return false, nil
	}
	c.changed = feed.Changed()
	c.generation++
	if err := c.drop(); err != nil {
		return true, err
	}
	for i := range c.chips {
		c.chips[i].empty = true
		c.chips[i].since = time.Now()
	}
	return true, c.refill(feed)
}

// drop makes all chips forget their jobs, one by one if the chain is broken.
func (c *Chain) drop() error {
	if c.deaf < maxDeaf && c.dropAll() == nil {
		return nil
	}
	for i := range c.chips {
		if !c.chips[i].usable() {
			continue
		}
		if err := c.dropOne(c.chips[i].number); err != nil {
			return err
		}
	}
	return nil
}

// refill gives each chip whose queue is known to be empty a job.
func (c *Chain) refill(feed *hashing.Feed) error {
	for i := len(c.chips) - 1; i >= 0; i-- {
		ch := &c.chips[i]
		if !ch.usable() || !ch.empty {
			continue
		}
		ok, err := c.give(ch, feed)
		if err != nil || !ok {
			return err
		}
	}
	return nil
}

// worthless tells whether the queued jobs are.
func (c *Chain) worthless() bool {
	select {
	case <-c.changed:
		return true
	default:
		return false
	}
}
