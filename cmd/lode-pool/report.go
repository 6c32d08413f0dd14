package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/pool"
)

// reporter shows how it goes: a line on a terminal, else a log line now and then.
type reporter struct {
	pool   *pool.Pool
	screen *cli.Terminal
	log    *slog.Logger
}

// quietly is the time between two log lines.
const quietly = 30 * time.Second

func (r reporter) run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last string
	next := time.Now().Add(quietly)
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			s := r.pool.Status()
			r.screen.Progress(line(s))
			if !r.screen.Interactive() && now.After(next) {
				next = now.Add(quietly)
				if l := line(s); l != last {
					r.log.Info("status: " + l)
					last = l
				}
			}
		}
	}
}

func line(s pool.Status) string {
	refused := uint64(0)
	for _, n := range s.Rejected {
		refused += n
	}
	text := fmt.Sprintf("height %d | %s, %s | shares %d accepted, %d refused | blocks %d",
		s.Template.Height, cli.Count(s.Channels, "device"), hashing.FormatRate(s.HashRate), s.Accepted, refused, s.Blocks)
	if s.Refused > 0 {
		text += fmt.Sprintf(" (%d refused by the chain)", s.Refused)
	}
	if !s.Chain.Healthy {
		text += " | waiting for the chain"
	}
	return text
}
