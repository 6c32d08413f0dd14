package sv2client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// A Client mines on the best of its pools.
type Client struct {
	cfg    Config
	miners []Miner
	log    *slog.Logger
	tally  tally
	rates  []atomic.Uint64 // of each miner: bits of a float64, hashes per second

	// Sessions that take shares, for Submit, which must not wait for a lock.
	current, draining atomic.Pointer[session]

	mu       sync.Mutex // guards what follows
	pools    []*pool
	trying   *session // not mined on yet
	switches uint64

	sessions uint64 // made so far; Run's own
}

// New makes a Client that opens a channel for each miner, all on one connection, and
// hands it the channel's jobs. A pool may give fewer channels; the miners without one
// get no job.
func New(cfg Config, miners ...Miner) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if len(miners) == 0 {
		return nil, errors.New("sv2client: no miner: nobody would take the jobs")
	}
	c := &Client{cfg: cfg, miners: miners, log: cfg.Log, rates: make([]atomic.Uint64, len(miners))}
	c.tally.told = cfg.Ended
	for i := range miners {
		c.SetHashRate(i, cfg.HashRate/float64(len(miners)))
	}
	for i, url := range cfg.Pools {
		c.pools = append(c.pools, &pool{index: i, url: url, user: cfg.user(i)})
	}
	return c, nil
}

// dialer is the usual Dial.
func (c Config) dialer() func(context.Context, noise.URL) (*sv2net.Conn, error) {
	return func(ctx context.Context, url noise.URL) (*sv2net.Conn, error) {
		return sv2net.Dial(ctx, url, sv2net.DialConfig{Random: c.Rand})
	}
}

// SetHashRate says how fast a miner is, named by its place in New's list, in hashes
// per second; the pool is told when that changes much. What is no rate is ignored.
func (c *Client) SetHashRate(miner int, hashesPerSecond float64) {
	if hashesPerSecond >= 0 && hashesPerSecond <= math.MaxFloat32 {
		c.rates[miner].Store(math.Float64bits(hashesPerSecond))
	}
}

func (c *Client) hashRate(miner int) float64 { return math.Float64frombits(c.rates[miner].Load()) }

func (c *Client) event(text string) {
	if c.cfg.Event != nil {
		c.cfg.Event(text)
	}
}

// Submit sends a share to the channel that its job came from. It never blocks and does
// not allocate; a share that cannot be sent ends as lost.
func (c *Client) Submit(x channel.Share) {
	if x.Found.IsZero() {
		x.Found = time.Now()
	}
	cause := lostNoPool
	if s := c.current.Load(); s != nil {
		cause = lostStale
		if s.takes(&x) {
			c.submit(s, &x)
			return
		}
	}
	if s := c.draining.Load(); s != nil && s.takes(&x) {
		c.submit(s, &x)
		return
	}
	c.tally.count(nil, &x, channel.Lost, cause)
}

// takes says whether the share's job is one of the session's.
func (s *session) takes(x *channel.Share) bool { return x.Job>>sessionShift == s.id }

func (c *Client) submit(s *session, x *channel.Share) {
	switch s.queue.push(x) {
	case full:
		c.tally.count(s.p, x, channel.Lost, lostQueue)
	case closed:
		c.tally.count(s.p, x, channel.Lost, lostStale)
	}
}

// unshy notes that p gave a second channel.
func (c *Client) unshy(p *pool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.shy = 0
}

// thrive notes that p has been mined on for d without a fault.
func (c *Client) thrive(p *pool, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.thrive(d, &c.cfg.Limits)
}

// Run mines until ctx ends, which gives nil, or until no pool of the list can be the
// right one (ErrWrongKeys). When it returns no miner has a job, every connection
// is closed and every share has ended.
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{c: c, ctx: ctx}
	defer r.wait()
	defer cancel()
	for ctx.Err() == nil && !r.hopeless() {
		r.step()
	}
	if ctx.Err() != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Errorf("%w: %w", ErrWrongKeys, c.pools[0].last)
}
