package bm13xx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lodefw/lode/hashing"
)

const (
	// renewAt is the part of a sweep after which a job is renewed.
	renewAt = 0.9
	// maxJobAge bounds for how long a chip that missed a job is idle or late.
	maxJobAge = 5 * time.Second
	// idleAfter is how long there must be no work after a change before the
	// chips are stopped.
	idleAfter = 250 * ms
	// restAfter is the same after a sweep that no work has followed: the chips
	// only find the same again. It is long, as loads that come and go wear a supply.
	restAfter = 2 * time.Second
)

// errSilent ends Run when no chip answers any more.
var errSilent = errors.New("no chip answers any more: check supply, reset and cable")

// runner is one Run. Its goroutine owns the chain; a reader hands it responses, a
// puller hands it work, because both may block.
//
//	port --reader--> responses --\
//	                              runner --> port
//	feed --puller--> works ------/
type runner struct {
	*Chain
	feed  *hashing.Feed
	found func(hashing.Solution)

	responses chan Response
	solutions chan solution // of a queue
	failed    chan error    // of the readers
	want      chan struct{}
	works     chan hashing.Work

	pulling bool            // the puller has been asked
	changed <-chan struct{} // closed when the chips' work is to be given up
	noticed time.Time       // when it was seen closed, until the next job is out
	idle    bool            // the chips are stopped
	begun   time.Time       // of the first job since they were idle

	renew, rest, ramp *time.Timer
	sent              time.Time     // when the newest job was
	sweep             time.Duration // that it takes, at the fastest clock since then
	readEnd           *time.Timer
	reading           *reading  // a register that somebody wants
	stepped           time.Time // when the clock was last changed
	walk              request   // a change of clocks that is under way
	turn              int       // the chip that is first in its next step
}

// Run mines until ctx ends or the line fails. It brings the chain up again if an
// earlier Run has left it. It returns with the chips stopped and in reset, or at
// their lowest clock if there is no Options.Reset.
//
// Meanwhile it walks the clock to its goal, 6.25 MHz each 100 ms, as SetFrequency
// does. ESP-Miner does that before it sends jobs. A chip hashes rightly at every step
// that its PLL locks at, so nothing needs to wait: jobs are renewed and hashes counted
// for the clock of the moment, and should a step spoil a result, that is one of the
// chip's hardware errors.
func (c *Chain) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	if !c.up {
		if err := c.bringUp(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	defer c.halt()
	if err := c.port.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("bm13xx: %w", err)
	}
	r := newRunner(c, feed, found)
	c.declare(feed)
	if err := r.accept(ctx, request{chip: allChips, clock: c.opts.Frequency, done: make(chan error, 1)}); err != nil {
		return err
	}
	inner, stop := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	helpers.Go(func() { r.read(inner) })
	helpers.Go(func() { r.pull(inner) })
	if r.queue != nil {
		helpers.Go(func() { r.readSolutions(inner) })
	}
	err := r.loop(ctx)
	stop()
	r.wakeReader()
	helpers.Wait()
	r.endRead()
	if r.walk.done != nil {
		r.walk.done <- errors.New("bm13xx: the chain has stopped")
	}
	return err
}

func newRunner(c *Chain, feed *hashing.Feed, found func(hashing.Solution)) *runner {
	r := &runner{
		Chain: c, feed: feed, found: found,
		responses: make(chan Response, 256), solutions: make(chan solution, 256), failed: make(chan error, 2),
		want: make(chan struct{}, 1), works: make(chan hashing.Work),
		renew: stopped(), rest: stopped(), ramp: stopped(), readEnd: stopped(),
		stepped: time.Now(), // so that the first job goes first
	}
	c.jobs.clear()
	return r
}

// stopped is a timer that is to be started later.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

// declare tells the feed what the chain is.
func (c *Chain) declare(feed *hashing.Feed) {
	rate, now := c.hashRate(), time.Now()
	c.mu.Lock()
	c.status.rate = rate
	for i, f := range c.clocks {
		c.status.chips[i].tune(f, now)
	}
	c.mu.Unlock()
	target := c.target
	feed.Declare(hashing.Traits{
		RollBits: c.spec.rollBits(),
		HashRate: rate,
		Target:   &target,
	})
}

// read hands responses to the runner until the line fails or ctx ends.
func (r *runner) read(ctx context.Context) {
	for {
		resp, err := r.reader.Next()
		if err != nil {
			if ctx.Err() == nil {
				r.failed <- err // has room
			}
			return
		}
		select {
		case r.responses <- resp:
		case <-ctx.Done():
			return
		}
	}
}

// wakeReader ends a Read that waits.
func (r *runner) wakeReader() {
	r.quiet(r.port.SetReadDeadline(time.Unix(1, 0)))
}

// pull fetches one work for each time it is asked.
func (r *runner) pull(ctx context.Context) {
	for {
		select {
		case <-r.want:
		case <-ctx.Done():
			return
		}
		work, err := r.feed.Next(ctx)
		if err != nil {
			return
		}
		select {
		case r.works <- work:
		case <-ctx.Done():
			return
		}
	}
}

// ask has the puller fetch work, unless it is at it.
func (r *runner) ask() {
	if !r.pulling {
		r.pulling = true
		r.want <- struct{}{} // has room
	}
}

