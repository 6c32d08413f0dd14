package main

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/hashing/sha256d"
	"github.com/lodefw/lode/internal/cli"
)

var benchHelp = cli.Help{
	Name:     "lode-miner bench",
	Synopsis: "[-json] [-time DURATION]",
	About: `Measures every kernel on one thread, in turns. The rate is that of mining a job of
which versions may be rolled, as many as the kernel likes; the rate of one version
alone stands beside it. A kernel that this machine cannot run is listed with the
reason.`,
	Examples: []cli.Example{
		{Line: "lode-miner bench", What: "a table"},
		{Line: "lode-miner bench -json -time 5s", What: "rows for programs, measured longer"},
	},
}

// A row is one kernel.
type row struct {
	Name      string  `json:"name"`
	Available bool    `json:"available"`
	Reason    string  `json:"reason"` // why it is not
	Hashes    float64 `json:"hashes_per_second"`
	Cycles    float64 `json:"cycles_per_hash"`
	Needs     string  `json:"needs"`
	Versions  int     `json:"versions"` // rolled under one message schedule
	One       float64 `json:"hashes_per_second_one_version"`

	clock float64 // of the core, in Hz
}

func bench(ctx context.Context, s cli.IO, args []string) error {
	var asJSON bool
	duration := time.Second
	rest, err := cli.ParseFlags(s, benchHelp, args, func(fs *flag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "print one JSON array of rows")
		fs.DurationVar(&duration, "time", duration, "measure each kernel this long")
	})
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return cli.Failf(cli.Usage, "unexpected argument %q; lode-miner bench -h shows what there is", rest[0])
	case duration <= 0 || duration > time.Hour:
		return cli.Failf(cli.Usage, "-time %v: want more than 0 and at most 1h", duration)
	}
	rows, err := measure(ctx, duration)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(s, rows)
	}
	return table(s, rows)
}

// piece is how long a kernel is measured before it is the next one's turn: short,
// so that a moment in which the machine is busy does not hit one kernel only.
const piece = 50 * time.Millisecond

func measure(ctx context.Context, d time.Duration) ([]row, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	kernels := sha256d.Kernels()
	rows := make([]row, len(kernels))
	for turn := range max(1, int(d/piece)) {
		for i, k := range kernels {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if turn == 0 {
				rows[i] = row{Name: k.Name, Available: k.Available(), Reason: k.Reason(), Needs: k.Needs, Versions: max(1, k.Versions)}
			}
			if rows[i].Available {
				rows[i].measure(k, min(d, piece))
			}
		}
	}
	return rows, nil
}

// measure keeps the best of what it has seen: whatever disturbs makes it worse.
func (r *row) measure(k sha256d.Kernel, d time.Duration) {
	rate := k.Measure(d/2, r.Versions)
	for range 5 { // just after the kernel: it may have slowed the core down
		r.clock = max(r.clock, sha256d.Clock(d/250))
	}
	r.Hashes = max(r.Hashes, rate)
	r.Cycles = r.clock / r.Hashes
	r.One = max(r.One, k.Measure(d/2, 1))
}

func table(s cli.IO, rows []row) error {
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kernel\tspeed of one thread\tcycles/hash\tone version\tneeds")
	for _, r := range rows {
		if r.Available {
			fmt.Fprintf(w, "%s\t%s\t%.1f\t%s\t%s\n", r.Name, hashing.FormatRate(r.Hashes), r.Cycles, hashing.FormatRate(r.One), r.Needs)
		} else {
			fmt.Fprintf(w, "%s\t-\t-\t-\tnot here: %s\n", r.Name, r.Reason)
		}
	}
	return w.Flush()
}
