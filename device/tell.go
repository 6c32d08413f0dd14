package device

import (
	"context"
	"time"
)

// How often the pool's idea of our hash rate is looked at and measured, and how wrong it
// may be.
const (
	claimEvery = 250 * time.Millisecond
	tellEvery  = 10 * time.Second
	tellAbove  = 0.15
	// leastTold is the least part of a channel's expected rate that is told while its
	// clocks walk there. Some pools give a target to new jobs only: should that take them
	// longer than the walk, shares come at most four times as often as they wish for.
	leastTold = 0.25
)

// A claim is what the pool is told of a channel's hash rate: what the hashers declare for
// their clocks of the moment, times what was proved for each hash that they declared when
// last their clocks stood still. So it follows a clock at once, and the truth soon.
type claim struct {
	full   float64 // expected before any hasher has declared its rate
	told   float64
	proved float64 // for each declared hash; 0: not known yet

	// Since then the hashers have mined at the clocks of this base.
	since     time.Time
	base      float64
	solutions uint64
	measured  time.Time // last
}

// look tells whether the pool should be told another rate, which is in told then.
func (c *claim) look(p pace, mining bool, now time.Time) bool {
	base := c.baseOf(p)
	if !mining || p.solutions < c.solutions || moved(c.base, base) {
		c.since, c.base, c.solutions = now, base, p.solutions
	}
	if c.measurable(p, now) {
		c.measured, c.proved = now, p.rate/base
	}
	rate := base
	switch {
	case c.proved > 0:
		rate *= c.proved
	case p.declared == 0:
		return false // nothing is known
	}
	if !moved(c.told, rate) {
		return false
	}
	c.told = rate
	return true
}

// baseOf is the rate that the proved part is of: any, if nobody has said one.
func (c *claim) baseOf(p pace) float64 {
	switch {
	case p.declared > 0:
		return max(p.declared, leastTold*c.full)
	case c.full > 0:
		return c.full
	}
	return 1
}

func (c *claim) measurable(p pace, now time.Time) bool {
	return p.rate > 0 && p.solutions-c.solutions >= measuredAfter &&
		now.Sub(c.since) >= tellEvery && now.Sub(c.measured) >= tellEvery
}

// moved tells whether a rate is so far from the one that was told that the pool
// should know. Nothing measured is no rate.
func moved(told, measured float64) bool {
	return measured > 0 && (measured > told*(1+tellAbove) || measured < told*(1-tellAbove))
}

// tellRate keeps the client's nominal hash rates near what the hashers do.
func (d *Device) tellRate(ctx context.Context) error {
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	since := make([]time.Time, len(d.claims))
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			for i := range d.claims {
				since[i] = d.claims[i].since
			}
			paces, mining := d.dispatcher.paces(since)
			for i, p := range paces {
				if c := &d.claims[i]; c.look(p, mining, now) {
					d.log.Debug("hash rate for the pool", "number", i, "is", c.told, "declared", p.declared)
					d.client.SetHashRate(i, c.told)
				}
			}
		}
	}
}
