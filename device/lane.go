package device

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// lane is one hasher's side of the dispatcher: the work it has, what came of it.
// The dispatcher's mutex guards all of it.
type lane struct {
	d       *Dispatcher
	own     *supply // of its channel
	hasher  hashing.Hasher
	feed    *hashing.Feed
	number  uint64
	working bool // Run has been called and has not returned

	issued [recent]issue // a ring, by sequence
	count  uint64        // works issued
	meter  meter

	target    bitcoin.Target // of the next works
	credit    float64        // hashes that a solution of it stands for
	targetFor *channel.Job   // target is right for this job,
	targetAt  time.Duration  // and was set then

	tally Tally
	best  float64
	last  time.Time // newest good solution
	fails int
	err   error // why it stopped last
}

// recent is how many works of a hasher are remembered: the fastest chains take
// fewer in the seconds that a chip may be late.
const recent = 1024

// issue is a work that was given out.
type issue struct {
	id     uint64
	part   part
	supply *supply
	job    *channel.Job
	tip    uint64
	target bitcoin.Target
	credit float64
}

// laneShift leaves 2^48 works for each lane, so that an ID tells the lane to a
// reader of logs.
const laneShift = 48

// Work is the lane's hashing.Source.
func (l *lane) Work(t hashing.Traits) (hashing.Work, time.Duration, bool) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if l.d.paused {
		return hashing.Work{}, 0, false
	}
	now := l.d.now()
	s, p, wait, ok := l.take(t.RollBits, now)
	if !ok {
		return hashing.Work{}, wait, false
	}
	j := s.job
	l.meter.begin(now.Sub(l.d.start))
	l.retarget(t, j, now.Sub(l.d.start))
	id := l.number<<laneShift | l.count
	l.issued[l.count%recent] = issue{id: id, part: p, supply: s, job: j, tip: s.tip, target: l.target, credit: l.credit}
	l.count++
	return hashing.Work{
		ID:          id,
		Header:      j.Header(0, p.ntime, p.version),
		VersionMask: p.mask,
		Target:      l.target,
		Changed:     l.feed.Changed(), // nothing changes meanwhile
	}, 0, true
}

// take gives out a part of the channel's job. Without a job the lane works for any
// other channel that has something left; the first second of a job, which comes when
// all want work, is for the channel's own hashers.
func (l *lane) take(rollBits int, now time.Time) (s *supply, p part, wait time.Duration, ok bool) {
	if l.own.job != nil {
		p, wait, ok = l.own.take(rollBits, now)
		return l.own, p, wait, ok
	}
	for _, s := range l.d.supplies {
		if s.job == nil {
			continue
		}
		w := time.Second - now.Sub(s.job.Received)
		if w <= 0 {
			if p, w, ok = s.take(rollBits, now); ok {
				return s, p, 0, true
			}
		}
		if wait == 0 || w < wait {
			wait = w
		}
	}
	return nil, part{}, wait, false
}

// untilNextSecond is how long until the age of a job is a whole second more, when
// it has another second to search.
func untilNextSecond(age time.Duration) time.Duration {
	if age < 0 { // the clock went back: look now and then
		return time.Second
	}
	return time.Second - age%time.Second
}

// find returns the work with an ID, if it is remembered.
func (l *lane) find(id uint64) (issue, bool) {
	w := l.issued[id%recent]
	return w, w.job != nil && w.id == id
}
