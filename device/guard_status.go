package device

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/board"
)

// Status is safe to call at any time.
func (g *guard) Status() *BoardStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	b := &BoardStatus{
		Name: g.board.Name, Power: g.state, SinceSeconds: now.Sub(g.since).Seconds(),
		Reason: g.reason, Trips: g.trips, ClockShare: g.share,
	}
	if !g.state.on() {
		b.Blocked = g.doubt
	}
	if left := g.board.Rest - now.Sub(g.begun); g.state == PowerOff && g.since.Equal(g.begun) && g.board.Rest > patientRest && left > 0 {
		b.Blocked = fmt.Sprintf("it stays off for %v more, as its supply needs before it comes back", left.Round(time.Second))
	}
	for i, t := range g.sample.Temperatures {
		b.Temperatures = append(b.Temperatures, TemperatureStatus{
			Name: g.board.Thermometers[i].Name, Celsius: t.Celsius, AgeSeconds: age(now, t.At), Error: text(t.Err),
		})
	}
	for i, f := range g.sample.Fans {
		b.Fans = append(b.Fans, FanStatus{Name: g.board.Fans[i].Name, RPM: f.RPM, Duty: max(g.duty, g.board.Fans[i].MinDuty), Error: text(f.Err)})
	}
	for i, r := range g.sample.Rails {
		b.Rails = append(b.Rails, RailStatus{
			Name: g.board.Rails[i].Name, Output: r.Output, Amps: r.Current, Input: r.Input,
			Watts: float64(r.Output) * float64(r.Current), Error: text(r.Err),
		})
	}
	for _, l := range g.links {
		b.Chains = append(b.Chains, l.status(now))
	}
	return b
}

// power is the board's state.
func (g *guard) power() Power {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

// reading is the newest sample.
func (g *guard) reading() board.Sample {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sample
}

// status wants the guard's mutex.
func (l *link) status(now time.Time) LinkStatus {
	s := LinkStatus{
		Name: l.chain.String(), Power: l.state, SinceSeconds: now.Sub(l.since).Seconds(),
		Reason: l.reason, ChainStatus: l.chain.Status(),
	}
	if !l.state.on() {
		s.Blocked = l.doubt
	}
	return s
}

func age(now, at time.Time) float64 {
	if at.IsZero() {
		return -1 // never
	}
	return now.Sub(at).Seconds()
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
