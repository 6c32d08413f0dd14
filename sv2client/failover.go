package sv2client

import (
	"context"
	"errors"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2/noise"
)

// A run is what Run's goroutine keeps: the session that is mined on, one that is
// tried, and those that drain or end.
type run struct {
	c        *Client
	ctx      context.Context
	cur      *session
	next     *session
	leaving  []*session
	move     *move // a Reconnect to follow
	observed bool  // the log says that no pool works
}

// A move is a Reconnect that a pool asked for.
type move struct {
	p   *pool
	url noise.URL
	at  time.Time // not before: all its miners are asked at once
}

// step waits for one event and deals with it.
func (r *run) step() {
	timer := time.NewTimer(r.choose(time.Now()))
	defer timer.Stop()
	next, cur := r.next.events(), r.cur.events()
	select {
	case <-r.ctx.Done():
	case <-timer.C:
	case url := <-next.moved:
		r.follow(r.next, url)
	case url := <-cur.moved:
		r.follow(r.cur, url)
	case <-next.done:
		r.failed()
	case <-next.ready:
		r.promote()
	case <-cur.done:
		r.lost()
	}
	r.reap(false)
}

// events are what a session reports; nil channels, which never do, if there is none.
type events struct {
	ready, done <-chan struct{}
	moved       <-chan noise.URL
}

func (s *session) events() events {
	if s == nil {
		return events{}
	}
	return events{s.ready, s.done, s.moved}
}

// choose starts a session if one is due and none is being tried, and says when to
// look again.
func (r *run) choose(now time.Time) time.Duration {
	const longest = time.Minute
	if r.next != nil {
		return longest
	}
	if m := r.move; m != nil {
		if now.Before(m.at) {
			return m.at.Sub(now)
		}
		r.move = nil
		r.try(m.p, m.url, now)
		return longest
	}
	p, wait := r.candidate(now)
	if p == nil {
		if r.cur == nil && !r.observed {
			r.observed = true
			r.c.log.Warn("no pool gives jobs; hashing pauses until one does", "next_try", wait.Round(time.Millisecond))
		}
		return min(wait, longest)
	}
	r.try(p, p.url, now)
	return longest
}

// candidate is the best pool that may be tried now and is better than the one that
// is mined on; without one, wait says when that may change.
func (r *run) candidate(now time.Time) (best *pool, wait time.Duration) {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	wait = time.Hour
	for _, p := range r.c.pools {
		if r.cur != nil && p == r.cur.p {
			continue
		}
		for _, at := range []time.Time{p.next, p.avoid} {
			if at.After(now) {
				wait = min(wait, at.Sub(now))
			}
		}
		switch {
		case p.next.After(now), r.cur != nil && !p.better(r.cur.p, now):
		case best == nil || p.better(best, now):
			best = p
		}
	}
	return best, wait
}

func (r *run) try(p *pool, url noise.URL, now time.Time) {
	r.next = r.c.newSession(p, url, now)
	r.next.log.Debug("connecting", "background", r.cur != nil)
	r.c.mu.Lock()
	r.c.trying = r.next
	r.c.mu.Unlock()
	r.next.start(r.ctx)
}

// settle takes the tried session out of next.
func (r *run) settle() *session {
	s := r.next
	r.next = nil
	r.c.mu.Lock()
	r.c.trying = nil
	if s.proof.Load() {
		s.p.proven = true
	}
	r.c.mu.Unlock()
	return s
}

// promote makes the tried session the one to mine on.
func (r *run) promote() {
	old := r.cur
	if old != nil {
		old.drain()
	}
	s := r.settle()
	r.c.current.Store(s)
	r.c.draining.Store(old)
	if old != nil {
		r.leaving = append(r.leaving, old)
	}
	r.cur, r.observed = s, false
	tip := s.lastTip()
	r.c.mu.Lock()
	r.c.switches++
	if tip != s.p.staleTip {
		s.p.staleTip = bitcoin.Hash{}
	}
	r.c.mu.Unlock()
	s.log.Info("mining", "user", s.p.user, "encrypted", s.conn.Secure())
	s.promote(old != nil) // if it is over already, done tells
}

