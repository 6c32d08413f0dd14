package sv2client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// A world is a network of scripted pools on virtual time.
type world struct {
	t     *testing.T
	start time.Time
	wg    sync.WaitGroup

	mu    sync.Mutex
	pools map[string]func(*peer) // by host:port; nil function: black hole
	dials map[string][]time.Duration
	ident map[string]*noise.Identity // pools with noise
	mute  map[string]bool            // of those, pools that do not answer the handshake,
	plain map[string]bool            // and pools that are plain while clients want noise
	cuts  []net.Conn
	clock noise.Clock
}

func newWorld(t *testing.T) *world {
	return &world{t: t, start: time.Now(), pools: map[string]func(*peer){}, dials: map[string][]time.Duration{},
		ident: map[string]*noise.Identity{}, mute: map[string]bool{}, plain: map[string]bool{}}
}

// url is the address of the pool called name.
func url(name string) noise.URL { return noise.URL{Host: name, Port: 34254} }

// pool sets what the pool called name does; serve runs once for each connection.
func (w *world) pool(name string, serve func(*peer)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pools[url(name).Address()] = serve
}

// gone makes connections to the pool be refused.
func (w *world) gone(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pools, url(name).Address())
}

// cutAll breaks every connection.
func (w *world) cutAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.cuts {
		c.Close()
	}
	w.cuts = nil
}

// tried are the times of the dials to a pool, since the start.
func (w *world) tried(name string) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dials[url(name).Address()])
}

func (w *world) dial(ctx context.Context, u noise.URL) (*sv2net.Conn, error) {
	w.mu.Lock()
	at := u.Address()
	serve, known := w.pools[at]
	id, mute, plain := w.ident[at], w.mute[at], w.plain[at]
	w.dials[at] = append(w.dials[at], time.Since(w.start))
	w.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("dial %s: connection refused", at)
	}
	if serve == nil {
		<-ctx.Done()
		return nil, fmt.Errorf("dial %s: %w", at, ctx.Err())
	}
	near, far := net.Pipe()
	w.mu.Lock()
	w.cuts = append(w.cuts, near)
	w.mu.Unlock()
	w.wg.Go(func() {
		defer far.Close()
		conn := sv2net.Server(far, sv2net.ListenConfig{Plain: id == nil || plain, Identity: id})
		p := &peer{w: w, conn: conn, raw: far}
		if id == nil || mute || plain || conn.Handshake(context.Background()) == nil {
			serve(p)
		}
	})
	return sv2net.Client(ctx, near, u, sv2net.DialConfig{Plain: id == nil, Clock: w.clock})
}

// A peer is one connection at a pool's end.
type peer struct {
	w       *world
	conn    *sv2net.Conn
	raw     net.Conn
	setup   sv2.SetupConnection
	open    mining.OpenStandardMiningChannel
	channel uint32
	shaken  bool
}

var errHungUp = errors.New("client hung up")

// next is the client's next message.
func (p *peer) next() (sv2.Message, error) {
	if !p.shaken {
		p.shaken = true
		if err := p.conn.Handshake(context.Background()); err != nil {
			return nil, err
		}
	}
	f, err := p.conn.Receive()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errHungUp, err)
	}
	m := mining.New(f.Type)
	return m, sv2.Unmarshal(f.Payload, m)
}

func (p *peer) send(ms ...sv2.Message) bool {
	for _, m := range ms {
		if p.conn.Send(m) != nil {
			return false
		}
	}
	return true
}

// wait reads and drops until the client hangs up.
func (p *peer) wait() {
	for {
		if _, err := p.next(); err != nil {
			return
		}
	}
}

// setUp answers SetupConnection with flags.
func (p *peer) setUp(flags uint32) bool {
	m, err := p.next()
	if err != nil {
		return false
	}
	setup, ok := m.(*sv2.SetupConnection)
	if !ok {
		p.w.t.Errorf("first message is %T", m)
		return false
	}
	p.setup = *setup
	return p.send(&sv2.SetupConnectionSuccess{UsedVersion: 2, Flags: flags})
}

