package sv2client

import (
	"math"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// watch looks at everything that time can tell; it returns why the session must end.
func (s *session) watch(now time.Time) error {
	update, err := s.inspect(now)
	if err != nil || update == nil {
		return err
	}
	s.log.Debug("telling the pool our hash rate", "hashes_per_second", float64(update.NominalHashRate))
	return s.send(update)
}

func (s *session) inspect(now time.Time) (*mining.UpdateChannel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.deadline.IsZero() && !now.Before(s.deadline) {
		return nil, s.late()
	}
	switch s.state {
	case Draining:
		if s.channel == nil || s.channel.Stats().Pending == 0 && s.queue.len() == 0 {
			return nil, errLeft
		}
	case Mining:
		if f := s.judge(now); f != nil {
			return nil, f
		}
		if d := now.Sub(s.since); d >= s.c.cfg.Limits.Healthy && s.rejects.run == 0 {
			s.closings = 0
			s.c.thrive(s.p, d)
		}
		return s.update(now), nil
	}
	return nil, nil
}

// late is what a deadline that passed means.
func (s *session) late() error {
	l := &s.c.cfg.Limits
	switch s.state {
	case SettingUp:
		return faultf(Unanswered, "no answer to SetupConnection within %v", l.Setup)
	case Opening:
		return faultf(Unanswered, "no answer to OpenStandardMiningChannel within %v", l.Open)
	case AwaitingJob:
		return faultf(Unanswered, "channel is open, but no job came within %v", l.FirstJob)
	}
	return errLeft
}

// judge says whether a pool that is mined on is of use.
func (s *session) judge(now time.Time) *Fault {
	l := &s.c.cfg.Limits
	if d := now.Sub(s.tip.job); d >= l.NoJob {
		return faultf(Silent, "no job for %v", d.Round(time.Second))
	}
	if why := s.tip.judge(l, now); why != "" {
		return faultf(Stale, "%s", why)
	}
	if why := s.rejects.judge(l, now); why != "" {
		return faultf(Rejecting, "%s: %s", why, s.rejects.code)
	}
	if n := s.channel.Expire(now.Add(-l.Unacknowledged)); n > 0 {
		return faultf(Unacknowledged, "%d shares without an answer for %v", n, l.Unacknowledged)
	}
	n, d := s.channel.Stats().Pending, now.Sub(s.answered)
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
func (s *session) update(now time.Time) *mining.UpdateChannel {
	hashes := s.c.hashRate()
	if !s.told.moved(hashes, now) {
		return nil
	}
	s.told = rate{hashes, now}
	return &mining.UpdateChannel{
		ChannelID:       s.channel.ChannelID(),
		NominalHashRate: sv2.F32(hashes), MaximumTarget: sv2.U256(bitcoin.MaxTarget()),
	}
}
