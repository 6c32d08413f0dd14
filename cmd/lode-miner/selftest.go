package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/board/catalog"
	"github.com/lodefw/lode/board/described"
	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
	"github.com/lodefw/lode/internal/cli"
)

var selfTestHelp = cli.Help{
	Name:     "lode-miner selftest",
	Synopsis: "[-board NAME] [-set name=value] [-json]",
	About: `Tries every part of a board, without a pool: sensors, input, fans at full speed and
at their least; then, with power and guarded as always, voltages, chips, the hash
rate of each domain, errors and temperatures. Nothing gets power while a sensor, a
fan or the input is not good. It takes one to five minutes, and leaves the board off
and cool. Of a computer it tries the kernels.

Exit code 6 says that something is not good: the table names it.`,
	Examples: []cli.Example{
		{Line: "lode-miner selftest -board bitaxe-gamma:/dev/ttyACM0,/dev/ttyACM1", What: "a table"},
		{Line: "lode-miner selftest -board virtual:bitaxe-gamma -json", What: "an array of checks, for programs"},
		{Line: "lode-miner selftest -board laptop", What: "this computer's kernels: right, and how fast"},
	},
	Prefix: "LODE_MINER",
}

// selfTestConfig is what of the miner's configuration a self-test reads.
type selfTestConfig struct {
	config
	json bool
	time time.Duration
}

func selfTest(ctx context.Context, s cli.IO, args []string) error {
	cfg := selfTestConfig{}
	rest, err := cli.Parse(s, selfTestHelp, args, &cfg.config, func(fs *flag.FlagSet, c *config) {
		defineBoardFlags(fs, c)
		fs.BoolVar(&c.Verbose, "v", c.Verbose, "log every step")
		fs.BoolVar(&cfg.json, "json", false, "print one JSON array of checks")
		fs.DurationVar(&cfg.time, "time", 0, "hash for this long at least; 0 is half a minute")
	})
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return cli.Failf(cli.Usage, "unexpected argument %q; lode-miner selftest -h shows what there is", rest[0])
	case cfg.time < 0 || cfg.time > time.Hour:
		return cli.Failf(cli.Usage, "-time %v: want 0 to 1h", cfg.time)
	}
	screen := cli.NewTerminal(s.Err, s)
	defer screen.Progress("")
	log := slog.New(slog.DiscardHandler)
	if cfg.Verbose {
		log = cli.NewLogger(screen, true)
	}
	checks, err := cfg.try(ctx, log, screen.Progress)
	screen.Progress("")
	if err != nil && len(checks) == 0 {
		return err
	}
	if cfg.json {
		err = printJSON(s, checks)
	} else {
		err = printChecks(s, checks)
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return verdict(checks)
}

