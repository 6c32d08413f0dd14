package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/sv2net"
)

// A Pool serves devices; New makes one.
type Pool struct {
	cfg    Config
	chain  Chain
	ledger Ledger
	log    *slog.Logger
	setup  sv2.Setup

	maker    maker
	prefixes *channel.Extranonces
	meter    *meter
	work     atomic.Pointer[work]             // nil before the first template
	newest   atomic.Pointer[bitcoin.Template] // that the chain gave
	updated  chan struct{}                    // holds one token: newest changed
	ready    chan struct{}                    // closed when there is work
	channels atomic.Int64
	fan      fan

	ctx     context.Context // Serve's
	readers sync.WaitGroup

	mu        sync.Mutex
	peers     []*peer
	from      addresses
	handshake int // connections that are not peers yet
	lastTip   time.Time
	tips      uint64
	failure   error // of the last template
	serving   bool
}

// New returns a pool that takes templates from chain and keeps shares in ledger,
// which may be nil. A nil log is silent.
func New(cfg Config, chain Chain, ledger Ledger, log *slog.Logger) (*Pool, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	server := make([]byte, 2)
	rand.Read(server) //nolint:errcheck // crypto/rand.Read never fails
	limit := 4 * cfg.Limits.Connections
	prefixes, err := channel.NewExtranonces(server, prefixSize-len(server), limit)
	if err != nil {
		return nil, fmt.Errorf("pool: %w", err)
	}
	return &Pool{
		cfg: cfg, chain: chain, ledger: ledger, log: log,
		setup: sv2.Setup{Protocol: sv2.ProtocolMining, Supported: cfg.supported(), RequiredFlags: cfg.required()},
		maker: newMaker(cfg), prefixes: prefixes, meter: newMeter(time.Now()), from: addresses{},
		updated: make(chan struct{}, 1), ready: make(chan struct{}),
	}, nil
}

// Serve accepts devices on l until ctx ends, or the chain fails; it closes l and every
// connection and waits for all that it started. It runs once.
func (p *Pool) Serve(ctx context.Context, l *sv2net.Listener) error {
	p.mu.Lock()
	if p.serving {
		p.mu.Unlock()
		return errors.New("pool: Serve runs once; make another pool")
	}
	p.serving = true
	p.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.ctx = ctx
	var wg sync.WaitGroup
	part := func(run func(context.Context) error) {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	part(p.follow)
	part(func(ctx context.Context) error { return p.accept(ctx, l) })
	part(p.direct)
	<-ctx.Done()
	l.Close()
	wg.Wait()
	p.readers.Wait()
	p.fan.wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// follow takes templates from the chain.
func (p *Pool) follow(ctx context.Context) error {
	err := p.chain.Run(ctx, func(t *bitcoin.Template) {
		p.newest.Store(t)
		select {
		case p.updated <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return fmt.Errorf("pool: chain: %w", err)
	}
	return errors.New("pool: the chain stopped giving templates")
}

// accept takes connections until the listener closes.
func (p *Pool) accept(ctx context.Context, l *sv2net.Listener) error {
	wait := time.Duration(0)
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("pool: %w", err)
		case err != nil: // out of file descriptors, say: those who are here go on
			wait = min(max(2*wait, 10*time.Millisecond), time.Second)
			p.log.Warn("cannot accept connections", "err", err, "retry", wait)
			if !sleep(ctx, wait) {
				return nil
			}
			continue
		}
		wait = 0
		p.admit(ctx, conn)
	}
}

// sleep is false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// admit starts the handshake of a connection, if the limits allow one more.
func (p *Pool) admit(ctx context.Context, conn *sv2net.Conn) {
	from := source(conn.RemoteAddr())
	p.mu.Lock()
	ok := len(p.peers)+p.handshake < p.cfg.Limits.Connections && p.from.enter(from, p.cfg.Limits.PerAddress)
	if ok {
		p.handshake++
	}
	p.mu.Unlock()
	if !ok {
		p.log.Warn("connection refused, the limit is reached", "from", conn.RemoteAddr())
		conn.Close()
		return
	}
	pe := &peer{pool: p, conn: conn, from: from, log: p.log.With("from", conn.RemoteAddr().String())}
	p.readers.Go(func() { p.welcome(ctx, pe) })
}

// patience is how long a device waits for the pool's first template.
const patience = 5 * time.Second

// welcome does the handshake. What follows runs in a new goroutine, because the
// handshake's arithmetic needs a stack that an idle device does not.
func (p *Pool) welcome(ctx context.Context, pe *peer) {
	err := p.awaitWork(ctx)
	if err == nil {
		err = pe.conn.Handshake(ctx)
	}
	p.mu.Lock()
	p.handshake--
	if err == nil {
		err = ctx.Err() // farewell must not miss this one
	}
	if err != nil {
		p.from.leave(pe.from)
		p.mu.Unlock()
		pe.conn.Close()
		pe.log.Debug("no handshake", "err", err)
		return
	}
	pe.index = len(p.peers)
	p.peers = append(p.peers, pe)
	p.mu.Unlock()
	p.readers.Go(func() {
		pe.leave(pe.run())
		p.remove(pe)
	})
}

func (p *Pool) awaitWork(ctx context.Context) error {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return errors.New("no template from the chain yet")
	}
}

func (p *Pool) remove(pe *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.peers[len(p.peers)-1]
	p.peers[pe.index], last.index = last, pe.index
	p.peers[len(p.peers)-1] = nil
	p.peers = p.peers[:len(p.peers)-1]
	p.from.leave(pe.from)
}

// closed takes back what a channel had.
func (p *Pool) closed(s *standard) {
	p.channels.Add(-1)
	if err := p.prefixes.Free(s.ExtranoncePrefix()); err != nil {
		p.log.Error("extranonce prefix lost", "err", err)
	}
}

// Status is a snapshot; it is cheap enough to ask for every second.
func (p *Pool) Status() Status {
	now := time.Now()
	var s Status
	p.meter.fill(&s, now)
	s.Channels = int(p.channels.Load())
	w := p.work.Load()
	p.mu.Lock()
	s.Connections = len(p.peers)
	s.Chain = ChainStatus{Healthy: w != nil && p.failure == nil, Tips: p.tips, LastTip: p.lastTip}
	if p.failure != nil {
		s.Chain.LastError = p.failure.Error()
	}
	p.mu.Unlock()
	if w != nil {
		t := w.body.Template
		s.Template = TemplateStatus{
			Height: t.Height, PrevHash: t.PrevHash, Difficulty: w.body.Tip.Target.Difficulty(),
			Value: t.Value, Transactions: len(t.Transactions), Made: w.made,
		}
	}
	return s
}
