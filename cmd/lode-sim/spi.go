package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
)

// An SPI chain is served as a stream of transfers: there is no device to open.
type spiChain struct {
	*virtual.SPI
	place place
	trace *spisim.Trace
	file  string
}

// spiModel is the model that is asked for, "" if it is none on SPI.
func (o *options) spiModel() string {
	for _, name := range virtual.SPIModels() {
		if strings.EqualFold(name, o.chip.Model) || o.board == "rpi-"+strings.ToLower(name) {
			return name
		}
	}
	return ""
}

func openSPI(s cli.IO, o *options) (*spiChain, error) {
	if o.unix == "" {
		return nil, cli.Failf(cli.Usage, "chips on SPI are served on a unix socket only: add -unix PATH")
	}
	if len(o.chip.Faults) > 0 || o.chip.Speed != 1 {
		return nil, cli.Failf(cli.Usage, "chips on SPI have no -faults here, and no -speed")
	}
	chain, err := virtual.NewSPI(o.spiModel(), o.chip.Chips, o.chip.HashBudget, o.seed)
	if err != nil {
		return nil, cli.Fail(cli.Usage, err)
	}
	c := &spiChain{SPI: chain, file: o.trace}
	if c.file != "" {
		c.trace = new(spisim.Trace)
		c.Record(c.trace)
	}
	if c.place, err = o.place("", false); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(s.Out, "SPI: %s (%s)\n", c.place.shown(), c.About)
	return c, err
}

func (c *spiChain) run(ctx context.Context, s cli.IO) error {
	err := c.place.line.stream(ctx, func(rw io.ReadWriter) error {
		if err := c.Serve(rw); err != nil {
			fmt.Fprintln(s.Err, "lode-sim:", err) // of this host; the next is welcome
		}
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// finish closes everything, writes the trace and prints the reports.
func (c *spiChain) finish(s cli.IO) {
	c.place.close()
	for _, r := range c.Reports() {
		fmt.Fprintln(s.Err, "SPI:", r)
	}
	if c.trace == nil {
		return
	}
	if err := c.write(); err != nil {
		fmt.Fprintf(s.Err, "SPI: the trace is not whole: %v\n", err)
	}
}

// write writes the trace, an event a line.
func (c *spiChain) write() error {
	c.Record(nil)
	f, err := os.Create(c.file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for _, e := range c.trace.Events {
		if err := enc.Encode(e); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(w.Flush(), f.Close())
}
