package pool

import (
	"errors"
	"fmt"
	"time"

	"github.com/lodefw/lode/sv2"
)

// visit brings a device up to date, in a worker. If another worker is here already,
// that one does it once more.
func (p *peer) visit() {
	if !p.turn.take() {
		return
	}
	for done := false; !done; done = p.turn.done() {
		begun := time.Now()
		p.upToDate()
		p.slow.Store(time.Since(begun) > stall)
	}
}

// upToDate sends the tip, jobs, and whatever else is due, in one write.
func (p *peer) upToDate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, w := time.Now(), p.pool.work.Load()
	out := make([]sv2.Message, 0, 4)
	var err error
	for _, s := range p.channels {
		if out, err = s.tell(out, w); err != nil {
			break
		}
		if out, err = p.chores(out, s, w, now); err != nil {
			break
		}
	}
	if err == nil {
		err = p.overdue(now)
	}
	p.due.Store(p.next(now).UnixNano())
	if err != nil {
		p.close(err)
		return
	}
	if len(out) == 0 {
		return
	}
	if err := p.conn.SendAll(out...); err != nil {
		p.close(err)
	}
}

// chores appends the answer to shares that have waited long enough, and a new
// target if the shares come at the wrong rate. mu is held.
func (p *peer) chores(out []sv2.Message, s *standard, w *work, now time.Time) ([]sv2.Message, error) {
	if s.batch.Due(now) || p.pool.ctx.Err() != nil {
		ack := p.ack
		if s.batch.Take(&ack) {
			out = append(out, &ack)
		}
	}
	return s.retarget(out, w, now)
}

// Why the pool closes a connection.
var (
	errNoChannel = errors.New("no channel opened")
	errIdle      = errors.New("no share")
)

// overdue is an error for a device that has waited too long with what it should
// do. mu is held.
func (p *peer) overdue(now time.Time) error {
	l := &p.pool.cfg.Limits
	if !p.lonely.IsZero() && now.Sub(p.lonely) >= l.FirstChannel {
		return fmt.Errorf("%w for %v", errNoChannel, l.FirstChannel)
	}
	for _, s := range p.channels {
		if now.Sub(s.since) < l.WithoutShare {
			return nil
		}
	}
	if len(p.channels) > 0 {
		return fmt.Errorf("%w for %v", errIdle, l.WithoutShare)
	}
	return nil
}

// next is when a worker must come again. mu is held.
func (p *peer) next(now time.Time) time.Time {
	at := now.Add(time.Minute)
	sooner := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if !p.lonely.IsZero() {
		sooner(p.lonely.Add(p.pool.cfg.Limits.FirstChannel))
	}
	for _, s := range p.channels {
		sooner(s.check)
		if t, ok := s.batch.Deadline(); ok {
			sooner(t)
		}
	}
	return at
}
