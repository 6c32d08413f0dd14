package tinytest

import (
	"sync"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// A Ledger keeps shares and blocks in memory, so that a test can ask whether each
// was recorded exactly once.
type Ledger struct {
	mu     sync.Mutex
	shares map[bitcoin.Hash]int
	blocks []bitcoin.Hash
}

// Share is part of pool.Ledger.
func (l *Ledger) Share(_ time.Time, _ string, _ float64, h *bitcoin.Header) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shares == nil {
		l.shares = map[bitcoin.Hash]int{}
	}
	l.shares[h.Hash()]++
	return nil
}

// Block is part of pool.Ledger.
func (l *Ledger) Block(_ time.Time, _ string, _ uint32, h *bitcoin.Header, outcome error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if outcome == nil {
		l.blocks = append(l.blocks, h.Hash())
	}
	return nil
}

// Shares is how many different shares there are, and how many were recorded twice.
func (l *Ledger) Shares() (n, twice int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.shares {
		if k > 1 {
			twice++
		}
	}
	return len(l.shares), twice
}

// Blocks are the blocks that the chain took, oldest first.
func (l *Ledger) Blocks() []bitcoin.Hash {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]bitcoin.Hash(nil), l.blocks...)
}
