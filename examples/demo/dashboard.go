package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/internal/cli"
)

// A dashboard reads the status sockets of both programs: for the progress line of
// a terminal, and to count blocks. Elsewhere their own log lines have to do.
type dashboard struct {
	screen      *cli.Terminal
	pool, miner string // addresses of the sockets
}

// poolStatus and minerStatus are the parts of the JSON that are shown.
type poolStatus struct {
	Accepted uint64            `json:"shares_accepted"`
	Rejected map[string]uint64 `json:"shares_rejected"`
	Blocks   uint64            `json:"blocks"`
	Template struct {
		Height     uint32  `json:"height"`
		Difficulty float64 `json:"difficulty"`
	} `json:"template"`
}

type minerStatus struct {
	HashRate struct {
		Short float64 `json:"5s"`
		Long  float64 `json:"1m"`
	} `json:"hash_rate"`
	Board *device.BoardStatus `json:"board"` // nil: the CPU mines
}

// run shows progress until ctx ends, or until there are enough blocks: then it
// says so and returns true.
func (d *dashboard) run(ctx context.Context, blocks int) bool {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		var pool poolStatus
		var miner minerStatus
		if read(ctx, d.pool, &pool) != nil || read(ctx, d.miner, &miner) != nil {
			d.screen.Progress("starting")
			continue
		}
		d.screen.Progress(line(pool, miner))
		if blocks > 0 && pool.Blocks >= uint64(blocks) {
			fmt.Fprintf(d.screen, "demo  %s found and accepted by the chain, %s accepted\n", cli.Count(pool.Blocks, "block"), cli.Count(pool.Accepted, "share"))
			return true
		}
	}
}

func line(pool poolStatus, miner minerStatus) string {
	refused := uint64(0)
	for _, n := range pool.Rejected {
		refused += n
	}
	text := ""
	if miner.Board != nil {
		text = miner.Board.String() + " | "
	}
	return text + fmt.Sprintf("height %d, difficulty %.4g | %.2f MH/s (1 m %.2f) | shares %d accepted, %d refused | blocks %d | Ctrl-C ends",
		pool.Template.Height, pool.Template.Difficulty, miner.HashRate.Short/1e6, miner.HashRate.Long/1e6, pool.Accepted, refused, pool.Blocks)
}

func read(ctx context.Context, addr string, v any) error {
	b, err := cli.FetchStatus(ctx, addr)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
