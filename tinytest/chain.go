package tinytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire/v2"
	"github.com/lodefw/lode/bitcoin"
)

// A Chain stands in for a node: it gives templates without transactions and takes
// every block that builds on its tip, meets its target and has the right merkle
// root. It lives on virtual time; tests that want consensus use pool/embedded or a
// real node.
type Chain struct {
	nbits uint32

	mu      sync.Mutex
	blocks  []bitcoin.Hash // the tip is the last
	mine    int            // how many of them Submit took
	refusal error
	changed chan struct{}
}

// EasyBits is a target that one hash in 65536 meets.
const EasyBits = 0x1f00ffff

// NewChain returns a chain of one block.
func NewChain(nbits uint32) *Chain {
	return &Chain{nbits: nbits, blocks: []bitcoin.Hash{{1}}, changed: make(chan struct{})}
}

// Run is part of pool.Chain.
func (c *Chain) Run(ctx context.Context, update func(*bitcoin.Template)) error {
	for {
		t, changed := c.template()
		update(t)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

func (c *Chain) template() (*bitcoin.Template, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	height := uint32(len(c.blocks) + 100)
	commitment := bitcoin.AppendOutputs(nil, []bitcoin.Output{{Script: bitcoin.WitnessCommitment(nil)}})
	now := uint32(time.Now().Unix())
	return &bitcoin.Template{
		Height: height, Version: 0x20000000, PrevHash: c.blocks[len(c.blocks)-1], NBits: c.nbits,
		NTime: now, MinNTime: now - 600, Value: 50e8,
		CoinbaseVersion: 2, CoinbasePrefix: bitcoin.HeightPush(height), CoinbaseSequence: 0xffffffff,
		CoinbaseOutputs: commitment, CoinbaseOutputCount: 1, Witness: true,
	}, c.changed
}

// Submit is part of pool.Chain.
func (c *Chain) Submit(_ context.Context, block []byte) error {
	var b wire.MsgBlock
	if err := b.Deserialize(bytes.NewReader(block)); err != nil {
		return fmt.Errorf("tinytest: block does not decode: %w", err)
	}
	leaves := make([]bitcoin.Hash, len(b.Transactions))
	for i, tx := range b.Transactions {
		leaves[i] = tx.TxHash()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	target, err := bitcoin.CompactTarget(c.nbits)
	hash := b.BlockHash()
	switch {
	case err != nil:
		return err
	case c.refusal != nil:
		return c.refusal
	case b.Header.PrevBlock != c.blocks[len(c.blocks)-1]:
		return errors.New("tinytest: bad-prevblk")
	case b.Header.Bits != c.nbits || !target.MetBy(hash):
		return errors.New("tinytest: high-hash")
	case bitcoin.MerkleRoot(leaves) != b.Header.MerkleRoot:
		return errors.New("tinytest: bad-txnmrklroot")
	}
	c.mine++
	c.extend(hash)
	return nil
}

// extend wants c.mu.
func (c *Chain) extend(hash bitcoin.Hash) {
	c.blocks = append(c.blocks, hash)
	close(c.changed)
	c.changed = make(chan struct{})
}

// Advance adds somebody else's block.
func (c *Chain) Advance() {
	c.mu.Lock()
	defer c.mu.Unlock()
	tip := c.blocks[len(c.blocks)-1]
	c.extend(bitcoin.DoubleHash(tip[:]))
}

// Refuse makes Submit fail with err, or work again with nil.
func (c *Chain) Refuse(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusal = err
}

// Mined is how many blocks Submit took.
func (c *Chain) Mined() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mine
}

// Tip is the best block.
func (c *Chain) Tip() bitcoin.Hash {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks[len(c.blocks)-1]
}