// try tests the board, or the kernels of a computer.
func (c *selfTestConfig) try(ctx context.Context, log *slog.Logger, progress func(string)) ([]device.Check, error) {
	known, err := c.known()
	if err != nil {
		return nil, cli.Fail(cli.Config, err)
	}
	m, err := c.machine(log)
	if err != nil && known {
		return []device.Check{{
			Name: "board", Part: c.Board, Measured: err.Error(), Wanted: "found", Advice: "check its cables and its power",
		}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer m.close()
	if m.board == nil {
		return tryKernels(ctx, progress)
	}
	m.stay(log)
	test := &device.SelfTest{Board: m.board, Hash: c.time, Log: log, Progress: func(what string) { progress("testing " + what) }}
	checks, err := test.Run(ctx)
	found := device.Check{Name: "board", Part: m.String(), OK: true, Measured: "found", Wanted: "found"}
	return append([]device.Check{found}, checks...), err
}

// known tells whether there is such a board at all: then it is the hardware that is
// not there. The error is for settings that it does not have, and for a file whose chips
// nothing guards.
func (c *selfTestConfig) known() (bool, error) {
	if path, isFile := strings.CutPrefix(c.Board, "file:"); isFile {
		if loose, err := described.IsLoose(path); err == nil && loose {
			return false, fmt.Errorf("nothing guards the chips of %s, so nothing on them can be tested: mine with them, and look at lodectl status", path)
		}
	}
	name, _, _ := strings.Cut(c.Board, ":")
	k, err := catalog.Find(name)
	if err != nil || name == "virtual" { // of which only the name can be wrong
		return false, nil
	}
	return true, k.CheckSettings(c.Settings)
}

// tryKernels has each kernel find the first block's nonce.
func tryKernels(ctx context.Context, progress func(string)) (checks []device.Check, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, k := range sha256d.Kernels() {
		if ctx.Err() != nil {
			return checks, ctx.Err()
		}
		if !k.Available() {
			continue
		}
		progress("testing kernel " + k.Name)
		c := device.Check{Name: "kernel", Part: k.Name, Wanted: fmt.Sprintf("nonce %d of the first block", firstNonce)}
		if hits := firstBlock(k); len(hits) == 1 && hits[0] == firstNonce {
			c.OK, c.Measured = true, "found, at "+hashing.FormatRate(k.Measure(200*time.Millisecond, max(1, k.Versions)))
		} else {
			c.Measured, c.Advice = fmt.Sprintf("found %v", hits), "this processor does not compute what it should: mine with another kernel (-kernel), and report it"
		}
		checks = append(checks, c)
	}
	return checks, nil
}

// firstNonce is the one of the first block.
const firstNonce = 2083236893

// firstBlock scans some nonces of the first block's header, among as many versions
// as the kernel likes, and returns what was found under its own.
func firstBlock(k sha256d.Kernel) (nonces []uint32) {
	merkle, err := bitcoin.ParseHash("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")
	if err != nil {
		return nil
	}
	h := bitcoin.Header{Version: 1, MerkleRoot: merkle, NTime: 1231006505, NBits: 0x1d00ffff}
	target := [32]byte(bitcoin.DifficultyOne())
	var header [80]byte
	midstates := make([]sha256d.State, max(1, k.Versions))
	for i := len(midstates) - 1; i >= 0; i-- { // the block's own is the last that header keeps
		h.Version = 1 + uint32(i)<<13
		h.Put(&header)
		midstates[i] = sha256d.Midstate(&header)
	}
	var search sha256d.Search
	search.Prepare(&header, midstates, &target)
	hits := make([]sha256d.Hit, sha256d.MaxStep*len(midstates))
	const around = 20_000
	for start := uint32(firstNonce - around); start < firstNonce+around; {
		n, done := k.Scan(&search, start, firstNonce+around-start, hits)
		for _, hit := range hits[:n] {
			if hit.Midstate == 0 {
				nonces = append(nonces, hit.Nonce)
			}
		}
		start += max(done, 1)
	}
	return nonces
}

// verdict is the exit code.
func verdict(checks []device.Check) error {
	var bad []string
	for _, c := range checks {
		if !c.OK {
			bad = append(bad, c.Name+" of "+c.Part)
		}
	}
	if bad == nil {
		return nil
	}
	return cli.Failf(cli.Hardware, "not good: %s", strings.Join(bad, "; "))
}

func printJSON(s cli.IO, list any) error {
	e := json.NewEncoder(s.Out)
	e.SetIndent("", "  ")
	return e.Encode(list)
}

func printChecks(s cli.IO, checks []device.Check) error {
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "check\tpart\t\tmeasured\twanted")
	for _, c := range checks {
		good := "good"
		if !c.OK {
			good = "BAD"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.Part, good, strings.ReplaceAll(c.Measured, "\n", "; "), c.Wanted)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, c := range checks {
		if !c.OK && c.Advice != "" {
			fmt.Fprintf(s.Out, "%s of %s: %s\n", c.Name, c.Part, c.Advice)
		}
	}
	return nil
}
