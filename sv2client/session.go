package sv2client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

const (
	tick     = time.Second            // how often a session looks at the clock
	farewell = 500 * time.Millisecond // how long one that ends may take to say so
)

// A session is one connection to one pool, from Connecting to Closed, with a slot for
// the channel of each Miner. Its run
// goroutine sends and watches the time; a second one receives. What both touch is
// under mu; the receiver never sends, so that a pool that does not read cannot keep
// us from hearing it. Locks are taken in this order: session.mu, Client.mu, tally.mu;
// Miners are called under session.mu.
type session struct {
	c   *Client
	p   *pool
	id  uint64    // our own, from 1
	url noise.URL // the pool's, or where Reconnect sent us
	log *slog.Logger

	queue *queue
	moved chan noise.URL // one address that the pool sends us to
	ready chan struct{}  // closed at the first job
	done  chan struct{}  // closed when over
	fault *Fault         // valid then; nil if we ended it
	ctx   context.Context
	stop  context.CancelCauseFunc
	conn  *sv2net.Conn // set once, under mu, before the receiver starts
	proof atomic.Bool  // the pool has shown the URL's key

	rolling  bool         // REQUIRES_VERSION_ROLLING is sent
	shy      int          // the pool's
	shunned  bitcoin.Hash // a prev_hash that must not be the first one, unless zero
	numbers  atomic.Uint64
	received sv2.Codec // the receiver's, as are the next three
	answer   mining.SubmitSharesSuccess
	refusal  mining.SubmitSharesError
	odd      map[sv2.Type]bool // types that were logged

	mu       sync.Mutex
	state    State
	since    time.Time    // of state
	deadline time.Time    // of state; zero: none
	live     bool         // its jobs go to the miner
	unbound  bool         // any target will do
	mask     uint32       // version bits
	slots    []*slot      // one for each Miner
	requests uint32       // request_ids so far
	began    bool         // ready is closed
	now      time.Time    // of the message being handled
	stale    bitcoin.Hash // the prev_hash for which the pool was found Stale
	shied    bool         // it ended while the pool was asked for another channel
	nbits    uint32
	network  bitcoin.Target // of nbits
}

// sessionShift splits channel.Job.Number into a session's number and a job's within
// it, so that a share finds its session.
const sessionShift = 32

func (c *Client) newSession(p *pool, url noise.URL, now time.Time) *session {
	c.sessions++
	s := &session{
		c: c, p: p, id: c.sessions, url: url,
		log:   c.cfg.Log.With("pool", url.Address()),
		queue: newQueue(), moved: make(chan noise.URL, 1),
		ready: make(chan struct{}), done: make(chan struct{}),
		state: Connecting, since: now, mask: c.cfg.VersionMask,
		rolling: c.cfg.VersionMask != 0 && !p.noRolling, shy: p.shy,
		odd: map[sv2.Type]bool{},
	}
	for i := range c.miners {
		s.slots = append(s.slots, &slot{number: i, state: Opening})
	}
	if !p.avoid.After(now) {
		s.shunned = p.staleTip
	}
	s.numbers.Store(s.id << sessionShift)
	s.ctx, s.stop = context.WithCancelCause(context.Background()) // until start
	return s
}

// start begins the session, which ends with ctx, with end, or by a fault.
func (s *session) start(ctx context.Context) {
	s.ctx, s.stop = context.WithCancelCause(ctx)
	go func() {
		defer close(s.done)
		s.stop(s.run())
		s.finish()
	}()
}

// end ends the session, with nil if we do not want it any more. It does not wait.
func (s *session) end(cause error) { s.stop(cause) }

// run does all but the last steps.
func (s *session) run() error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	// A Send that hangs when the session must end is given the farewell's time.
	closer := time.AfterFunc(1<<62, func() { conn.Close() })
	stop := context.AfterFunc(s.ctx, func() { closer.Reset(farewell) })
	var wg sync.WaitGroup
	defer func() {
		stop()
		closer.Stop()
		conn.Close()
		wg.Wait()
	}()
	if err := s.sendSetup(); err != nil {
		return err
	}
	wg.Go(func() { s.stop(s.receive()) })
	err = s.loop()
	s.stop(err)
	s.sayFarewell()
	return err
}

// finish settles what is left when nothing runs any more.
func (s *session) finish() {
	var f *Fault
	cause := lostStopped
	switch err := context.Cause(s.ctx); {
	case errors.Is(err, errLeft):
		cause = lostSwitched
	case errors.As(err, &f):
		cause = f.Kind.String()
	}
	s.fault = f
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sl := range s.slots {
		s.shied = s.shied || sl.waits() && s.open()
	}
	s.enter(Closed, time.Now(), 0)
	s.silence()
	for _, sl := range s.slots {
		if sl.channel != nil {
			sl.channel.Close(cause)
		}
	}
	s.queue.close()
	for x := (channel.Share{}); s.queue.pop(&x); {
		s.c.tally.count(s.p, &x, channel.Lost, cause)
	}
}

// errLeft ends a session that another one has replaced.
var errLeft = errors.New("sv2client: moved to another pool")

// enter changes the state; the new one must end within limit, unless that is 0.
func (s *session) enter(state State, now time.Time, limit time.Duration) {
	if s.state != state {
		s.log.Debug("connection", "state", state.String())
	}
	s.state, s.since, s.deadline = state, now, time.Time{}
	if limit > 0 {
		s.deadline = now.Add(limit)
	}
}

// silence takes the miners' jobs away, if they are ours.
func (s *session) silence() {
	if s.live {
		s.live = false
		s.c.silence()
	}
}

// silence takes all jobs away.
func (c *Client) silence() {
	for _, m := range c.miners {
		m.Job(nil, true)
	}
}

// promote makes the session the one that is hashed for, unless it is over. If another
// one drains, what was found for that still counts.
func (s *session) promote(drains bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == Closed {
		return
	}
	s.live = true
	for _, sl := range s.slots {
		s.tell(sl, sl.active(), !drains)
	}
}

// lastTip is the newest prev_hash.
func (s *session) lastTip() bitcoin.Hash {
	s.mu.Lock()
	defer s.mu.Unlock()
	var last tip
	for _, sl := range s.slots {
		if sl.tip.changed.After(last.changed) {
			last = sl.tip
		}
	}
	return last.prevHash
}

// drain ends the session after its shares have been answered. Its successor has the
// miner already, or takes it next.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = false
	if s.state != Closed {
		s.enter(Draining, time.Now(), s.c.cfg.Limits.Drain)
	}
	s.queue.signal()
}
