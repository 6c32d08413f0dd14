package pool

import (
	"context"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// A Chain is where templates come from and where blocks go: a node, or the
// embedded chain.
type Chain interface {
	// Run calls update with each new template until ctx ends; a template with
	// another PrevHash is a new tip. The pool keeps the template and does not
	// change it.
	Run(ctx context.Context, update func(*bitcoin.Template)) error
	// Submit hands a block in. It returns nil only when the chain took it as its
	// best block, else an error that says why.
	Submit(ctx context.Context, block []byte) error
}

// A Ledger keeps what the pool owes and what it found. Its methods are safe for
// concurrent use, return within a bounded time, and keep nothing of their
// arguments. The header is the proof: whoever hashes it sees the work.
type Ledger interface {
	// Share records an accepted share of user, credited with difficulty.
	Share(at time.Time, user string, difficulty float64, h *bitcoin.Header) error
	// Block records a block that user found, and what the chain said: a nil
	// outcome means that it became the best block.
	Block(at time.Time, user string, height uint32, h *bitcoin.Header, outcome error) error
}
