package tinytest

import (
	"context"
	"fmt"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

// A Hasher finds real solutions at the pace of a device of Rate hashes per second
// on the clock of the test: it waits as long as such a device would need, then
// searches as fast as it can. On virtual time hours of mining pass in a moment.
type Hasher struct {
	Rate float64
}

// String names the hasher.
func (h *Hasher) String() string { return fmt.Sprintf("test hasher of %g H/s", h.Rate) }

// Run is part of hashing.Hasher.
func (h *Hasher) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	feed.Declare(hashing.Traits{HashRate: h.Rate})
	for {
		w, err := feed.Next(ctx)
		if err != nil {
			return nil
		}
		if !h.search(ctx, w, found) {
			return nil
		}
	}
}

// search works on w until it is worthless; it is false when ctx has ended.
func (h *Hasher) search(ctx context.Context, w hashing.Work, found func(hashing.Solution)) bool {
	pace := time.Duration(w.Target.Hashes() / h.Rate * float64(time.Second))
	for header := w.Header; ; header.Nonce++ {
		select {
		case <-ctx.Done():
			return false
		case <-w.Changed:
			return true
		case <-time.After(max(pace, time.Millisecond)):
		}
		header.Nonce = next(header, w.Target)
		found(hashing.Solution{Work: w.ID, Nonce: header.Nonce, Version: header.Version, NTime: header.NTime})
	}
}

// next is the first nonce from header's that meets target.
func next(header bitcoin.Header, target bitcoin.Target) uint32 {
	for !target.MetBy(header.Hash()) {
		header.Nonce++
	}
	return header.Nonce
}
