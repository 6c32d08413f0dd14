// Package tinytest runs whole systems in one process: a chain, pools, devices and
// the network between them, real code from the chain's template to the hasher's
// nonce and back.
//
// Fakes stand at the two edges only: a Chain that mines for a test and a Hasher that
// finds nonces at a chosen pace; either can be replaced by the real thing. Inside a
// testing/synctest bubble all of it runs on virtual time, over a Network that can
// delay, split, damage, stall and cut; with Options.TCP it runs over real sockets.
package tinytest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
	"github.com/lodefw/lode/sv2client"
)

// Options say what a Rig is made of. The zero value is one pool and one device of
// 10 kH/s, with Noise, in memory.
type Options struct {
	Devices int     // 0 is one; -1 is none
	Pools   int     // 0 is one; all share the chain
	Rate    float64 // of each device, hashes per second; 0 is 10 000
	Plain   bool    // no Noise
	TCP     bool    // sockets on the loopback interface in place of the Network

	Chain  pool.Chain                      // nil: the Rig's own, with EasyBits
	Hasher func(device int) hashing.Hasher // nil: Hasher{Rate}
	// Hashers gives each device several hashers in place of one, when set.
	Hashers func(device int) []hashing.Hasher
	Pool    func(pool int, cfg *pool.Config)        // changes a pool's configuration
	Client  func(device int, cfg *sv2client.Config) // changes a device's
	// Board gives each device a board in place of a hasher, when set.
	Board func(device int) *board.Board
	Log   *slog.Logger
}

// A Rig is a running system. It ends with its test.
type Rig struct {
	Chain   *Chain // the Rig's own
	Net     *Network
	Pools   []*Pool
	Devices []*Device

	t       testing.TB
	o       Options
	virtual bool // the test's clock
}

// Pool is one pool of a Rig, which can be killed and started again. It keeps its
// address and keys.
type Pool struct {
	*pool.Pool
	URL    noise.URL
	Ledger *Ledger
	Cfg    pool.Config

	rig       *Rig
	authority noise.SecretKey
	stop      func() error
}

// Device is one device of a Rig.
type Device struct {
	*device.Device
	stop    func() error
	stopped bool // the test knows how
}

