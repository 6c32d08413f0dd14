package embedded

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/btcsuite/btcd/blockchain"
	"github.com/lodefw/lode/bitcoin"
)

var errClosed = errors.New("embedded: the chain is closed")

// Run calls update with a template at once, at each new best block, every
// Refresh, and when the difficulty of the next block falls because none was
// found for long, until ctx ends.
func (c *Chain) Run(ctx context.Context, update func(*bitcoin.Template)) error {
	for {
		t, tip, wait, err := c.template()
		if err != nil {
			return err
		}
		update(t)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-tip:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// template is the next block, the channel that a new best block closes, and how
// long it is good for.
func (c *Chain) template() (*bitcoin.Template, <-chan struct{}, time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chain == nil {
		return nil, nil, 0, errClosed
	}
	next, err := c.next()
	if err != nil {
		return nil, nil, 0, err
	}
	script := bitcoin.WitnessCommitment(nil)
	t := &bitcoin.Template{
		Height:              next.height,
		Version:             next.version,
		PrevHash:            next.prev,
		NBits:               next.bits,
		NTime:               next.ntime,
		MinNTime:            next.minNTime,
		Value:               uint64(blockchain.CalcBlockSubsidy(int32(next.height), c.params)),
		CoinbaseVersion:     2,
		CoinbasePrefix:      bitcoin.HeightPush(next.height),
		CoinbaseSequence:    0xffffffff,
		CoinbaseOutputs:     bitcoin.AppendOutputs(nil, []bitcoin.Output{{Script: script}}),
		CoinbaseOutputCount: 1,
		Witness:             true,
	}
	return t, c.tip, c.goodFor(next), nil
}

// goodFor ends when the lower difficulty begins, if that is sooner than Refresh.
func (c *Chain) goodFor(n next) time.Duration {
	wait := c.cfg.Refresh
	if n.eases.IsZero() {
		return wait
	}
	return max(min(wait, n.eases.Sub(c.cfg.Now())), 10*time.Millisecond)
}

// next is what consensus asks of the block after the best one.
type next struct {
	height, version, bits uint32
	prev                  bitcoin.Hash
	ntime, minNTime       uint32
	eases                 time.Time // when the lowest difficulty will do; zero: not ahead
}

// next needs the lock.
func (c *Chain) next() (next, error) {
	best := c.chain.BestSnapshot()
	header, err := c.chain.HeaderByHash(&best.Hash)
	if err != nil {
		return next{}, fmt.Errorf("embedded: best block: %w", err)
	}
	version, err := c.chain.CalcNextBlockVersion()
	if err != nil {
		return next{}, fmt.Errorf("embedded: block version: %w", err)
	}
	now, least := c.cfg.Now(), best.MedianTime.Add(time.Second)
	if ahead := least.Sub(now); ahead > blockchain.MaxTimeOffsetSeconds*time.Second {
		return next{}, fmt.Errorf("embedded: the best block is %s ahead of this machine's clock; set the clock, or start anew with an empty data directory",
			ahead.Round(time.Minute))
	}
	n := next{height: uint32(best.Height) + 1, version: uint32(version), prev: best.Hash}
	at := later(now, least)
	if n.bits, err = c.chain.CalcNextRequiredDifficulty(at); err != nil {
		return next{}, fmt.Errorf("embedded: difficulty: %w", err)
	}
	n.ntime = uint32(at.Unix())
	eases := header.Timestamp.Add(reduction + time.Second)
	if n.height%window != 0 { // btcd has no lower difficulty for the first of a window
		if at.Before(eases) {
			n.eases = eases
		} else {
			least = later(least, eases)
		}
	}
	n.minNTime = uint32(least.Unix())
	return n, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
