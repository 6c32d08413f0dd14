package sv2client

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2/channel"
)

// A rejects judges the answers to shares of one connection.
type rejects struct {
	run      int       // rejected since the last accepted one
	runSince time.Time // first of the run
	accepted int       // of the present window
	rejected int
	since    time.Time // start of the window
	code     string    // the last one
}

func (r *rejects) accept(now time.Time) {
	r.run = 0
	r.count(now)
	r.accepted++
}

func (r *rejects) reject(code string, now time.Time) {
	r.code = code
	if r.run == 0 {
		r.runSince = now
	}
	r.run++
	r.count(now)
	r.rejected++
}

func (r *rejects) count(now time.Time) {
	if r.accepted+r.rejected == 0 {
		r.since = now
	}
}

// judge says why the pool must be left, "" if it need not.
func (r *rejects) judge(l *Limits, now time.Time) string {
	run := now.Sub(r.runSince)
	switch {
	case r.run >= l.RejectRun && run >= l.RejectFor:
		return "it rejected the last shares"
	case r.run >= 3 && run >= l.RejectSlow:
		return "it has accepted nothing for long"
	case r.accepted+r.rejected < l.RejectWindow:
		return ""
	}
	if r.rejected <= r.accepted {
		r.accepted, r.rejected = 0, 0
		return ""
	}
	if now.Sub(r.since) < l.RejectFor {
		return ""
	}
	return "it rejected more than half of the shares"
}

// A tip watches whether the jobs of a connection follow the chain. It only looks at
// time that passes, never at the clock, which may be wrong.
type tip struct {
	job      time.Time // of the last job or prev_hash
	prevHash bitcoin.Hash
	changed  time.Time // when prevHash did
	newest   uint32    // largest ntime shown so far, first shown
	newestAt time.Time // then
}

func (t *tip) see(j *channel.Job, now time.Time) {
	t.job = now
	if j.PrevHash != t.prevHash || t.changed.IsZero() {
		t.prevHash, t.changed = j.PrevHash, now
	}
	if t.newestAt.IsZero() || j.NTime > t.newest {
		t.newest, t.newestAt = j.NTime, now
	}
}

// judge says why the pool must be left, "" if it need not. A pool whose jobs come
// but show no newer time has a node that hangs, as has one whose prev_hash stays.
func (t *tip) judge(l *Limits, now time.Time) string {
	switch {
	case now.Sub(t.changed) >= l.StaleTip:
		return "its jobs have had the same prev_hash for " + l.StaleTip.String()
	case now.Sub(t.newestAt) >= l.StaleTime:
		return "the time in its jobs has stood still for " + l.StaleTime.String()
	}
	return ""
}
