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
	line   line
	link   string
	trace  *os.File
	buffer *lockedWriter
	shown  int // reports
}

// A line is where the host is: a pty or a socket.
type line interface {
	// serve moves bytes between host and port until ctx ends; hungUp is called
	// when a host has left.
	serve(ctx context.Context, p *chipsim.Port, hungUp func()) error
	path() string
	close() error
}

// open makes chain number n and prints where it is.
func open(s cli.IO, o *options, n int) (*chain, error) {
	cfg := o.chip
	cfg.Seed = o.seed + uint64(n) - 1
	sim, err := chipsim.New(cfg)
	if err != nil {
		return nil, cli.Fail(cli.Usage, err)
	}
	c := &chain{number: n, sim: sim}
	if err := c.connect(o); err != nil {
		c.finish(s)
		return nil, err
	}
	shown := c.line.path()
	if o.link != "" {
		shown = c.link + " -> " + shown
	}
	if o.trace != "" {
		if c.trace, err = os.Create(numbered(o.trace, n, o.chains)); err != nil {
			c.finish(s)
			return nil, cli.Fail(cli.Config, err)
		}
		c.buffer = &lockedWriter{w: bufio.NewWriterSize(c.trace, 1<<16)}
		sim.Trace(c.buffer)
	}
	_, err = fmt.Fprintf(s.Out, "chain %d: %s (%d %s, %d zero bits)\n", n, shown, cfg.Chips, cfg.Model, sim.Zeros())
	return c, err
}

func (c *chain) connect(o *options) (err error) {
	if o.unix != "" {
		c.line, err = listen(numbered(o.unix, c.number, o.chains))
	} else {
		c.line, err = openPTY()
	}
	if err != nil {
		return cli.Fail(cli.Bind, err)
	}
	if o.link == "" {
		return nil
	}
	c.link = o.link + strconv.Itoa(c.number)
	if old, err := os.Lstat(c.link); err == nil && old.Mode()&os.ModeSymlink != 0 {
		os.Remove(c.link) // ours, of a run that was killed
	}
	if err := os.Symlink(c.line.path(), c.link); err != nil {
		c.link = ""
		return cli.Fail(cli.Config, err)
	}
	return nil
}

// numbered adds the chain's number to a path if there are several.
func numbered(path string, n, of int) string {
	if of > 1 {
		path += strconv.Itoa(n)
	}
	return path
}

func (c *chain) serve(ctx context.Context) error {
	err := c.line.serve(ctx, c.sim.Port(), c.sim.PowerCycle)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// watch prints what the checker reports, as it comes.
func (c *chain) watch(ctx context.Context, w io.Writer) {
	t := time.NewTicker(200 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
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
	if c.line != nil {
		c.line.close()
	}
	if c.link != "" {
		os.Remove(c.link)
	}
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
