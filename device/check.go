package device

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// Tally counts what became of a hasher's work.
type Tally struct {
	Works          uint64 `json:"works"`           // given out
	Solutions      uint64 `json:"solutions"`       // good ones: they make the hash rate
	Shares         uint64 `json:"shares"`          // of those, passed on to the pool
	Stale          uint64 `json:"stale"`           // for an old chain tip, or work too old to be known
	Duplicates     uint64 `json:"duplicates"`      // reported before
	HardwareErrors uint64 `json:"hardware_errors"` // not a solution of the work at all
}

func (t Tally) plus(u Tally) Tally {
	return Tally{
		Works:          t.Works + u.Works,
		Solutions:      t.Solutions + u.Solutions,
		Shares:         t.Shares + u.Shares,
		Stale:          t.Stale + u.Stale,
		Duplicates:     t.Duplicates + u.Duplicates,
		HardwareErrors: t.HardwareErrors + u.HardwareErrors,
	}
}

// found takes a hasher's claim, and passes it on when it is a share. Everything
// is checked here: nothing leaves the device on the hardware's word.
func (l *lane) found(s hashing.Solution) {
	l.d.leaving.RLock()
	defer l.d.leaving.RUnlock()
	if share, ok := l.check(s); ok {
		l.d.cfg.Submit(share)
	}
}

// check counts the claim, and tells whether it is a share.
func (l *lane) check(s hashing.Solution) (share channel.Share, ok bool) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	w, known := l.find(s.Work)
	if !known {
		l.tally.Stale++
		return share, false
	}
	header := w.job.Header(s.Nonce, s.NTime, s.Version)
	hash := header.Hash()
	switch {
	case !w.part.has(s) || !w.target.MetBy(hash):
		l.tally.HardwareErrors++
	case w.tip != w.supply.tip:
		l.tally.Stale++
	case !l.d.seen.add(w.job.Number, hash):
		l.tally.Duplicates++
	default:
		return l.accept(&w, s, hash, l.d.now())
	}
	return share, false
}

// has tells whether the solution's version and time belong to the part.
func (p part) has(s hashing.Solution) bool {
	return s.NTime == p.ntime && (s.Version^p.version)&^p.mask == 0
}

// accept counts a good solution, which is a share if it meets the job's target.
func (l *lane) accept(w *issue, s hashing.Solution, hash bitcoin.Hash, now time.Time) (share channel.Share, ok bool) {
	l.tally.Solutions++
	l.last = now
	l.meter.add(w.credit, now.Sub(l.d.start))
	l.best = max(l.best, bitcoin.Target(hash).Difficulty())
	if !w.job.Target.MetBy(hash) {
		return share, false
	}
	l.tally.Shares++
	return channel.Share{
		Job:     w.job.Number,
		JobID:   w.job.ID,
		Nonce:   s.Nonce,
		NTime:   s.NTime,
		Version: s.Version,
		Hash:    hash,
		Found:   now,
	}, true
}
