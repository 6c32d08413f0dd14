// Lode-sim serves virtual hash boards: each chain is a pseudo-terminal or a unix
// socket that any mining firmware can open. Run it with -h.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/tinytest/chipsim"
)

var help = cli.Help{
	Name:     "lode-sim",
	Synopsis: "-board NAME | -model CHIP [flags]",
	About: `Serves virtual hash boards at the wire. Each chain is a serial device: its path is
printed, and any firmware can open it. The chips answer in the time that real ones
take, at the baud rate that both sides have set, and their nonces are real for a
scaled difficulty: a hash needs -zeros zero bits where silicon needs 32.

Boards behind a USB bridge are served whole: a control port (bitaxe-raw's protocol)
with regulator, fan and sensors behind it, and a data port. What the firmware does
there is what the chips feel: without volts and a reset they are silent, and they
get as hot as their clock, voltage and fan make them. Commands on standard input
are: break FAULT, mend FAULT, faults, state, and fault, heal, status, reports.

Of other boards the chains are served. Closing the device resets its chips, as
there is no reset line. Everything else is a command on standard input: reset,
fault KIND [chip=N] [at=TIME] [for=TIME] [rate=X], heal, volts N, fan SHARE,
status, reports. All of them mean every chain.

Chips on SPI (A1, Bitfury) are a socket. The host sends 'x', the length as four
bytes, lowest first, and that many bytes to transfer; the answer is as many bytes.
'r' and 0 or 1 drives the reset line, 't' toggles MOSI while SCK is high. An A1 takes
the words of a midstate least significant byte first, an A1-be the other way round,
as cgminer sends them when it has its work from a pool: silicon's way is not known.

A checker looks at every byte that the firmware writes; what it finds goes to
standard error, and the sum of it at the end.`,
	Examples: []cli.Example{
		{Line: "lode-sim -board bitaxe-gamma", What: "a whole board; prints its two ports, and how lode-miner opens them"},
		{Line: "lode-sim -board bitaxe-gamma -unix /tmp/uart -dial", What: "the same for an emulator that serves the sockets /tmp/uart-control and -data"},
		{Line: "lode-sim -model A1 -unix /tmp/spi", What: "eight A1 chips on SPI"},
		{Line: "lode-sim -board s19bbb -link /tmp/chain", What: "three chains of 126 BM1362 at /tmp/chain1 to 3"},
		{Line: "lode-sim -board s9 -describe s9.toml", What: "three chains of 63 BM1387, and a file with which lode-miner mines on them"},
		{Line: "lode-sim -model BM1366 -chips 4 -faults 'dead-chip chip=2 at=1m; lose-byte rate=0.01'", What: "a chain with faults"},
		{Line: "lode-sim -model BM1370 -unix /tmp/chain -speed 10 -trace run.jsonl", What: "a socket, ten times as fast, recorded"},
		{Line: "lode-sim -replay run.jsonl", What: "does the same again and compares"},
	},
}

// options are the flags.
type options struct {
	board, faults, link, unix, trace, replay, describe string
	chains                                             int
	dial                                               bool
	chip                                               chipsim.Config
	seed                                               uint64
	version                                            *bool
}

func main() { os.Exit(cli.Main("lode-sim", run)) }

func define(fs *flag.FlagSet, o *options) {
	var boards []string
	for _, b := range chipsim.Boards() {
		if !slices.Contains(wholes(), b.Name) {
			boards = append(boards, b.Name)
		}
	}
	fs.StringVar(&o.board, "board", "", "the `name` of a board: whole "+strings.Join(wholes(), ", ")+"; chains of "+strings.Join(boards, ", ")+"; on SPI rpi-a1, rpi-bitfury")
	fs.StringVar(&o.chip.Model, "model", "", "the `chip`, for a chain alone: "+strings.Join(chipsim.Models(), ", ")+", A1, A1-be, Bitfury")
	fs.IntVar(&o.chip.Chips, "chips", 0, "chips on each chain (default: the board's, or 1)")
	fs.IntVar(&o.chip.Domains, "domains", 0, "voltage domains of each chain (default: the board's, or 1)")
	fs.IntVar(&o.chains, "chains", 0, "chains (default: the board's, or 1)")
	fs.Uint64Var(&o.seed, "seed", 1, "of the silicon lottery and of faults; chain n has seed+n-1")
	fs.StringVar(&o.faults, "faults", "", "`list` of faults, with semicolons between: "+kinds())
	fs.IntVar(&o.chip.Zeros, "zeros", 0, "zero bits of a hash before the ticket mask counts (default: what -budget allows)")
	fs.Float64Var(&o.chip.HashBudget, "budget", 200e3, "hashes per second that a chain may cost")
	fs.Float64Var(&o.chip.Speed, "speed", 1, "how much faster than real time")
	fs.Float64Var(&o.chip.Ambient, "ambient", 25, "air temperature in °C")
	fs.StringVar(&o.link, "link", "", "also make a symbolic link to each device: `path` and the chain's number, or -control and -data")
	fs.StringVar(&o.describe, "describe", "", "write chains to `file` as a board for lode-miner -board file:FILE")
	fs.StringVar(&o.unix, "unix", "", "serve unix sockets at `path` (and the chain's number if there are several, or -control and -data) instead of devices")
	fs.BoolVar(&o.dial, "dial", false, "connect to the sockets of -unix, which somebody else serves, again and again")
	fs.StringVar(&o.trace, "trace", "", "record the wire to `file` (and the chain's number if there are several)")
	fs.StringVar(&o.replay, "replay", "", "repeat a recorded `file` without a host, and compare; nothing is served")
	o.version = cli.VersionFlag(fs)
}

