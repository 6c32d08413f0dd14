package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/extension"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// hardBits is a network difficulty that no test meets; easyBits one that every
// second hash meets.
const (
	hardBits = 0x1a0fffff
	easyBits = 0x207fffff
)

// template is a block without transactions at a height; prev names the tip.
func template(height uint32, prev byte, nbits uint32) *bitcoin.Template {
	now := uint32(time.Now().Unix())
	return &bitcoin.Template{
		Height: height, Version: 0x20000000, PrevHash: bitcoin.Hash{31: prev}, NBits: nbits,
		NTime: now, MinNTime: now - 3600, Value: 50e8,
		CoinbaseVersion: 2, CoinbasePrefix: bitcoin.HeightPush(height), CoinbaseSequence: 0xffffffff,
	}
}

// fakeChain gives the templates that a test sets, and takes blocks.
type fakeChain struct {
	templates chan *bitcoin.Template
	mu        sync.Mutex
	blocks    [][]byte
	verdict   error
	submitted func()
	stuck     bool
}

func newFakeChain() *fakeChain { return &fakeChain{templates: make(chan *bitcoin.Template, 16)} }

func (c *fakeChain) Run(ctx context.Context, update func(*bitcoin.Template)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case t := <-c.templates:
			if t == nil {
				return errors.New("chain is broken")
			}
			update(t)
		}
	}
}

func (c *fakeChain) Submit(ctx context.Context, block []byte) error {
	if c.stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	if c.submitted != nil {
		c.submitted()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blocks = append(c.blocks, block)
	return c.verdict
}

func (c *fakeChain) taken() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks
}

// fakeLedger counts.
type fakeLedger struct {
	mu     sync.Mutex
	shares []string
	work   float64
	blocks []error
	fail   error
}

func (l *fakeLedger) Share(_ time.Time, user string, difficulty float64, _ *bitcoin.Header) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shares = append(l.shares, user)
	l.work += difficulty
	return l.fail
}

func (l *fakeLedger) Block(_ time.Time, _ string, _ uint32, _ *bitcoin.Header, outcome error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.blocks = append(l.blocks, outcome)
	return l.fail
}

// pipes is a listener of in-memory connections.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// rig is a pool on a fake chain, with connections in memory.
type rig struct {
	t      testing.TB
	pool   *Pool
	chain  *fakeChain
	ledger *fakeLedger
	pipes  *pipes
	key    noise.PublicKey
	plain  bool
	stop   func()
	served chan error
}

// start runs a pool until the test ends. It is on height 100, tip 1.
func start(t testing.TB, cfg Config, plain bool) *rig {
	t.Helper()
	r := prepare(t, cfg, plain)
	r.chain.templates <- template(100, 1, hardBits)
	<-r.pool.ready
	return r
}

func prepare(t testing.TB, cfg Config, plain bool) *rig {
	t.Helper()
	return prepareOn(t, cfg, plain, nil)
}

