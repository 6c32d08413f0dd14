package pool

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
)

// standard is a standard channel as the pool keeps it. Its peer's lock guards it.
type standard struct {
	*channel.Server
	user    string // printable
	vardiff *channel.Vardiff
	batch   channel.Batch
	opened  time.Time
	since   time.Time // of the last accepted share, or of the opening
	check   time.Time // when to look at the target again

	tip    uint64        // work.tip that the device knows
	active *channel.Body // of the device's present job
	ahead  *channel.Body // sent ahead for the next tip
}

// tell appends what the device must hear to be on w: the tip, the newest job on it,
// and the one for the next tip.
func (s *standard) tell(out []sv2.Message, w *work) ([]sv2.Message, error) {
	out, err := s.tellTip(out, w)
	if err != nil {
		return out, err
	}
	if s.active != w.body {
		m, err := s.NewJob(w.body, false)
		if err != nil {
			return out, err
		}
		s.active = w.body
		out = append(out, &m)
	}
	return s.sendAhead(out, w)
}

// tellTip starts the job that was sent ahead, or if none fits the full job, sent as
// a future job just before.
func (s *standard) tellTip(out []sv2.Message, w *work) ([]sv2.Message, error) {
	if s.tip == w.tip {
		return out, nil
	}
	start := w.start
	if start == nil || s.ahead != start {
		start = w.body
		m, err := s.NewJob(start, true)
		if err != nil {
			return out, err
		}
		out = append(out, &m)
	}
	m, err := s.SetNewPrevHash(start, w.body.Tip)
	if err != nil {
		return out, err
	}
	s.tip, s.active = w.tip, start
	return append(out, &m), nil
}

func (s *standard) sendAhead(out []sv2.Message, w *work) ([]sv2.Message, error) {
	if w.next == nil || s.ahead == w.next {
		return out, nil
	}
	m, err := s.NewJob(w.next, true)
	if err != nil {
		return out, err
	}
	s.ahead = w.next
	return append(out, &m), nil
}

// retarget appends SetTarget, and a job for it to count: the present job keeps the
// target that it began with (5.3.21).
func (s *standard) retarget(out []sv2.Message, w *work, now time.Time) ([]sv2.Message, error) {
	if now.Before(s.check) {
		return out, nil
	}
	s.check = now.Add(vardiffEvery(now.Sub(s.opened)))
	t, _ := s.vardiff.Check(now)
	was := s.Target()
	m := s.SetTarget(w.ease(t))
	if s.Target() == was {
		return out, nil
	}
	return s.rejob(append(out, &m))
}

// rejob appends another job of the present body.
func (s *standard) rejob(out []sv2.Message) ([]sv2.Message, error) {
	m, err := s.NewJob(s.active, false)
	if err != nil {
		return out, fmt.Errorf("job for a new target: %w", err)
	}
	return append(out, &m), nil
}

// vardiffEvery is how often a target is looked at: soon after the opening, when it
// rests on the device's claim alone, and later in peace.
func vardiffEvery(age time.Duration) time.Duration {
	if age < 2*time.Minute {
		return 2 * time.Second
	}
	return 5 * time.Second
}
