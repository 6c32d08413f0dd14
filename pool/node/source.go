package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// source follows one node: a long poll that holds its newest template, and a
// short question now and then which finds out within two seconds that the node
// is gone.
//
//	down --template--> up --error, or no answer--> down
type source struct {
	rpc   *client
	cfg   *Config
	log   *slog.Logger
	agree func(chain string) error // all nodes must be on one chain

	changed chan<- struct{} // told, never blocked on

	underway atomic.Int32 // blocks on their way, from Submit's call to the verdict

	mu         sync.Mutex
	template   *bitcoin.Template // the newest one
	err        error             // why it is down; nil: up
	up         time.Time         // since when; zero: from the start
	interrupt  context.CancelFunc
	chain      string
	longPollID string // of the template; the next request names it
}

var errNoTemplate = errors.New("no template yet")

// view is a moment of a source.
type view struct {
	template *bitcoin.Template
	err      error
	up       time.Time
	chain    string
	longPoll string
}

func (s *source) view() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	return view{s.template, s.err, s.up, s.chain, s.longPollID}
}

// run follows the node until ctx ends.
func (s *source) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.ask(ctx) })
	s.poll(ctx)
	wg.Wait()
	s.rpc.http.CloseIdleConnections()
}

// poll gets template after template. After an error it waits, longer each time.
func (s *source) poll(ctx context.Context) {
	pause := s.cfg.Retry
	for ctx.Err() == nil {
		err := s.next(ctx)
		if err == nil || ctx.Err() != nil {
			pause = s.cfg.Retry
			continue
		}
		s.down(err)
		sleep(ctx, pause)
		pause = min(2*pause, s.cfg.MaxRetry)
	}
}

// next is one template. A long poll that ends by our own wish is no error: the
// template is then fetched without waiting.
func (s *source) next(ctx context.Context) error {
	v := s.view()
	if v.err != nil {
		if err := s.identify(ctx); err != nil {
			return err
		}
	}
	if v.err == nil && v.longPoll != "" {
		long, cancel := s.waiting(ctx)
		err := s.fetch(long, v.longPoll)
		cancel()
		if err == nil || long.Err() == nil {
			return err
		}
	} else if v.err == nil { // a node without long polling
		long, cancel := s.waiting(ctx)
		<-long.Done()
		cancel()
	}
	short, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	return s.fetch(short, "")
}

// waiting is a context that ends at the next refresh, or when ask knows better.
func (s *source) waiting(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Refresh)
	s.mu.Lock()
	s.interrupt = cancel
	s.mu.Unlock()
	return ctx, cancel
}

// identify learns which chain the node is on.
func (s *source) identify(ctx context.Context) error {
	var info struct {
		Chain     string `json:"chain"`
		Challenge string `json:"signet_challenge"`
	}
	if err := s.rpc.call(ctx, &info, "getblockchaininfo"); err != nil {
		return err
	}
	if err := checkChallenge(info.Challenge); err != nil {
		return fmt.Errorf("node %s: %w", s.rpc.name, err)
	}
	if err := s.agree(info.Chain); err != nil {
		return fmt.Errorf("node %s: %w", s.rpc.name, err)
	}
	s.mu.Lock()
	s.chain = info.Chain
	s.mu.Unlock()
	return nil
}

// fetch gets a template; with an id it waits for one newer than that.
func (s *source) fetch(ctx context.Context, id string) error {
	rules := []string{"segwit"}
	if s.view().chain == "signet" {
		rules = append(rules, "signet")
	}
	ask := map[string]any{"rules": rules, "capabilities": []string{"longpoll", "coinbasevalue"}}
	if id != "" {
		ask["longpollid"] = id
	}
	var answer blockTemplate
	if err := s.rpc.callLong(ctx, maxTemplate, &answer, "getblocktemplate", ask); err != nil {
		return err
	}
	t, err := answer.template()
	if err != nil {
		return fmt.Errorf("node %s: template: %w", s.rpc.name, err)
	}
	s.set(t, answer.LongPollID)
	return nil
}

func (s *source) set(t *bitcoin.Template, id string) {
	s.mu.Lock()
	if s.err != nil {
		s.log.Info("node answers", "node", s.rpc.name, "chain", s.chain, "height", t.Height-1)
		if s.err != errNoTemplate { // a node that was there from the start has nothing to prove
			s.up = s.cfg.Now()
		}
		s.err = nil
	}
	s.template, s.longPollID = t, id
	s.mu.Unlock()
	s.tell()
}

func (s *source) down(err error) {
	s.mu.Lock()
	if s.err == nil || s.err.Error() != err.Error() {
		s.log.Warn("node unusable", "node", s.rpc.name, "err", err)
	}
	s.err, s.longPollID = err, ""
	s.mu.Unlock()
	s.tell()
}

func (s *source) tell() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// ask looks every Ping whether the node still answers, and whether it has a new
// tip that the long poll did not tell.
func (s *source) ask(ctx context.Context) {
	missed := bitcoin.Hash{}
	for sleep(ctx, s.cfg.Ping) {
		v := s.view()
		if v.err != nil {
			continue
		}
		best, err := s.rpc.best(ctx, s.cfg.PingTimeout)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.down(err)
			s.wake()
		case best == s.view().template.PrevHash:
			missed = bitcoin.Hash{}
		case best == missed: // for the second time: the long poll sleeps
			s.wake()
		default:
			missed = best
		}
	}
}

// wake ends a long poll.
func (s *source) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupt != nil {
		s.interrupt()
	}
}

// best is the hash of the node's best block.
func (c *client) best(ctx context.Context, limit time.Duration) (bitcoin.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var text string
	if err := c.callLong(ctx, maxAnswer, &text, "getbestblockhash"); err != nil {
		return bitcoin.Hash{}, err
	}
	return bitcoin.ParseHash(text)
}

// sleep is false if ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
