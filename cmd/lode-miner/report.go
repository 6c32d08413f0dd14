package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2client"
)

const (
	redraw   = time.Second      // of the progress line on a terminal
	logEvery = 10 * time.Second // of a log line elsewhere
)

// A reporter tells a person how it goes.
type reporter struct {
	dev    interface{ Status() device.Status }
	screen *cli.Terminal
	log    *slog.Logger
}

// run reports until ctx ends, and once more then.
func (r reporter) run(ctx context.Context) error {
	every := logEvery
	if r.screen.Interactive() {
		every = redraw
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			r.screen.Progress("")
			r.report("stopping")
			return nil
		case <-ticker.C:
		}
		if r.screen.Interactive() {
			st := r.dev.Status()
			r.screen.Progress(progress(&st))
		} else {
			r.report("mining")
		}
	}
}

// report writes a log line.
func (r reporter) report(what string) {
	st := r.dev.Status()
	p := &st.Pool
	switch {
	case what != "mining":
	case st.State == device.Paused:
		what = "paused"
	case st.State != device.Mining:
		what = "waiting for a job"
	case st.Board != nil:
		what = st.Board.Power.String()
	}
	values := []any{"5s", hashing.FormatRate(st.HashRate.Seconds5), "1m", hashing.FormatRate(st.HashRate.Minute1),
		"15m", hashing.FormatRate(st.HashRate.Minutes15), "accepted", p.Accepted, "rejected", sum(p.Rejected),
		"lost", sum(p.Lost), "blocks", p.Blocks, "pool", p.Pool}
	if st.Board != nil {
		values = append(values, "board", st.Board.String())
	}
	if st.Tuner != nil {
		values = append(values, "tuning", string(st.Tuner.State)+": "+st.Tuner.Why)
	}
	r.log.Info(what, values...)
}

// progress is the line that is overwritten in place.
func progress(st *device.Status) string {
	p := &st.Pool
	line := ""
	if st.Board != nil {
		line = st.Board.String() + " | "
	}
	line += fmt.Sprintf("%s (1m %s, 15m %s) | accepted %d, rejected %d, lost %d | blocks %d | ",
		hashing.FormatRate(st.HashRate.Seconds5), hashing.FormatRate(st.HashRate.Minute1), hashing.FormatRate(st.HashRate.Minutes15),
		p.Accepted, sum(p.Rejected), sum(p.Lost), p.Blocks)
	if p.Channel == nil {
		return line + p.State.String() + " " + p.Pool
	}
	line += fmt.Sprintf("%s, difficulty %.4g", p.Pool, p.Channel.Difficulty)
	if len(p.Channels) > 1 {
		line += fmt.Sprintf(" and so on, %d channels", open(p.Channels))
	}
	return line
}

func open(channels []sv2client.ChannelStatus) (n int) {
	for _, c := range channels {
		if c.State == sv2client.Mining {
			n++
		}
	}
	return n
}

func sum(m map[string]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}
