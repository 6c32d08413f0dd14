package bm13xx

import (
	"context"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

const (
	// pollEvery is how often all chips are asked for their id. A chip that is
	// quiet in deadPolls of them is dead: known 40 s after it died, at most.
	pollEvery = 10 * time.Second
	deadPolls = 3
	// silentResults is how many results a chip must be short of to be called
	// silent: by chance that is one case in 10^8.
	silentResults = 20
)

// poll looks at who has answered since the last time, and asks again.
func (r *runner) poll(ctx context.Context, now time.Time) error {
	if alive := r.assess(now); !alive {
		return fmt.Errorf("bm13xx: %w", errSilent)
	}
	return r.command(ctx, Command{Op: OpRead, All: true, Reg: RegChipID}, 0)
}

// heard notes that a chip has answered.
func (c *Chain) heard(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.chips[i].heard = true
}

// forgive starts the wait for every chip's next result anew.
func (c *Chain) forgive(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.status.chips {
		c.status.chips[i].good, c.status.chips[i].heard = now, true
	}
}

// assess gives every chip its state and reports the changes. It is false when no
// chip is left.
func (r *runner) assess(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	var died, silent, back []int
	dead := 0
	for i := range r.status.chips {
		chip := &r.status.chips[i]
		was := chip.health
		chip.health = r.stateOf(chip, now)
		chip.heard = false
		if chip.health == Dead {
			dead++
		}
		switch {
		case chip.health == was:
		case chip.health == Dead:
			died = append(died, i)
		case chip.health == Silent:
			silent = append(silent, i)
		default:
			back = append(back, i)
		}
	}
	r.report("chips do not answer any more", died)
	r.report("chips answer but find nothing", silent)
	if len(back) > 0 {
		r.log.Info("chips are back", "model", r.model, "chips", ranges(back))
	}
	return dead < len(r.status.chips)
}

func (r *runner) stateOf(chip *chip, now time.Time) Health {
	chip.missed++
	if chip.heard {
		chip.missed = 0
	}
	switch {
	case chip.missed >= deadPolls:
		return Dead
	case !r.spec.unsure && !r.idle && !r.begun.IsZero() && now.Sub(chip.good) > silentResults*r.resultEvery(chip.clock):
		return Silent
	case chip.health == Dead && chip.missed > 0:
		return Dead
	}
	return Alive
}

// resultEvery is how often a chip with a clock should report, on average.
func (c *Chain) resultEvery(clock physic.Frequency) time.Duration {
	rate := float64(clock) / float64(physic.Hertz) * float64(c.spec.engines)
	seconds := float64(uint64(1)<<32) * float64(c.ticket.Difficulty()) / max(rate, 1)
	return time.Duration(min(seconds, 3600) * float64(time.Second))
}

// report names chips, and the domains that have none left.
func (r *runner) report(what string, chips []int) {
	if len(chips) == 0 {
		return
	}
	left := make([]int, r.opts.Domains)
	for i := range r.status.chips {
		if r.status.chips[i].health == Alive {
			left[r.domainOf(i)]++
		}
	}
	var domains []int
	for d, n := range left {
		if n == 0 {
			domains = append(domains, d)
		}
	}
	if len(domains) == 0 {
		r.log.Error(what, "model", r.model, "chips", ranges(chips))
		return
	}
	r.log.Error(what, "model", r.model, "chips", ranges(chips), "domains", ranges(domains))
}