// target is easy: the tests do not hash.
func target() (t sv2.U256) {
	for i := range 29 {
		t[i] = 0xff
	}
	return t
}

// opened answers OpenStandardMiningChannel.
func (p *peer) opened(id uint32) bool {
	m, err := p.next()
	for err == nil && m.Type() == mining.TypeSubmitSharesStandard { // on its way when we closed the last
		m, err = p.next()
	}
	if err != nil || m.Type() == mining.TypeCloseChannel { // it leaves
		return false
	}
	open, ok := m.(*mining.OpenStandardMiningChannel)
	if !ok {
		p.w.t.Errorf("after the set-up came %T", m)
		return false
	}
	p.open, p.channel = *open, id
	return p.send(&mining.OpenStandardMiningChannelSuccess{RequestID: open.RequestID, ChannelID: id,
		Target: target(), ExtranoncePrefix: []byte{1, 2, 3, 4}, GroupChannelID: 77})
}

// tipOf is a prev_hash.
func tipOf(n byte) (h sv2.U256) { h[0], h[31] = n, 1; return h }

// job gives job id on tip n, from now.
func (p *peer) job(id uint32, n byte) bool {
	now := uint32(time.Now().Unix())
	return p.send(&mining.NewMiningJob{ChannelID: p.channel, JobID: id, Version: 0x20000000, MerkleRoot: tipOf(byte(id))},
		&mining.SetNewPrevHash{ChannelID: p.channel, JobID: id, PrevHash: tipOf(n), MinNTime: now, NBits: 0x1d00ffff})
}

// more gives a job on the present tip.
func (p *peer) more(id uint32) bool {
	return p.send(&mining.NewMiningJob{ChannelID: p.channel, JobID: id, MinNTime: sv2.Some(uint32(time.Now().Unix())),
		Version: 0x20000000, MerkleRoot: tipOf(byte(id))})
}

// begin does all up to the first job.
func (p *peer) begin(n byte) bool { return p.setUp(0) && p.opened(5) && p.job(1, n) }

// every calls f with 2, 3 ... at each interval until it is false or the client is gone.
func (p *peer) every(d time.Duration, f func(n uint32) bool) {
	done := make(chan struct{})
	p.w.wg.Go(func() {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for n := uint32(2); ; n++ {
			select {
			case <-done:
				return
			case <-ticker.C:
				if !f(n) {
					return
				}
			}
		}
	})
	defer close(done)
	p.serve(func(m sv2.Message) bool {
		if s, ok := m.(*mining.SubmitSharesStandard); ok {
			return p.accept(s.SequenceNumber)
		}
		return true
	})
}

func (p *peer) accept(seq uint32) bool {
	return p.send(&mining.SubmitSharesSuccess{ChannelID: p.channel, LastSequenceNumber: seq, NewSubmitsAcceptedCount: 1, NewSharesSum: 1})
}

// serve hands every message to f until it is false or the client is gone.
func (p *peer) serve(f func(sv2.Message) bool) {
	for {
		m, err := p.next()
		if err != nil || !f(m) {
			return
		}
	}
}

// good is a pool that works: a job each 30 s, a new tip each 10 min.
func good(p *peer) {
	if !p.begin(1) {
		return
	}
	p.every(30*time.Second, func(n uint32) bool {
		if n%20 == 0 {
			return p.job(n, byte(n/20)+1)
		}
		return p.more(n)
	})
}

// A rig is a Client in a world, with a miner that finds shares.
type rig struct {
	*world
	c      *Client
	cancel context.CancelFunc
	result chan error

	mu    sync.Mutex
	job   *channel.Job
	jobs  []*channel.Job
	tips  int
	sent  uint32
	ended map[uint32][]Ended // by nonce
}

// Job is the Miner.
func (r *rig) Job(j *channel.Job, newTip bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.job = j
	r.jobs = append(r.jobs, j)
	if newTip && j != nil {
		r.tips++
	}
}

// forget empties the list of jobs; paused says whether hashing was stopped since.
func (r *rig) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs = nil
}

