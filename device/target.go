package device

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// Solutions that a hasher is asked for, per second: enough for a hash rate
// within seconds and for a dead hasher to show, too few to cost anything.
const (
	wishedSolutions = 50
	// mostSolutions bounds them when the pool's target is very easy, as on a
	// test network: shares that are too many for us and for it are not looked for.
	mostSolutions = 200
)

// unknownRate stands for a rate that is neither declared nor measured, in hashes
// per second. Too low a guess makes too many solutions, but only for a moment.
const unknownRate = 1e6

// A target holds so long for a job, if the job does.
const retargetAfter = 10 * time.Second

// measuredAfter is how many solutions make a measured rate better than a
// declared one.
const measuredAfter = 100

// retarget sets the target of the next works. It computes only for a new job and
// now and then, so that a work costs nothing.
func (l *lane) retarget(t hashing.Traits, j *channel.Job, at time.Duration) {
	if l.targetFor == j && at-l.targetAt < retargetAfter {
		return
	}
	l.targetFor, l.targetAt = j, at
	rate := t.HashRate
	if l.tally.Solutions >= measuredAfter {
		if measured := l.meter.rates(at).Minute1; measured > 0 {
			rate = measured
		}
	}
	l.target = reportTarget(rate, j.Target)
	if t.Target != nil {
		l.target = *t.Target
	}
	l.credit = l.target.Hashes()
}

// reportTarget is what a hasher of a rate should report for a job whose shares
// have a target: all shares, and more for the measurement, within bounds. A rate
// of zero is unknown and bounds nothing.
func reportTarget(rate float64, share bitcoin.Target) bitcoin.Target {
	if rate <= 0 {
		return easier(share, bitcoin.RateTarget(unknownRate, 60*wishedSolutions))
	}
	target := easier(share, bitcoin.RateTarget(rate, 60*wishedSolutions))
	if most := bitcoin.RateTarget(rate, 60*mostSolutions); target.Cmp(most) > 0 {
		return most
	}
	return target
}

func easier(a, b bitcoin.Target) bitcoin.Target {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}
