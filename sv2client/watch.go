package sv2client

import (
	"math"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// watch looks at everything that time can tell; it returns why the session must end.
func (s *session) watch(now time.Time) error {
	due, err := s.inspect(now)
	if err != nil || len(due) == 0 {
		return err
	}
	if err := s.conn.SendAll(due...); err != nil {
		return &Fault{Disconnected, err}
	}
	return nil
}

// inspect is watch without sending: it returns what must be sent.
func (s *session) inspect(now time.Time) (due []sv2.Message, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.deadline.IsZero() && !now.Before(s.deadline) {
		return nil, s.late()
	}
	switch s.state {
	case Draining:
		if s.drained() {
			return nil, errLeft
		}
	case Opening, AwaitingJob, Mining:
		for _, sl := range s.slots {
			m, err := s.inspectSlot(sl, now)
			if err != nil {
				return nil, err
			}
			if m != nil {
				due = append(due, m)
			}
		}
		s.thrive(now)
	}
	return due, nil
}

// drained says whether no answer can come any more.
func (s *session) drained() bool {
	for _, sl := range s.slots {
		if sl.channel != nil && sl.channel.Stats().Pending > 0 {
			return false
		}
	}
	return !s.open() || s.queue.len() == 0
}

// inspectSlot returns what must be sent for one slot.
func (s *session) inspectSlot(sl *slot, now time.Time) (sv2.Message, error) {
	if !sl.deadline.IsZero() && !now.Before(sl.deadline) {
		var bye sv2.Message
		if sl.channel != nil {
			bye = &mining.CloseChannel{ChannelID: sl.channel.ChannelID(), ReasonCode: "no-job"}
		}
		return bye, s.giveUp(sl, s.lateSlot(sl), now)
	}
	if sl.state != Mining {
		return nil, nil
	}
	if f := s.judge(sl, now); f != nil {
		return nil, f
	}
	if m := s.update(sl, now); m != nil {
		return m, nil
	}
	return nil, nil
}

// thrive notes that nothing has been wrong for long.
func (s *session) thrive(now time.Time) {
	d := now.Sub(s.since)
	if s.state != Mining || d < s.c.cfg.Limits.Healthy {
		return
	}
	for _, sl := range s.slots {
		if sl.rejects.run > 0 {
			return
		}
	}
	for _, sl := range s.slots {
		sl.closings = 0
	}
	s.c.thrive(s.p, d)
}

// late is what it means that the session's deadline passed.
func (s *session) late() error {
	if s.state == SettingUp {
		return faultf(Unanswered, "no answer to SetupConnection within %v", s.c.cfg.Limits.Setup)
	}
	return errLeft
}

// lateSlot is what it means that a slot's deadline passed.
func (s *session) lateSlot(sl *slot) *Fault {
	l := &s.c.cfg.Limits
	if sl.state == Opening {
		return faultf(Unanswered, "no answer to OpenStandardMiningChannel within %v", l.Open)
	}
	return faultf(Unanswered, "channel is open, but no job came within %v", l.FirstJob)
}

// judge says whether a pool that is mined on is of use to a channel. One that is of no
// use to one of several is left as well: another connection may cure it.
func (s *session) judge(sl *slot, now time.Time) *Fault {
	l := &s.c.cfg.Limits
	if d := now.Sub(sl.tip.job); d >= l.NoJob {
		return faultf(Silent, "no job for %v", d.Round(time.Second))
	}
	if why := sl.tip.judge(l, now); why != "" {
		s.stale = sl.tip.prevHash
		return faultf(Stale, "%s", why)
	}
	if why := sl.rejects.judge(l, now); why != "" {
		return faultf(Rejecting, "%s: %s", why, sl.rejects.code)
	}
	if n := sl.channel.Expire(now.Add(-l.Unacknowledged)); n > 0 {
		return faultf(Unacknowledged, "%d shares without an answer for %v", n, l.Unacknowledged)
	}
	n, d := sl.channel.Stats().Pending, now.Sub(sl.answered)
	if n >= l.UnacknowledgedCount && d >= l.UnacknowledgedFor {
		return faultf(Unacknowledged, "%d shares wait, and none was answered for %v", n, d.Round(time.Second))
	}
	return nil
}

// A rate is a hash rate that the pool was told, and when.
type rate struct {
	hashes float64 // per second
	at     time.Time
}

// moved says whether now is a time to tell another one: at most once a second
// (5.3.7), for half as much again or half as much at once, for a tenth twice a minute.
func (r rate) moved(hashes float64, now time.Time) bool {
	since := now.Sub(r.at)
	if hashes <= 0 || since < time.Second {
		return false
	}
	change := math.Abs(hashes-r.hashes) / max(r.hashes, 1e-9)
	return change >= 0.5 || change >= 0.1 && since >= 30*time.Second
}

// update is the UpdateChannel that is due, nil if none is (5.3.7).
func (s *session) update(sl *slot, now time.Time) *mining.UpdateChannel {
	hashes := s.c.hashRate(sl.number)
	if !sl.told.moved(hashes, now) {
		return nil
	}
	sl.told = rate{hashes, now}
	s.log.Debug("telling the pool a hash rate", "channel", sl.channel.ChannelID(), "hashes_per_second", hashes)
	return &mining.UpdateChannel{
		ChannelID:       sl.channel.ChannelID(),
		NominalHashRate: sv2.F32(hashes), MaximumTarget: s.easiest(hashes),
	}
}
