//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// The image as it ships boots, and its shares are accepted.
func TestBoot(t *testing.T) {
	for _, board := range []string{"vexpress", "malta"} {
		t.Run(board, func(t *testing.T) {
			r, dir, cache := built(t, board)
			h := newHost(t)
			g := start(t, r, dir, cache, env("LODE_MINER_POOL", h.url, "LODE_MINER_USER", "e2e."+board, "LODE_MINER_BOARD", "laptop"), "-chardev", "null,id=uart0")
			g.until(t, "network: eth0 has 10.0.2.15/24", bootWithin)
			h.until(t, g, 1, 0, bootWithin)
			t.Log(g.until(t, "shares: the first is accepted", bootWithin))
			t.Log(g.until(t, "memory:", bootWithin))
		})
	}
}

// bootWithin is for a busy machine: an idle one takes a fifth of it.
const bootWithin = 120 * time.Second
