package channel

import (
	"fmt"

	"github.com/lodefw/lode/bitcoin"
)

// A Tip is what SetNewPrevHash says: the block to build on. All channels share it.
type Tip struct {
	PrevHash bitcoin.Hash
	NTime    uint32 // smallest and first time of jobs on it
	NBits    uint32
	Target   bitcoin.Target // of blocks
}

// NewTip makes a tip whose block target is that of nbits. A template provider may
// name a lower one: set Target then (7.6).
func NewTip(prevHash bitcoin.Hash, ntime, nbits uint32) (*Tip, error) {
	target, err := bitcoin.CompactTarget(nbits)
	if err != nil {
		return nil, fmt.Errorf("channel: tip: %w", err)
	}
	return &Tip{PrevHash: prevHash, NTime: ntime, NBits: nbits, Target: target}, nil
}

// A Body is what all jobs of one template have in common. It is built once, shared
// by all channels through its pointer and never changed, so a job costs a channel
// no more than its merkle root. A Body's pointer is its identity.
type Body struct {
	Template *bitcoin.Template // where it came from; nil if there was none
	Coinbase *bitcoin.Coinbase
	Path     []bitcoin.Hash // merkle path of the coinbase, deepest first
	Version  uint32
	NTime    uint32 // smallest and first time of jobs that start at once
	Tip      *Tip   // what the template builds on; nil if it is not known yet
}

// NewBody makes the body of a template's jobs. The coinbase has the pool's tag (a
// script, see bitcoin.Push) and outputs, and an extranonce of the given size, which must hold
// the longest prefix; bytes beyond a channel's prefix let it make several jobs of
// one body (see Server.NewJob).
func NewBody(t *bitcoin.Template, tag []byte, outputs []bitcoin.Output, extranonceSize int) (*Body, error) {
	if extranonceSize > maxExtranonce {
		return nil, fmt.Errorf("channel: extranonce of %d bytes, at most %d allowed", extranonceSize, maxExtranonce)
	}
	coinbase, err := t.Coinbase(tag, outputs, extranonceSize)
	if err != nil {
		return nil, fmt.Errorf("channel: body: %w", err)
	}
	tip, err := NewTip(t.PrevHash, t.NTime, t.NBits)
	if err != nil {
		return nil, err
	}
	return &Body{
		Template: t, Coinbase: coinbase, Path: t.MerklePath,
		Version: t.Version, NTime: t.NTime, Tip: tip,
	}, nil
}

// root is the merkle root of a job with this full extranonce.
func (b *Body) root(extranonce []byte) bitcoin.Hash {
	return bitcoin.FoldMerkle(b.Coinbase.TxID(extranonce), b.Path)
}
