package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
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
	heard    atomic.Int64                     // when, in Unix nanoseconds
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
	failure   error  // of the last template
	away      uint64 // connections refused
	awayTold  time.Time
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
	rand.Read(server)                    //nolint:errcheck // crypto/rand.Read never fails
	limit := 20 * cfg.Limits.Connections // channels: a proxy has many, a device one
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
		p.heard.Store(time.Now().UnixNano())
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
	s.Connections, s.TurnedAway = len(p.peers), p.away
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
