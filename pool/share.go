package pool

import (
	"context"
	"fmt"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
)

// submitStandard judges a share. For an accepted one nothing is allocated.
func (p *peer) submitStandard(f sv2.Frame) error {
	if err := p.decode(f, &p.submit); err != nil {
		return err
	}
	now := time.Now()
	p.mu.Lock()
	s := p.find(p.submit.ChannelID)
	if s == nil {
		p.mu.Unlock()
		return p.refuse(p.submit.ChannelID, p.submit.SequenceNumber, mining.CodeInvalidChannelID)
	}
	r, code := s.Submit(&p.submit, now)
	p.mu.Unlock()
	if code != "" {
		return p.refuse(p.submit.ChannelID, p.submit.SequenceNumber, code)
	}
	p.refused = 0
	p.header = r.Header
	if r.Block {
		found := r // what escapes, so that r stays on the stack
		p.pool.block(&found, s.user, now)
	}
	p.pool.share(now, s.user, r.Hashes, &p.header)
	return p.acknowledge(s, &r, now)
}

// acknowledge puts an accepted share into its channel's batch and sends that when it
// is full. When it is not, a worker sends it in time.
func (p *peer) acknowledge(s *standard, r *channel.Result, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.since = now
	s.vardiff.Share(r.Hashes, now)
	if !s.batch.Add(p.submit.SequenceNumber, r.Credit, now) {
		if at, ok := s.batch.Deadline(); ok {
			p.lookIn(at)
		}
		return nil
	}
	s.batch.Take(&p.ack)
	return p.conn.Send(&p.ack)
}

// submitExtended refuses the wrong kind of share: all our channels are standard.
func (p *peer) submitExtended(f sv2.Frame) error {
	var m mining.SubmitSharesExtended
	if err := p.decode(f, &m); err != nil {
		return err
	}
	return p.refuse(m.ChannelID, m.SequenceNumber, mining.CodeInvalidChannelID)
}

// refuse answers a bad share at once. A device that sends nothing else is better
// off with a new connection. Stale shares are not its fault.
func (p *peer) refuse(channel, sequence uint32, code string) error {
	p.pool.meter.reject(code)
	if code != mining.CodeStaleShare {
		p.refused++
	}
	p.refusal = mining.SubmitSharesError{ChannelID: channel, SequenceNumber: sequence, ErrorCode: code}
	if err := p.conn.Send(&p.refusal); err != nil {
		return err
	}
	if p.refused > p.pool.cfg.Limits.RefusedInARow {
		return fmt.Errorf("%w, the last for %s", errRefused, code)
	}
	return nil
}

// share counts an accepted share and puts it into the ledger.
func (p *Pool) share(now time.Time, user string, hashes float64, h *bitcoin.Header) {
	p.meter.accept(now, hashes)
	if p.ledger == nil {
		return
	}
	if err := p.ledger.Share(now, user, difficulty(hashes), h); err != nil && p.meter.ledgerFailed(err) {
		p.log.Error("share is not in the ledger", "user", user, "err", err)
	}
}

// lastMinute is how long a block may still take when the pool is being stopped.
const lastMinute = 1500 * time.Millisecond

// block hands a block to the chain and tells everyone what came of it. It returns
// within the time for Chain.Submit.
func (p *Pool) block(r *channel.Result, user string, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), p.cfg.SubmitTimeout)
	defer cancel()
	stop := context.AfterFunc(p.ctx, func() {
		select {
		case <-time.After(lastMinute):
			cancel()
		case <-ctx.Done():
		}
	})
	defer stop()
	err := p.chain.Submit(ctx, r.AppendBlock(nil))
	p.meter.block(err)
	height := r.Body.Template.Height
	took := time.Since(now).Round(time.Microsecond)
	if err != nil {
		p.log.Error("block refused by the chain", "height", height, "hash", r.Hash, "user", user, "took", took, "err", err)
	} else {
		p.log.Info("block found", "height", height, "hash", r.Hash, "user", user, "took", took)
	}
	if p.ledger == nil {
		return
	}
	if lerr := p.ledger.Block(now, user, height, &r.Header, err); lerr != nil {
		p.meter.ledgerFailed(lerr)
		p.log.Error("block is not in the ledger", "height", height, "hash", r.Hash, "user", user, "err", lerr)
	}
}
