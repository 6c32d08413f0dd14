package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/tinytest/chipsim"
)

// A chain is one that is served.
type chain struct {
	number int
	sim    *chipsim.Chain
	place  place
	hungUp func() // when a host closes its line
	trace  *os.File
	buffer *lockedWriter
	shown  int // reports
}

// open makes chain number n and prints where it is.
func open(s cli.IO, o *options, n int) (*chain, error) {
	cfg := o.chip
	cfg.Seed = o.seed + uint64(n) - 1
	sim, err := chipsim.New(cfg)
	if err != nil {
		return nil, cli.Fail(cli.Usage, err)
	}
	c := &chain{number: n, sim: sim, hungUp: func() {
		sim.PowerCycle()
		sim.Port().Flush() // what the host has not read, the next one must not
	}}
	if c.place, err = o.place(strconv.Itoa(n), o.chains > 1); err == nil {
		err = c.record(o)
	}
	if err != nil {
		c.finish(s)
		return nil, err
	}
	_, err = fmt.Fprintf(s.Out, "chain %d: %s (%d %s, %d zero bits)\n", n, c.place.shown(), cfg.Chips, cfg.Model, sim.Zeros())
	return c, err
}

// record begins the trace, if one is wanted.
func (c *chain) record(o *options) (err error) {
	if o.trace == "" {
		return nil
	}
	name := o.trace
	if o.chains > 1 {
		name += strconv.Itoa(c.number)
	}
	if c.trace, err = os.Create(name); err != nil {
		return cli.Fail(cli.Config, err)
	}
	c.buffer = &lockedWriter{w: bufio.NewWriterSize(c.trace, 1<<16)}
	c.sim.Trace(c.buffer)
	return nil
}

func (c *chain) serve(ctx context.Context) error {
	err := c.place.line.serve(ctx, c.sim.Port(), c.hungUp)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// watch prints what the checker reports, as it comes.
func (c *chain) watch(ctx context.Context, w io.Writer) error {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		reports := c.sim.Reports()
		for ; c.shown < len(reports); c.shown++ {
			fmt.Fprintf(w, "chain %d: %v\n", c.number, reports[c.shown])
		}
	}
}

// finish closes everything and prints the sum of the reports.
func (c *chain) finish(s cli.IO) {
	c.place.close()
	counts := c.sim.Counts()
	for _, k := range counts {
		fmt.Fprintf(s.Err, "chain %d: %s: %d\n", c.number, k.Kind, k.Count)
	}
	if c.trace == nil {
		return
	}
	if err := errors.Join(c.sim.TraceErr(), c.buffer.Flush(), c.trace.Close()); err != nil {
		fmt.Fprintf(s.Err, "chain %d: the trace is not whole: %v\n", c.number, err)
	}
}

// A lockedWriter is the trace's buffer: the chain writes, finish flushes.
type lockedWriter struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

func (l *lockedWriter) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Flush()
}
