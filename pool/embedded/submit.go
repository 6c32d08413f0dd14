package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/btcsuite/btcd/btcutil/v2"
	"github.com/btcsuite/btcd/wire/v2"
)

// Submit checks a block with btcd's consensus code. It returns nil if the block
// became the best one, and then it is on disk if the chain is; else the reason.
func (c *Chain) Submit(ctx context.Context, raw []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("embedded: block not submitted: %w", err)
	}
	if len(raw) > wire.MaxBlockPayload {
		return fmt.Errorf("embedded: block of %d bytes, at most %d are valid", len(raw), wire.MaxBlockPayload)
	}
	block, err := btcutil.NewBlockFromBytes(raw)
	if err != nil {
		return fmt.Errorf("embedded: block of %d bytes does not parse: %w", len(raw), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chain == nil {
		return errClosed
	}
	if err := c.connect(block); err != nil {
		return fmt.Errorf("embedded: block %s: %w", block.Hash(), err)
	}
	c.accepted(block, raw)
	return nil
}

// connect is nil for a new best block. It needs the lock.
func (c *Chain) connect(block *btcutil.Block) error {
	prev := &block.MsgBlock().Header.PrevBlock
	// btcd would keep a block without a parent and wait for that.
	known, err := c.chain.HaveBlock(prev)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("unknown previous block %s", prev)
	}
	main, _, err := c.chain.ProcessBlock(block, c.flags)
	switch {
	case err != nil:
		return explain(err)
	case !main:
		return errors.New("stale: another block came before it, the chain goes on from that one")
	}
	return nil
}

// accepted tells everyone and makes it last. It needs the lock.
func (c *Chain) accepted(block *btcutil.Block, raw []byte) {
	best := c.chain.BestSnapshot()
	c.cfg.Log.Info("new best block", "height", best.Height, "hash", block.Hash())
	close(c.tip)
	c.tip = make(chan struct{})
	if c.journal == nil {
		return
	}
	if err := c.journal.append(raw, c.cfg.Now()); err != nil {
		c.cfg.Log.Error("block not in the journal: it is lost if the process is killed within minutes", "err", err)
	}
}

// explain puts the usual code of a node in front of btcd's reason, where it has one.
func explain(err error) error {
	var rule blockchain.RuleError
	if !errors.As(err, &rule) {
		return err
	}
	code, ok := map[blockchain.ErrorCode]string{
		blockchain.ErrDuplicateBlock:            "duplicate",
		blockchain.ErrHighHash:                  "high-hash",
		blockchain.ErrUnexpectedDifficulty:      "bad-diffbits",
		blockchain.ErrTimeTooOld:                "time-too-old",
		blockchain.ErrTimeTooNew:                "time-too-new",
		blockchain.ErrBadMerkleRoot:             "bad-txnmrklroot",
		blockchain.ErrBadCoinbaseValue:          "bad-cb-amount",
		blockchain.ErrBadCoinbaseHeight:         "bad-cb-height",
		blockchain.ErrMissingCoinbaseHeight:     "bad-cb-height",
		blockchain.ErrBadCoinbaseScriptLen:      "bad-cb-length",
		blockchain.ErrWitnessCommitmentMismatch: "bad-witness-merkle-match",
		blockchain.ErrInvalidWitnessCommitment:  "bad-witness-nonce-size",
		blockchain.ErrUnexpectedWitness:         "unexpected-witness",
	}[rule.ErrorCode]
	if !ok {
		code = rule.ErrorCode.String()
	}
	return fmt.Errorf("%s: %w", code, err)
}

func isRule(err error, code blockchain.ErrorCode) bool {
	var rule blockchain.RuleError
	return errors.As(err, &rule) && rule.ErrorCode == code
}