// prepareOn is prepare on another chain than the fake one.
func prepareOn(t testing.TB, cfg Config, plain bool, chain Chain) *rig {
	t.Helper()
	if cfg.PayoutScript == nil {
		cfg.PayoutScript = []byte{0x51}
	}
	r := &rig{t: t, chain: newFakeChain(), ledger: &fakeLedger{}, pipes: newPipes(), plain: plain, served: make(chan error, 1)}
	if chain == nil {
		chain = r.chain
	}
	var err error
	if r.pool, err = New(cfg, chain, r.ledger, nil); err != nil {
		t.Fatal(err)
	}
	l, err := sv2net.NewListener(r.pipes, r.listenConfig(cfg))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { r.served <- r.pool.Serve(ctx, l) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-r.served; err != nil {
				t.Errorf("Serve = %v", err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

func (r *rig) listenConfig(cfg Config) sv2net.ListenConfig {
	lc := sv2net.ListenConfig{Config: cfg.Conn(), Plain: r.plain}
	if r.plain {
		return lc
	}
	secret, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	r.key = secret.Public()
	lc.Identity, err = noise.NewIdentity(noise.IdentityConfig{Authority: secret, Random: rand.Reader, Now: time.Now})
	if err != nil {
		r.t.Fatal(err)
	}
	return lc
}

// device is the other end of a connection. Its reader collects what the pool sends.
type device struct {
	t    testing.TB
	conn *sv2net.Conn
	got  chan sv2.Message // closed when the connection ends
}

// dial connects, and reads everything from then on.
func (r *rig) dial() *device {
	r.t.Helper()
	near, far := net.Pipe()
	return r.dialOn(near, far)
}

func (r *rig) dialOn(near, far net.Conn) *device {
	r.t.Helper()
	select {
	case r.pipes.conns <- far:
	case <-time.After(10 * time.Second):
		r.t.Fatal("the pool does not accept")
	}
	url := noise.URL{Key: r.key, HasKey: !r.plain}
	conn, err := sv2net.Client(context.Background(), near, url, sv2net.DialConfig{Plain: r.plain})
	if err != nil {
		r.t.Fatal(err)
	}
	d := &device{t: r.t, conn: conn, got: make(chan sv2.Message, 1<<16)}
	go d.read()
	r.t.Cleanup(func() { conn.Close() })
	return d
}

func (d *device) read() {
	defer close(d.got)
	for {
		f, err := d.conn.Receive()
		if err != nil {
			return
		}
		m := mining.New(f.Type)
		if m == nil {
			m = extension.New(f.Type)
		}
		if m == nil || m.Type() != f.Type {
			d.t.Errorf("the pool sent a frame of type %#x", uint32(f.Type))
			return
		}
		if err := sv2.Unmarshal(f.Payload, m); err != nil {
			d.t.Error(err)
			return
		}
		d.got <- m
	}
}

func (d *device) send(ms ...sv2.Message) {
	d.t.Helper()
	if err := d.conn.SendAll(ms...); err != nil {
		d.t.Fatalf("send %T: %v", ms[0], err)
	}
}

// closed waits for the pool to close, and fails on messages before it.
func (d *device) closed() {
	d.t.Helper()
	select {
	case m, open := <-d.got:
		if open {
			d.t.Fatalf("the pool sent %T %+v and should have closed", m, m)
		}
	case <-time.After(time.Hour):
		d.t.Fatal("the pool does not close")
	}
}

// quiet fails if a message comes within a time.
func (d *device) quiet(for_ time.Duration) {
	d.t.Helper()
	select {
	case m, open := <-d.got:
		d.t.Fatalf("the pool sent %T %+v (open %v), want nothing", m, m, open)
	case <-time.After(for_):
	}
}

// next is the next message, which must be an M.
func next[M sv2.Message](d *device) M {
	d.t.Helper()
	select {
	case m, open := <-d.got:
		if !open {
			d.t.Fatalf("connection closed, want %T", *new(M))
		}
		got, ok := m.(M)
		if !ok {
			d.t.Fatalf("got %T %+v, want %T", m, m, *new(M))
		}
		return got
	case <-time.After(20 * time.Second):
		d.t.Fatalf("nothing comes, want %T", *new(M))
	}
	panic("not reached")
}

// skipTo drops messages until an M.
func skipTo[M sv2.Message](d *device) M {
	d.t.Helper()
	timeout := time.After(5 * time.Minute)
	for {
		select {
		case m, open := <-d.got:
			if !open {
				d.t.Fatalf("connection closed, want %T", *new(M))
			}
			if got, ok := m.(M); ok {
				return got
			}
		case <-timeout:
			d.t.Fatalf("no %T comes", *new(M))
		}
	}
}

func setup(flags uint32) *sv2.SetupConnection {
	return &sv2.SetupConnection{MinVersion: 2, MaxVersion: 2, Flags: flags, Vendor: "test"}
}

// ready sets up a connection.
func (r *rig) ready() *device {
	r.t.Helper()
	d := r.dial()
	d.send(setup(mining.FlagRequiresStandardJobs))
	next[*sv2.SetupConnectionSuccess](d)
	return d
}

// maxU256 is the easiest target.
func maxU256() sv2.U256 { return sv2.U256(bitcoin.MaxTarget()) }

// miner is a device with a channel, at the first job of it.
type miner struct {
	*device
	id     uint32
	target bitcoin.Target
	job    *mining.NewMiningJob
	tip    *mining.SetNewPrevHash
	seq    uint32
	nonce  uint32
	later  uint32 // seconds that the time is rolled by
	bits   uint32 // version bits that are rolled
}

// open opens a channel for a device of a hash rate.
func (d *device) open(request uint32, hashRate float64) *miner {
	d.t.Helper()
	d.send(&mining.OpenStandardMiningChannel{
		RequestID: request, UserIdentity: "user", NominalHashRate: sv2.F32(hashRate), MaxTarget: maxU256(),
	})
	s := next[*mining.OpenStandardMiningChannelSuccess](d)
	if s.RequestID != request || s.ChannelID == 0 || s.ChannelID == s.GroupChannelID {
		d.t.Fatalf("channel opened as %+v", s)
	}
	m := &miner{device: d, id: s.ChannelID, target: bitcoin.Target(s.Target)}
	m.job = next[*mining.NewMiningJob](d)
	m.tip = next[*mining.SetNewPrevHash](d)
	if m.job.MinNTime.Valid || m.job.JobID != m.tip.JobID || m.job.ChannelID != m.id || m.tip.ChannelID != m.id {
		d.t.Fatalf("channel %d begins with %+v, %+v", m.id, m.job, m.tip)
	}
	return m
}

// ahead takes the job for the next tip, which comes a moment after the opening.
func (m *miner) ahead() *mining.NewMiningJob {
	m.t.Helper()
	j := next[*mining.NewMiningJob](m.device)
	if j.MinNTime.Valid {
		m.t.Fatalf("job %+v is no future job", j)
	}
	return j
}

// try is a share with the next nonce, and its hash.
func (m *miner) try() (*mining.SubmitSharesStandard, bitcoin.Hash) {
	m.nonce++
	ntime := m.tip.MinNTime
	if m.job.MinNTime.Valid {
		ntime = m.job.MinNTime.Value
	}
	ntime += m.later
	version := m.job.Version ^ m.bits
	h := bitcoin.Header{
		Version: version, PrevHash: bitcoin.Hash(m.tip.PrevHash), MerkleRoot: bitcoin.Hash(m.job.MerkleRoot),
		NTime: ntime, NBits: m.tip.NBits, Nonce: m.nonce,
	}
	return &mining.SubmitSharesStandard{
		ChannelID: m.id, SequenceNumber: m.seq, JobID: m.job.JobID, Nonce: m.nonce, NTime: ntime, Version: version,
	}, h.Hash()
}

// find searches a share that meets the target, or one that does not.
func (m *miner) find(good bool) *mining.SubmitSharesStandard {
	for {
		s, h := m.try()
		if m.target.MetBy(h) == good {
			m.seq++
			return s
		}
	}
}

// follow takes over the newest job of those that have come.
func (m *miner) follow() {
	target := m.target
	for {
		select {
		case got := <-m.got:
			switch got := got.(type) {
			case *mining.SetTarget:
				target = bitcoin.Target(got.MaximumTarget)
			case *mining.NewMiningJob:
				if got.MinNTime.Valid {
					m.job, m.target = got, target
				}
			}
		default:
			return
		}
	}
}