// New starts a Rig. Everything in it has ended when the test has.
func New(t testing.TB, o Options) *Rig {
	t.Helper()
	if o.Rate == 0 {
		o.Rate = 10_000
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Rig{Chain: NewChain(EasyBits), Net: NewNetwork(), t: t, o: o, virtual: inBubble()}
	if o.Chain == nil {
		r.o.Chain = r.Chain
	}
	t.Cleanup(r.Net.Close)
	for i := range max(o.Pools, 1) {
		r.Pools = append(r.Pools, r.newPool(i))
	}
	devices := o.Devices
	if devices == 0 {
		devices = 1
	}
	for i := range max(devices, 0) {
		r.AddDevice(i)
	}
	return r
}

func (r *Rig) newPool(i int) *Pool {
	authority, err := noise.NewSecretKey(rand.Reader)
	r.check(err)
	p := &Pool{rig: r, authority: authority, Ledger: new(Ledger)}
	p.URL = noise.URL{Host: "pool" + strconv.Itoa(i), Port: 34254, Key: authority.Public(), HasKey: true}
	p.Cfg = pool.Config{PayoutScript: []byte{0x51}, SharesPerMinute: 60}
	if r.o.Pool != nil {
		r.o.Pool(i, &p.Cfg)
	}
	p.Start()
	r.t.Cleanup(func() { p.Kill() })
	return p
}

// Start starts the pool, again if it was killed: nothing but its address and keys
// is as before.
func (p *Pool) Start() {
	p.rig.t.Helper()
	var err error
	p.Pool, err = pool.New(p.Cfg, p.rig.o.Chain, p.Ledger, p.rig.o.Log.With("role", p.URL.Host))
	p.rig.check(err)
	l, err := p.listen()
	p.rig.check(err)
	serving := p.Pool
	p.stop = run(func(ctx context.Context) error { return serving.Serve(ctx, l) })
}

func (p *Pool) listen() (*sv2net.Listener, error) {
	cfg := sv2net.ListenConfig{Config: p.Cfg.Conn(), Plain: p.rig.o.Plain}
	if !cfg.Plain {
		id, err := noise.NewIdentity(noise.IdentityConfig{Authority: p.authority, Random: rand.Reader, Now: time.Now})
		if err != nil {
			return nil, err
		}
		cfg.Identity = id
	}
	return p.Listen(cfg)
}

// Listen opens the pool's address with an identity of the caller's choice.
func (p *Pool) Listen(cfg sv2net.ListenConfig) (*sv2net.Listener, error) {
	if !p.rig.o.TCP {
		l, err := p.rig.Net.Listen(p.URL.Address())
		if err != nil {
			return nil, err
		}
		return sv2net.NewListener(l, cfg)
	}
	host, port := "127.0.0.1", 0
	if p.URL.Host == host {
		port = int(p.URL.Port) // it was killed, and comes back
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	p.URL.Host, p.URL.Port = host, uint16(l.Addr().(*net.TCPAddr).Port)
	return sv2net.NewListener(l, cfg)
}

// Kill ends the pool and closes its connections; devices see a reset.
func (p *Pool) Kill() {
	if p.stop != nil {
		if err := p.stop(); err != nil {
			p.rig.t.Errorf("%s: Serve = %v", p.URL.Host, err)
		}
		p.stop = nil
	}
}

// AddDevice starts one more device, which knows all pools.
func (r *Rig) AddDevice(i int) *Device {
	r.t.Helper()
	cfg := device.Config{Log: r.o.Log.With("role", fmt.Sprint("device", i)), Client: sv2client.Config{
		User: fmt.Sprintf("rig.%d", i), HashRate: r.o.Rate, Dial: r.Dial,
	}}
	for _, p := range r.Pools {
		cfg.Client.Pools = append(cfg.Client.Pools, p.URL)
	}
	if r.o.Client != nil {
		r.o.Client(i, &cfg.Client)
	}
	switch {
	case r.o.Board != nil:
		cfg.Board = r.o.Board(i)
		cfg.Client.HashRate = cfg.Board.HashRate()
	case r.o.Hashers != nil:
		cfg.Hashers = r.o.Hashers(i)
	case r.o.Hasher != nil:
		cfg.Hashers = []hashing.Hasher{r.o.Hasher(i)}
	default:
		cfg.Hashers = []hashing.Hasher{&Hasher{Rate: r.o.Rate}}
	}
	dev, err := device.New(cfg)
	r.check(err)
	d := &Device{Device: dev, stop: run(dev.Run)}
	r.Devices = append(r.Devices, d)
	r.t.Cleanup(func() {
		if err := d.stop(); err != nil && !d.stopped {
			r.t.Errorf("device %d: Run = %v", i, err)
		}
	})
	return d
}

// Stop ends the device and returns what its Run did. A test that does not ask gets
// an error of Run as a failure.
func (d *Device) Stop() error {
	err := d.stop()
	d.stopped = err != nil
	return err
}

// Dial connects a client to a pool of the Rig.
func (r *Rig) Dial(ctx context.Context, url noise.URL) (*sv2net.Conn, error) {
	cfg := sv2net.DialConfig{Plain: r.o.Plain}
	if !r.o.TCP {
		cfg.Net = r.Net.Dial
	}
	return sv2net.Dial(ctx, url, cfg)
}

// Until waits for a condition, looking ten times a second on the test's clock, and
// fails the test if it does not come true in time. On virtual time it looks when all
// that happens in the same instant has happened, and so does who looks after it: a
// block that the chain has is in the ledger, too.
func (r *Rig) Until(what string, within time.Duration, cond func() bool) {
	r.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		if r.virtual {
			synctest.Wait()
		}
		if cond() {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("not within %v: %s%s", within, what, r.state())
		}
	}
}

// inBubble says whether the caller is in a synctest bubble, whose clock starts in 2000.
func inBubble() bool { return time.Now().Year() < 2020 }

// state tells where everything stands, for a test that failed.
func (r *Rig) state() string {
	s := ""
	for _, p := range r.Pools {
		st := p.Status()
		s += fmt.Sprintf("\n%s: %d connections, %d channels, accepted %d, rejected %v, blocks %d",
			p.URL.Host, st.Connections, st.Channels, st.Accepted, st.Rejected, st.Blocks)
	}
	for i, d := range r.Devices {
		st := d.Status()
		s += fmt.Sprintf("\ndevice %d: %v, pool %v %s, accepted %d, rejected %v, lost %v", i, st.State, st.Pool.State, st.Pool.Pool,
			st.Pool.Accepted, st.Pool.Rejected, st.Pool.Lost)
		for _, p := range st.Pool.Pools {
			s += fmt.Sprintf("\n  %s: %v %s %s", p.URL.Address(), p.State, p.Fault, p.Error)
		}
	}
	return s
}

func (r *Rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// run starts f; the function it returns stops f, waits, and may be called again.
func run(f func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var err error
	go func() {
		defer close(done)
		err = f(ctx)
	}()
	return func() error {
		cancel()
		<-done
		return err
	}
}

// serve runs p behind a listener of the caller's choice.
func (r *Rig) serve(p *Pool, cfg sv2net.ListenConfig) {
	r.t.Helper()
	var err error
	p.Pool, err = pool.New(p.Cfg, r.o.Chain, p.Ledger, r.o.Log)
	r.check(err)
	l, err := p.Listen(cfg)
	r.check(err)
	serving := p.Pool
	p.stop = run(func(ctx context.Context) error { return serving.Serve(ctx, l) })
}