func (r *rig) paused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.jobs, nil)
}

func (r *rig) hashing() bool { return r.active() != nil }

func (r *rig) active() *channel.Job {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.job
}

// found submits a share for the present job.
func (r *rig) found() bool {
	r.mu.Lock()
	j := r.job
	r.sent++
	n := r.sent
	r.mu.Unlock()
	if j == nil {
		return false
	}
	r.share(j, n)
	return true
}

func (r *rig) share(j *channel.Job, nonce uint32) {
	r.c.Submit(channel.Share{Job: j.Number, JobID: j.ID, Nonce: nonce, NTime: j.NTime, Version: j.Version, Found: time.Now()})
}

// finds submits a share each interval, in the background, until the rig stops.
func (r *rig) finds(ctx context.Context, d time.Duration) {
	r.wg.Go(func() {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				r.found()
			}
		}
	})
}

// config is what the rigs begin with.
func (w *world) config(names ...string) Config {
	cfg := Config{User: "alice.1", HashRate: 1e6, Dial: w.dial,
		Rand: rand.NewChaCha8([32]byte{1})}
	for _, n := range names {
		u := url(n)
		if id := w.ident[u.Address()]; id != nil {
			u.Key, u.HasKey = id.Authority(), true
		}
		cfg.Pools = append(cfg.Pools, u)
	}
	return cfg
}

// begin starts a client; a share is found each shareEvery, never if that is 0.
func (w *world) begin(cfg Config, shareEvery time.Duration) *rig {
	r := &rig{world: w, result: make(chan error, 1), ended: map[uint32][]Ended{}}
	cfg.Ended = func(e Ended) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.ended[e.Share.Nonce] = append(r.ended[e.Share.Nonce], e)
	}
	c, err := New(cfg, r)
	if err != nil {
		w.t.Fatal(err)
	}
	r.c = c
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	w.wg.Go(func() { r.result <- c.Run(ctx) })
	if shareEvery > 0 {
		r.finds(ctx, shareEvery)
	}
	return r
}

// stop ends the client and checks that nothing is left of it.
func (r *rig) stop() {
	r.t.Helper()
	began := time.Now()
	r.cancel()
	if err := <-r.result; err != nil {
		r.t.Errorf("Run = %v", err)
	}
	if d := time.Since(began); d > 2*time.Second {
		r.t.Errorf("stopping took %v", d)
	}
	r.wg.Wait()
	if r.hashing() {
		r.t.Error("the miner still has a job")
	}
	if st := r.c.Status(); st.State != Idle || st.Pending != 0 {
		r.t.Errorf("after the end: %+v", st)
	}
}

// on is the pool that is mined on, "" if none.
func (r *rig) on() string {
	s := r.c.current.Load()
	if s == nil {
		return ""
	}
	return s.url.Host
}

// until waits, at most limit, for cond, and says how long it took.
func (r *rig) until(limit time.Duration, what string, cond func() bool) time.Duration {
	r.t.Helper()
	began := time.Now()
	synctest.Wait() // also for what a pool notes behind its last message
	for !cond() {
		if time.Since(began) > limit {
			st, on := r.c.Status(), r.on()
			r.cancel()
			r.wg.Wait() // or the bubble complains louder than we do
			r.t.Fatalf("not within %v: %s; on %q, status %+v", limit, what, on, st)
		}
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
	}
	return time.Since(began)
}

func (r *rig) untilOn(name string, limit time.Duration) time.Duration {
	r.t.Helper()
	return r.until(limit, "mining on "+name, func() bool { return r.on() == name && r.hashing() })
}

func (r *rig) counts() (accepted, rejected, lost uint64) {
	st := r.c.Status()
	for _, n := range st.Rejected {
		rejected += n
	}
	for _, n := range st.Lost {
		lost += n
	}
	return st.Accepted, rejected, lost
}

func wireHash(h sv2.U256) bitcoin.Hash { return bitcoin.Hash(h) }

func seedBytes(n uint64) (b [32]byte) {
	binary.LittleEndian.PutUint64(b[:], n)
	return b
}