func (r *runner) loop(ctx context.Context) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	r.ask()
	r.rest.Reset(idleAfter)
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case err = <-r.failed:
			return fmt.Errorf("bm13xx: cannot read from the chips: %w", err)
		case resp := <-r.responses:
			r.take(resp, time.Now())
		case n := <-r.solutions:
			r.takeQueued(n, time.Now())
		case w := <-r.works:
			err = r.mine(ctx, w)
		case <-r.changed:
			r.giveUp(time.Now())
		case <-r.renew.C:
			r.more()
		case <-r.rest.C:
			err = r.stop(ctx)
		case now := <-poll.C:
			err = r.poll(ctx, now)
		case req := <-r.requests:
			err = r.accept(ctx, req)
		case <-r.readEnd.C:
			r.endRead()
		case <-r.ramp.C:
			err = r.rampOn(ctx)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// giveUp is what follows a change of the feed: other work, or none.
func (r *runner) giveUp(now time.Time) {
	r.changed, r.noticed = nil, now
	if r.queue != nil {
		r.quiet(r.queue.Drop())
	}
	r.ask()
	r.rest.Reset(idleAfter)
}

// mine sends work as the next job, unless it came before a change.
func (r *runner) mine(ctx context.Context, w hashing.Work) error {
	r.pulling = false
	select {
	case <-w.Changed:
		r.giveUp(time.Now())
		return nil
	default:
	}
	r.changed = w.Changed
	if r.idle || r.begun.IsZero() {
		if err := r.start(ctx); err != nil {
			return err
		}
	}
	sweep, err := r.send(ctx, &w)
	if err != nil {
		return err
	}
	if !r.noticed.IsZero() {
		r.mu.Lock()
		r.status.change = time.Since(r.noticed)
		r.mu.Unlock()
		r.noticed = time.Time{}
	}
	r.sent = time.Now()
	r.lasts(sweep)
	return nil
}

// lasts has others follow the newest job before its sweep is over, or a rest after it.
func (r *runner) lasts(sweep time.Duration) {
	r.sweep = sweep
	r.rest.Reset(time.Until(r.sent.Add(sweep + restAfter)))
	if r.queue != nil {
		r.refill()
		return
	}
	r.renew.Reset(time.Until(r.sent.Add(min(time.Duration(renewAt*float64(sweep)), maxJobAge))))
}

// retime is lasts for a job that the chips are at while their clocks change. A job
// that saw several ends as if it had had the fastest all the time: early enough.
func (r *runner) retime() error {
	if r.idle || r.changed == nil {
		return nil
	}
	s := &r.jobs.slots[r.jobs.id]
	if r.queue != nil {
		s = &r.queue.slots[r.queue.number]
		if err := r.pace(s); err != nil {
			return err
		}
	}
	if sweep := r.sweepOf(s); sweep < r.sweep {
		r.lasts(sweep)
	}
	return nil
}

// more is when the next work is due.
func (r *runner) more() {
	if r.queue != nil {
		r.refill()
		return
	}
	r.ask()
}

// start has the chips hash again.
func (r *runner) start(ctx context.Context) error {
	if r.idle && r.spec.rolls {
		if err := r.writeHashCount(ctx); err != nil {
			return err
		}
	}
	r.idle, r.begun = false, time.Now()
	r.forgive(r.begun)
	r.walkOn()
	return nil
}

// stop has the chips rest while there is nothing to do. The older chips rest by
// themselves once they are through with a job.
func (r *runner) stop(ctx context.Context) error {
	r.renew.Stop()
	if r.idle {
		return nil
	}
	r.idle = true
	r.log.Info("no work, the chips rest", "model", r.model)
	if !r.spec.rolls {
		return nil
	}
	return r.command(ctx, Command{Op: OpWrite, All: true, Reg: r.spec.regs.count}, 0)
}

// send writes one job, and says how long it lasts. It does not allocate.
func (c *Chain) send(ctx context.Context, w *hashing.Work) (time.Duration, error) {
	if c.queue != nil {
		return c.enqueue(w)
	}
	s := c.jobs.next(c.spec.idStep)
	s.work = *w
	frame, err := c.frame(ctx, s)
	if err != nil {
		return 0, err
	}
	if _, err := c.port.Write(frame); err != nil {
		return 0, fmt.Errorf("bm13xx: cannot send to the chips: %w", err)
	}
	s.bytes = len(frame)
	c.mu.Lock()
	c.status.jobs++
	c.mu.Unlock()
	return c.sweepOf(s), nil
}

// sweepOf is how long the chips need for a job, or the line does.
func (c *Chain) sweepOf(s *slot) time.Duration {
	return max(c.spec.sweep(c.count, s.rolling(), s.n, c.hashCount, slices.Max(c.clocks)), c.wireTime(s.bytes))
}

// wireTime is the least time between jobs that the line can carry.
func (c *Chain) wireTime(bytes int) time.Duration {
	return time.Duration(bytes) * 12 * time.Second / time.Duration(c.opts.Baud)
}

// frame makes a slot's job: with midstates, or for chips that roll the version.
func (c *Chain) frame(ctx context.Context, s *slot) ([]byte, error) {
	if !c.spec.rolls {
		m := &c.jobs.midstates
		m.make(&s.work.Header, hashing.LowBits(s.work.VersionMask, 2))
		s.n, s.versions = m.n, m.versions
		t := tailOf(&s.work.Header)
		return c.spec.wire.appendMidstateJob(c.out[:0], c.jobs.id, &t, m.states[:m.n]), nil
	}
	s.mask = s.work.VersionMask & rolledBits
	if s.mask != c.mask {
		v, err := NewVersionMask(s.mask)
		if err != nil {
			return nil, err
		}
		if err := c.command(ctx, Command{Op: OpWrite, All: true, Reg: RegVersion, Value: v.Register()}, 0); err != nil {
			return nil, err
		}
		c.mask = s.mask
	}
	h := s.work.Header
	h.Version &^= s.mask
	return appendHeaderJob(c.out[:0], c.jobs.id, &h), nil
}
