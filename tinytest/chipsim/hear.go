package chipsim

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A group is the chips that listen at one rate, and what they have heard. It is
// one group but for the time when a rate was changed on some chips only.
type group struct {
	baud float64
	parser
}

// regroup makes the groups fit the chips' rates.
func (c *Chain) regroup() {
	old := c.groups
	c.groups = nil
	for _, ch := range c.chips {
		baud := ch.baud()
		has := func(g *group) bool { return g.baud == baud }
		if slices.ContainsFunc(c.groups, has) {
			continue
		}
		if i := slices.IndexFunc(old, has); i >= 0 {
			c.groups = append(c.groups, old[i])
		} else {
			c.groups = append(c.groups, &group{baud, parser{m: c.m, report: c.check.add}})
		}
	}
}

// Baud differences: within the first limit all is well, beyond the second every
// byte is damaged. Between them, where all Bitaxes are with 1 M against 1.0417 M,
// a byte in a million is.
const (
	goodBaud  = 0.025
	worstBaud = 0.045
	rareError = 1e-6
)

// damage says whether a byte between the host's rate and this one arrives wrong.
func (c *Chain) damage(r *rand.Rand, chip float64) bool {
	return c.mismatch(r, c.tx.baud, c.tx.other, chip)
}

func (c *Chain) mismatch(r *rand.Rand, host, other int, chip float64) bool {
	if c.cfg.AutoBaud {
		return false
	}
	off := math.Abs(float64(host)/chip - 1)
	if other > 0 {
		off = min(off, math.Abs(float64(other)/chip-1))
	}
	switch {
	case off <= goodBaud:
		return false
	case off > worstBaud:
		return true
	}
	c.check.onMargin(host, chip)
	return r.Float64() < rareError
}

// hear gives a byte from the host to the chips; true if it ended a command.
func (c *Chain) hear(b txByte) (ended bool) {
	c.check.onByte(b)
	if c.low || c.now < c.boot || c.fault(Unplugged) != nil || c.chance(LoseCommand) {
		return false
	}
	if c.chance(FlipCommand) {
		b.b ^= 1 << c.rand.IntN(8)
	}
	for _, g := range c.groups {
		v := b.b
		if c.mismatch(c.rand, b.baud, b.other, g.baud) {
			c.check.onMismatch(b, g.baud)
			v = byte(c.rand.Uint32())
		}
		if cmd, ok := g.push(v, b.off); ok {
			c.check.offset = cmd.offset
			c.execute(cmd, g.baud)
			ended = true
		}
	}
	if ended {
		c.regroup()
	}
	return ended
}