// failed deals with a tried session that ended before its first job.
func (r *run) failed() {
	s := r.settle()
	if r.ctx.Err() != nil {
		return
	}
	if url, ok := s.wasMoved(); ok {
		r.follow(s, url)
		return
	}
	if errors.Is(context.Cause(s.ctx), errNoRolling) {
		s.log.Info("pool does not allow version rolling; doing without")
		r.c.mu.Lock()
		s.p.noRolling = true
		r.c.mu.Unlock()
		return
	}
	r.fail(s)
}

// lost deals with the end of the session that was mined on.
func (r *run) lost() {
	s := r.cur
	r.cur = nil
	r.c.current.Store(nil)
	r.c.silence() // once more, should it have ended before it was promoted
	if r.ctx.Err() != nil {
		return
	}
	if url, ok := s.wasMoved(); ok {
		r.follow(s, url)
		return
	}
	if r.move != nil && r.move.p == s.p {
		return // it asked us to go and hung up: no fault
	}
	r.fail(s)
}

// wasMoved is an address that arrived just before the end.
func (s *session) wasMoved() (url noise.URL, ok bool) {
	select {
	case url = <-s.moved:
		return url, true
	default:
		return url, false
	}
}

// fail notes the fault of a session that ended.
func (r *run) fail(s *session) {
	f := s.fault
	if f == nil {
		f = faultf(Disconnected, "%w", context.Cause(s.ctx))
	}
	if s.url != s.p.url {
		s.log.Warn("server of Reconnect failed; going back to the configured address", "err", f.Err)
	}
	now := time.Now()
	r.c.mu.Lock()
	again := s.p.last != nil && s.p.last.Kind == f.Kind && s.p.failures > 0
	s.p.fail(f, &r.c.cfg.Limits, r.c.cfg.Rand, now)
	if f.Kind == Stale {
		s.p.staleTip = s.stale
	}
	shies := s.shied && f.Kind == Disconnected
	if shies {
		s.p.shy++
		shies = s.p.shy >= maxShy
	}
	pause := s.p.next.Sub(now).Round(time.Millisecond)
	r.c.mu.Unlock()
	if shies {
		s.log.Warn("pool hangs up when it is asked for another channel; trying with one")
		r.c.event("pool " + s.url.Address() + " hangs up when it is asked for another channel, work is shared")
	}
	if again { // once is enough for people
		s.log.Debug("pool failed again", "fault", f.Kind.String(), "err", f.Err, "pause", pause)
		return
	}
	s.log.Warn("pool failed", "fault", f.Kind.String(), "err", f.Err, "pause", pause, "advice", f.Kind.Advice())
}

// follow prepares to go where a pool sends us. The session goes on meanwhile if it
// is mined on.
func (r *run) follow(s *session, url noise.URL) {
	c := r.c
	c.mu.Lock()
	s.p.hops++
	hops := s.p.hops
	c.mu.Unlock()
	if s == r.next {
		r.settle()
		r.leaving = append(r.leaving, s)
	}
	if hops > c.cfg.Limits.Hops {
		f := faultf(Redirected, "%d Reconnects in a row", hops)
		s.end(f)
		if s != r.cur {
			<-s.done
			s.fault = f
			r.fail(s)
		}
		return
	}
	if s != r.cur {
		s.end(nil)
	}
	pause := backoff(&c.cfg.Limits, hops-1, c.cfg.Rand)
	s.log.Info("pool sends us to another server", "to", url.Address(), "pause", pause.Round(time.Millisecond))
	r.move = &move{s.p, url, time.Now().Add(pause)}
}

// reap forgets sessions that are over; with all it waits for them.
func (r *run) reap(all bool) {
	left := r.leaving[:0]
	for _, s := range r.leaving {
		select {
		case <-s.done:
			r.c.draining.CompareAndSwap(s, nil)
		default:
			if all {
				<-s.done
			} else {
				left = append(left, s)
			}
		}
	}
	r.leaving = left
}

// wait ends everything. The context has ended.
func (r *run) wait() {
	for _, s := range []*session{r.cur, r.next} {
		if s != nil {
			<-s.done
		}
	}
	r.c.current.Store(nil)
	r.reap(true)
	r.c.draining.Store(nil)
	r.c.mu.Lock()
	r.c.trying = nil
	r.c.mu.Unlock()
}

// hopeless says whether every pool showed a wrong key and none ever the right one.
func (r *run) hopeless() bool {
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	for _, p := range r.c.pools {
		if p.proven || p.last == nil || p.last.Kind != WrongKey {
			return false
		}
	}
	return r.cur == nil && r.next == nil
}
