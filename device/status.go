package device

import (
	"time"
)

// A State is what the device does as a whole.
//
//	Waiting <--- Job(nil), Job(j) ---> Mining <--- Pause, Resume ---> Paused
//	   |                                 |                              |
//	   +------------> Stopped <----------+------------------------------+   Run returns
type State uint8

// States of a device.
const (
	Waiting State = iota // for a job
	Mining
	Paused  // by hand; jobs are taken, and not hashed
	Stopped // for good
)

// String is the state's name for people.
func (s State) String() string {
	switch s {
	case Waiting:
		return "waiting"
	case Mining:
		return "mining"
	case Paused:
		return "paused"
	}
	return "stopped"
}

// MarshalText is the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name. An unknown one means Stopped.
func (s *State) UnmarshalText(text []byte) error {
	for *s = Waiting; *s < Stopped && s.String() != string(text); *s++ {
	}
	return nil
}

// DispatcherStatus is a dispatcher's state at one moment. Whoever has it may keep
// it: nothing in it changes.
type DispatcherStatus struct {
	Time           time.Time      `json:"time"`
	UptimeSeconds  float64        `json:"uptime_seconds"`
	State          State          `json:"state"`
	Job            *JobStatus     `json:"job"` // of the first channel that has one; null: none
	HashRate       Rates          `json:"hash_rate"`
	BestDifficulty float64        `json:"best_difficulty"`
	Total          Tally          `json:"total"`
	Hashers        []HasherStatus `json:"hashers"`
	Events         []Event        `json:"events"` // newest last
}

// JobStatus tells of the job that is hashed.
type JobStatus struct {
	Number     uint64  `json:"number"`
	ID         uint32  `json:"id"`
	PrevHash   string  `json:"prev_hash"` // as block explorers show it
	Difficulty float64 `json:"difficulty"`
	AgeSeconds float64 `json:"age_seconds"`
}

// HasherStatus tells of one hasher.
type HasherStatus struct {
	Name           string  `json:"name"`
	Channel        int     `json:"channel"` // its place in the list of the pool's channels
	Running        bool    `json:"running"`
	Failures       int     `json:"failures"`
	LastFailure    string  `json:"last_failure,omitempty"`
	HashRate       Rates   `json:"hash_rate"`
	BestDifficulty float64 `json:"best_difficulty"`
	// SolutionAgeSeconds is the time since the last good solution, -1 before the first.
	SolutionAgeSeconds float64 `json:"solution_age_seconds"`
	Tally
}

// Status is safe to call at any time.
func (d *Dispatcher) Status() DispatcherStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	s := DispatcherStatus{
		Time:          now.Round(0),
		UptimeSeconds: now.Sub(d.start).Seconds(),
		State:         d.state,
		Events:        d.events.list(),
	}
	if first := d.first(); first != nil {
		j := first.job
		s.Job = &JobStatus{
			Number: j.Number, ID: j.ID, PrevHash: j.PrevHash.String(),
			Difficulty: j.Target.Difficulty(), AgeSeconds: now.Sub(j.Received).Seconds(),
		}
	}
	for _, l := range d.lanes {
		h := l.status(now)
		s.Hashers = append(s.Hashers, h)
		s.HashRate = s.HashRate.plus(h.HashRate)
		s.Total = s.Total.plus(h.Tally)
		s.BestDifficulty = max(s.BestDifficulty, h.BestDifficulty)
	}
	return s
}

// A pace is how fast a channel is worked on, and how well that is known.
type pace struct {
	declared  float64 // by the hashers, for their clocks of the moment, in hashes per second
	rate      float64 // measured, of all whole seconds of the last minute since a given time
	solutions uint64  // good ones, ever
}

// paces are those of the channels, measured since a time for each, and whether anything is
// mined. Hashers whose channel has no job count for the first that has one.
func (d *Dispatcher) paces(since []time.Time) (list []pace, mining bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, first := d.now(), d.first()
	list = make([]pace, len(d.supplies))
	for _, l := range d.lanes {
		s := l.own
		if s.job == nil && first != nil {
			s = first
		}
		p := &list[s.number]
		p.declared += l.feed.Traits().HashRate
		if whole := int64(min(time.Minute, now.Sub(since[s.number])) / time.Second); whole > 0 {
			p.rate += l.meter.after(whole-1, now.Sub(d.start))
		}
		p.solutions += l.tally.Solutions
	}
	return list, d.state == Mining
}

func (l *lane) status(now time.Time) HasherStatus {
	h := HasherStatus{
		Name:               l.hasher.String(),
		Channel:            l.own.number,
		Running:            l.working,
		Failures:           l.fails,
		HashRate:           l.meter.rates(now.Sub(l.d.start)),
		BestDifficulty:     l.best,
		SolutionAgeSeconds: -1,
		Tally:              l.tally,
	}
	h.Tally.Works = l.count
	if l.err != nil {
		h.LastFailure = l.err.Error()
	}
	if !l.last.IsZero() {
		h.SolutionAgeSeconds = now.Sub(l.last).Seconds()
	}
	return h
}
