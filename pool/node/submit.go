package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// Refused is a node's verdict on a block.
type Refused struct {
	Node string
	Code string // the node's word, such as high-hash or bad-cb-amount
}

func (r *Refused) Error() string {
	text := fmt.Sprintf("node %s refused the block: %s", r.Node, r.Code)
	if advice := advice(r.Code); advice != "" {
		text += " (" + advice + ")"
	}
	return text
}

const (
	codeStale  = "stale" // ours: the node took the block, but not as its best one
	codeOrphan = "prev-blk-not-found"
)

func advice(code string) string {
	switch code {
	case "high-hash":
		return "its hash does not meet the network's target"
	case "bad-txnmrklroot":
		return "coinbase and merkle path do not belong together"
	case "bad-cb-amount":
		return "the coinbase pays more than subsidy and fees"
	case "bad-cb-height":
		return "the coinbase names another height"
	case codeOrphan, "bad-prevblk":
		return "it does not build on a block that the node knows"
	case codeStale:
		return "another block came before it"
	}
	return ""
}

// Submit gives a block to all nodes at once. It returns nil as soon as one of
// them has it as its best block, or even has built on it; the other nodes still
// get it. A node that does not answer is asked again for a minute. If all refuse,
// the errors of all are returned.
func (c *Chain) Submit(ctx context.Context, block []byte) error {
	header, err := bitcoin.ParseHeader(block[:min(len(block), bitcoin.HeaderSize)])
	if err != nil {
		return fmt.Errorf("node: block of %d bytes: %w", len(block), err)
	}
	text, hash := hex.EncodeToString(block), header.Hash()
	verdicts := make(chan error, len(c.sources)) // nobody waits for a slow node
	for _, s := range c.sources {
		s.underway.Add(1)
		c.submits.Go(func() {
			ctx, cancel := context.WithTimeout(c.alive, c.cfg.SubmitFor)
			defer cancel()
			verdicts <- s.submit(ctx, text, hash)
		})
	}
	var failed error
	for range c.sources {
		select {
		case err := <-verdicts:
			if err == nil {
				return nil
			}
			failed = errors.Join(failed, err)
		case <-ctx.Done():
			return fmt.Errorf("node: block %s: no node has answered yet: %w", hash, ctx.Err())
		}
	}
	return failed
}

// submit offers the block until the node has a verdict. That it does not know the
// block's parent is none while other blocks are on their way to it: blocks found
// in quick succession travel side by side, and a child may arrive first. Those that
// were on their way as this offer began count: the parent may have come since.
func (s *source) submit(ctx context.Context, text string, hash bitcoin.Hash) error {
	defer s.underway.Add(-1)
	for pause := s.cfg.Retry; ; pause = min(2*pause, s.cfg.MaxRetry) {
		alone := s.underway.Load() == 1
		err := s.offer(ctx, text, hash)
		var refused *Refused
		switch {
		case err == nil:
			s.log.Info("node took the block", "node", s.rpc.name, "hash", hash)
			return nil
		case errors.As(err, &refused) && (refused.Code != codeOrphan || alone):
			s.log.Warn("block refused", "node", s.rpc.name, "hash", hash, "err", err)
			return err
		}
		s.log.Warn("block not delivered yet", "node", s.rpc.name, "hash", hash, "err", err)
		if !sleep(ctx, pause) {
			return err
		}
	}
}

// offer is one try.
func (s *source) offer(ctx context.Context, text string, hash bitcoin.Hash) error {
	var code *string
	err := s.rpc.call(ctx, &code, "submitblock", text)
	var rpc *rpcError
	switch {
	case errors.As(err, &rpc) && rpc.Code != codeWarmingUp:
		return &Refused{s.rpc.name, rpc.Message}
	case err != nil:
		return err
	case code == nil, verify(*code):
		return s.verify(ctx, hash)
	}
	return &Refused{s.rpc.name, *code}
}

// verify tells if a code leaves open what became of the block: it may have come
// from another node before, or lie on a side branch. btcd says so in a sentence.
func verify(code string) bool {
	return strings.HasPrefix(code, "duplicate") || code == "inconclusive" || strings.Contains(code, "already have block")
}

// verify asks for the node's best block, for a node may answer null also for a
// block that it put aside.
func (s *source) verify(ctx context.Context, hash bitcoin.Hash) error {
	best, err := s.rpc.best(ctx, s.cfg.Timeout)
	if err != nil || best == hash {
		return err
	}
	var header struct {
		Confirmations int `json:"confirmations"` // -1: on a side branch
	}
	err = s.rpc.call(ctx, &header, "getblockheader", hash.String())
	var rpc *rpcError
	switch {
	case errors.As(err, &rpc) && rpc.Code == codeNotFound:
		return &Refused{s.rpc.name, codeOrphan}
	case errors.As(err, &rpc) && rpc.Code != codeWarmingUp: // btcd on a side branch
		return &Refused{s.rpc.name, codeStale}
	case err != nil:
		return err
	case header.Confirmations < 1:
		return &Refused{s.rpc.name, codeStale}
	}
	return nil
}

// Close waits a moment for blocks that are still on their way to slow nodes.
func (c *Chain) Close() error {
	timer := time.AfterFunc(time.Second, c.stopping)
	c.submits.Wait()
	timer.Stop()
	c.stopping()
	for _, s := range c.sources {
		s.rpc.http.CloseIdleConnections()
	}
	return nil
}
