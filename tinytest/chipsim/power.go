package chipsim

import "time"

// Reset drives the reset line.
func (c *Chain) Reset(low bool) {
	c.do(func(now time.Duration) {
		c.trace.event(now, "reset", low)
		c.setReset(now, low)
	})
}

func (c *Chain) setReset(now time.Duration, low bool) {
	if low == c.low {
		return
	}
	c.low = low
	if low {
		c.lowAt = now
		c.powerUp()
		return
	}
	c.check.onRelease(now)
	c.powerUp()
	if f := c.fault(SlowStart); f != nil {
		c.boot = now + time.Duration(f.Rate*float64(time.Second))
	}
}

// PowerCycle takes the supply away for a moment: every chip is as new.
func (c *Chain) PowerCycle() {
	c.do(func(now time.Duration) {
		c.trace.event(now, "cycle", true)
		c.powerUp()
	})
}

// powerUp puts every chip to its power-on state. Answers on the line are lost.
func (c *Chain) powerUp() {
	for _, ch := range c.chips {
		ch.reset()
	}
	c.rx.queue, c.rx.free = nil, c.now
	c.lockAt, c.edge, c.boot = never, max(c.edge, c.now), c.now
	c.check.onReset()
	c.regroup()
}

// powerCheck resets chips whose supply is too low to remember anything.
func (c *Chain) powerCheck() {
	changed := false
	for _, ch := range c.chips {
		if !ch.powered() && (ch.job != nil || ch.addressed || ch.inactive || ch.mhz > 0 || ch.rolling) {
			ch.reset()
			changed = true
		}
	}
	if changed {
		c.check.onReset()
		c.regroup()
	}
}

// SetVoltage sets what each chip gets, in millivolts, on all domains; 0 is off.
func (c *Chain) SetVoltage(millivolts float64) {
	for i := range c.domains {
		c.SetDomainVoltage(i, millivolts)
	}
}

// SetDomainVoltage sets the millivolts of one domain's chips.
func (c *Chain) SetDomainVoltage(domain int, millivolts float64) {
	c.do(func(now time.Duration) {
		c.trace.event(now, "volts", []float64{float64(domain), millivolts})
		c.setDomain(now, domain, millivolts)
	})
}

func (c *Chain) setDomain(now time.Duration, domain int, millivolts float64) {
	c.check.onVoltage(now, c.domains[domain].millivolts, millivolts)
	c.domains[domain].millivolts = millivolts
	c.powerCheck()
}

// SetFan sets the air flow, 0 to 1.
func (c *Chain) SetFan(share float64) {
	c.do(func(now time.Duration) {
		c.trace.event(now, "fan", share)
		c.fan = share
	})
}

// SetAmbient sets the air's temperature in °C.
func (c *Chain) SetAmbient(celsius float64) {
	c.do(func(now time.Duration) {
		c.trace.event(now, "ambient", celsius)
		c.cfg.Ambient = celsius
	})
}

// Inject adds a fault; its At counts from now.
func (c *Chain) Inject(f Fault) error {
	if err := f.check(len(c.chips), len(c.domains)); err != nil {
		return err
	}
	c.do(func(now time.Duration) {
		f.At += now
		c.trace.event(now, "fault", f)
		c.inject(f)
	})
	return nil
}

// Heal ends all faults.
func (c *Chain) Heal() {
	c.do(func(now time.Duration) {
		c.trace.event(now, "heal", true)
		c.faults = nil
		c.refresh(now)
	})
}

// AttachI2C puts a bus behind the chips' I2C masters. It is called with the
// chain's lock held and must not call the chain.
func (c *Chain) AttachI2C(bus I2C) { c.do(func(time.Duration) { c.bus = bus }) }

// up tells whether the chip itself works.
func (c *Chain) up(ch *chip) bool {
	return !c.low && ch.powered() && !ch.dropped && c.chipFault(DeadChip, ch.index) == nil
}

// reached are the chips that the host can talk to: those before the first that
// passes nothing on.
func (c *Chain) reached() []*chip {
	if c.low || c.now < c.boot || c.fault(Unplugged) != nil {
		return nil
	}
	for i, ch := range c.chips {
		if !c.up(ch) {
			return c.chips[:i]
		}
	}
	return c.chips
}
