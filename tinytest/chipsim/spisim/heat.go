package spisim

import (
	"math"
	"time"
)

// heat is how warm a chain's chips are, all alike: dT/dt = (P * Rth - (T - air)) / tau.
// Nobody has measured such a chain; the figures are guesses, so that a chip at its
// usual clock is 35 to 40 K above the air.
type heat struct {
	joule  float64 // for each hash
	kelvin float64 // for each watt of a chip
	air    float64 // °C
	chip   float64 // °C
	at     time.Time
}

const heatUp = 30 * time.Second // tau

func newHeat(joule, kelvin float64) heat {
	return heat{joule: joule, kelvin: kelvin, air: 25, chip: 25, at: time.Now()}
}

// advance goes on to now, at so many hashes per second of a chip.
func (h *heat) advance(now time.Time, rate float64) {
	span := now.Sub(h.at)
	if span <= 0 {
		return
	}
	h.at = now
	end := h.air + rate*h.joule*h.kelvin
	h.chip = end + (h.chip-end)*math.Exp(-span.Seconds()/heatUp.Seconds())
}

// SetAmbient sets the air's temperature in °C.
func (b *Bus) SetAmbient(celsius float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.warm(time.Now())
	b.heat.air = celsius
}

// Temperature is how warm the chips are, in °C.
func (b *Bus) Temperature() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.warm(time.Now())
	return b.heat.chip
}

// warm brings the temperature up to now. It wants the lock.
func (b *Bus) warm(now time.Time) { b.heat.advance(now, b.chain.working(now)) }

// SetPower takes the chips' supply away, or gives it back: they forget everything.
func (b *Bus) SetPower(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.warm(now)
	b.off = !on
	b.chain.forget(now)
}