func kinds() string {
	var list []string
	for _, k := range chipsim.FaultKinds() {
		list = append(list, string(k))
	}
	return strings.Join(list, ", ")
}

func run(ctx context.Context, s cli.IO, args []string) error {
	var o options
	rest, err := cli.ParseFlags(s, help, args, func(fs *flag.FlagSet) { define(fs, &o) })
	switch {
	case err != nil:
		return err
	case *o.version:
		_, err := fmt.Fprintln(s.Out, "lode-sim", cli.ReadBuild())
		return err
	case len(rest) > 0:
		return cli.Failf(cli.Usage, "no argument %q is known; lode-sim -h explains", rest[0])
	case o.replay != "":
		return replay(s, o.replay)
	}
	if o.chip.Faults, err = chipsim.ParseFaults(o.faults); err != nil {
		return cli.Fail(cli.Usage, err)
	}
	o.chip.AutoBaud = o.unix != ""
	switch {
	case o.dial && o.unix == "":
		return cli.Failf(cli.Usage, "-dial wants the sockets' -unix PATH")
	case o.describe != "" && (o.spiModel() != "" || o.isWhole()):
		return cli.Failf(cli.Usage, "-describe is for chains on serial lines; a whole board says itself how lode-miner opens it")
	case o.spiModel() != "":
		return serveSPI(ctx, s, &o)
	case o.isWhole():
		return serveWhole(ctx, s, &o)
	}
	if err := o.fill(); err != nil {
		return err
	}
	return serveAll(ctx, s, &o)
}

// isWhole tells whether the board is served whole: unless somebody asks for another
// number of chips, or another kind.
func (o *options) isWhole() bool {
	asked := o.chip.Model != "" || o.chip.Chips != 0 || o.chip.Domains != 0 || o.chains != 0 || o.chip.Speed != 1
	return slices.Contains(wholes(), o.board) && !asked
}

func serveWhole(ctx context.Context, s cli.IO, o *options) error {
	w, err := openWhole(s, o)
	if err != nil {
		return err
	}
	defer w.finish(s)
	console(s, commander(s, []*chain{w.data}, w))
	return ended(ctx, w.run(ctx, s))
}

func serveSPI(ctx context.Context, s cli.IO, o *options) error {
	c, err := openSPI(s, o)
	if err != nil {
		return err
	}
	defer c.finish(s)
	return ended(ctx, c.run(ctx, s))
}

// ended is the error to end with: what failed, or why ctx ended.
func ended(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	return context.Cause(ctx)
}

// fill completes the options from the board.
func (o *options) fill() error {
	b := chipsim.Board{Model: o.chip.Model, Chains: 1, Chips: 1, Domains: 1}
	if o.board != "" {
		found := false
		for _, known := range chipsim.Boards() {
			if known.Name == o.board {
				b, found = known, true
			}
		}
		if !found {
			return cli.Failf(cli.Usage, "no board %q; lode-sim -h lists them", o.board)
		}
	}
	if o.chip.Model == "" {
		o.chip.Model = b.Model
	}
	if o.chip.Model == "" {
		return cli.Failf(cli.Usage, "say -board NAME or -model CHIP; lode-sim -h lists both")
	}
	if o.chip.Chips == 0 {
		o.chip.Chips = b.Chips
	}
	if o.chip.Domains == 0 {
		o.chip.Domains = min(b.Domains, o.chip.Chips)
	}
	if o.chains == 0 {
		o.chains = b.Chains
	}
	if o.chains < 1 || o.chains > 64 {
		return cli.Failf(cli.Usage, "-chains %d; want 1 to 64", o.chains)
	}
	return nil
}

// serveAll runs every chain until ctx ends or one fails.
func serveAll(ctx context.Context, s cli.IO, o *options) error {
	var all []*chain
	defer func() {
		for _, c := range all {
			c.finish(s)
		}
	}()
	for n := range o.chains {
		c, err := open(s, o, n+1)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	if o.describe != "" {
		if err := describe(s, o, all); err != nil {
			return err
		}
	}
	console(s, commander(s, all, nil))
	var parts []func(context.Context) error
	for _, c := range all {
		parts = append(parts, c.serve, func(ctx context.Context) error { return c.watch(ctx, s.Err) })
	}
	return ended(ctx, cli.Together(ctx, parts))
}

func replay(s cli.IO, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return cli.Fail(cli.Config, err)
	}
	defer f.Close()
	if err := chipsim.Replay(f); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, "the replay is the same as", name)
	return err
}
