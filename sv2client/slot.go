package sv2client

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
)

// A slot is the place of one Miner's channel on a connection. The session's mutex
// guards it. While another slot has a channel, one that gets none is left without
// for longer and longer, and the connection goes on:
//
//	     +--- CloseChannel, after a pause ----+----------------+
//	     v                                    |                |
//	Opening --> asked --> Success --> AwaitingJob -------> Mining
//	     ^        |                           |
//	     |        v   refused, or too late    |
//	     +-- given up <-----------------------+
//	 after minutes
type slot struct {
	number   int       // of its Miner
	state    State     // Opening, AwaitingJob or Mining
	deadline time.Time // of state; zero: none
	request  uint32    // request_id of the last Open
	asked    bool      // it has no answer
	openAt   time.Time // send Open then; zero: never
	closings int       // CloseChannels since the pool thrived
	givenUp  int       // times in a row
	why      *Fault    // it was given up last
	channel  *channel.Client

	rejects  rejects
	tip      tip
	answered time.Time // of the last answer to a share, or the first share that waits
	told     rate
}

// enter changes the state; the new one must end within limit, unless that is 0.
func (sl *slot) enter(state State, now time.Time, limit time.Duration) {
	sl.state, sl.deadline = state, time.Time{}
	if limit > 0 {
		sl.deadline = now.Add(limit)
	}
}

// waits says whether the answer to Open may still come in time.
func (sl *slot) waits() bool { return sl.asked && !sl.deadline.IsZero() }

// active is the job to hash now, nil if there is none.
func (sl *slot) active() *channel.Job {
	if sl.channel == nil {
		return nil
	}
	return sl.channel.Active()
}

// open says whether any slot has a channel.
func (s *session) open() bool {
	for _, sl := range s.slots {
		if sl.channel != nil {
			return true
		}
	}
	return false
}

// enterSlot changes a slot's state, and the session's to that of its best slot.
func (s *session) enterSlot(sl *slot, state State, now time.Time, limit time.Duration) {
	sl.enter(state, now, limit)
	if s.state < Opening || s.state > Mining {
		return
	}
	best := Opening
	for _, sl := range s.slots {
		best = max(best, sl.state)
	}
	if best != s.state {
		s.enter(best, now, 0)
	}
}

// owner is the slot whose channel has the job, nil if that is dead.
func (s *session) owner(job uint64) *slot {
	for _, sl := range s.slots {
		if sl.channel != nil && sl.channel.Job(job) != nil {
			return sl
		}
	}
	return nil
}

// plan says when each slot asks for its channel for the first time: one after the
// other, but all except the first later if the pool hung up when it was asked for
// more than one.
func (s *session) plan(now time.Time) {
	for i, sl := range s.slots {
		sl.openAt = now
		if i > 0 && s.shy >= maxShy {
			sl.openAt = now.Add(penalty(&s.c.cfg.Limits, s.shy-maxShy))
		}
	}
}

// maxShy is how many times a pool may hang up when it is asked for another channel
// until that counts as a refusal, and not as chance.
const maxShy = 2

// nextOpen is the Open that is due, nil if none is. There is one question at a time,
// so that a pool that minds shows which.
func (s *session) nextOpen(now time.Time) *mining.OpenStandardMiningChannel {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due *slot
	for _, sl := range s.slots {
		switch {
		case sl.waits():
			return nil
		case due == nil && !sl.openAt.IsZero() && !now.Before(sl.openAt):
			due = sl
		}
	}
	if due == nil || s.state < Opening || s.state > Mining {
		return nil
	}
	s.requests++
	due.openAt, due.request, due.asked = time.Time{}, s.requests, true
	hashRate := s.c.hashRate(due.number)
	due.told = rate{hashRate, now}
	s.enterSlot(due, Opening, now, s.c.cfg.Limits.Open)
	return &mining.OpenStandardMiningChannel{
		RequestID: due.request, UserIdentity: s.p.user,
		NominalHashRate: sv2.F32(hashRate), MaxTarget: s.easiest(hashRate),
	}
}

// mostShares is how many shares a minute a channel is for. It is far more than pools
// wish for, and far less than the burst of a miner that was silent, as a board is while
// it starts: in silence a pool makes shares easier and easier.
const mostShares = 1200

// easiest is the easiest target that is asked for (5.3.2). A rate of zero is unknown.
func (s *session) easiest(hashRate float64) sv2.U256 {
	if s.unbound {
		return sv2.U256(bitcoin.MaxTarget())
	}
	return sv2.U256(bitcoin.RateTarget(hashRate, mostShares))
}

// unbind says whether the pool refuses because of our easiest target: then there is none
// from now on, and it can be asked again. Some pools of 2025 write "requested-" before
// the code.
func (s *session) unbind(code string) bool {
	if s.unbound || code != mining.CodeMaxTargetOutOfRange && code != "requested-"+mining.CodeMaxTargetOutOfRange {
		return false
	}
	s.unbound = true
	s.log.Info("pool wants easier shares than we would have; it may choose", "code", code, "shares_per_minute", mostShares)
	return true
}

// asking is the slot whose Open has the number, nil if none waits for its answer.
func (s *session) asking(request uint32) *slot {
	for _, sl := range s.slots {
		if sl.asked && sl.request == request && sl.channel == nil {
			return sl
		}
	}
	return nil
}

// vacate takes the slot's channel away; what it did not answer is lost.
func (s *session) vacate(sl *slot, cause string) {
	s.tell(sl, nil, true)
	if sl.channel != nil {
		sl.channel.Close(cause)
		sl.channel = nil
	}
}

// giveUp leaves a slot without a channel for a while, as its miner can hash for
// another channel. Without another one f is the fault of the pool.
func (s *session) giveUp(sl *slot, f *Fault, now time.Time) error {
	s.vacate(sl, f.Kind.String())
	if s.state == Draining {
		return nil // its successor has the miner
	}
	if !s.open() {
		return f
	}
	pause := penalty(&s.c.cfg.Limits, sl.givenUp)
	sl.givenUp++
	sl.closings, sl.why, sl.openAt = 0, f, now.Add(pause)
	s.enterSlot(sl, Opening, now, 0)
	s.queue.signal() // the next one may ask
	s.log.Warn("pool gives fewer channels than we have use for; the others share their work",
		"number", sl.number, "fault", f.Kind.String(), "err", f.Err, "next_try", pause)
	s.c.event("pool " + s.url.Address() + " gives fewer channels than wanted, work is shared: " + f.Err.Error())
	return nil
}
