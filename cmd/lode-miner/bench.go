package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/lodefw/lode/hashing/sha256d"
	"github.com/lodefw/lode/internal/cli"
)

var benchHelp = cli.Help{
	Name:     "lode-miner bench",
	Synopsis: "[-json] [-time DURATION]",
	About: `Measures every kernel, one after the other, on one thread. A kernel that this
machine cannot run is listed with the reason.`,
	Examples: []cli.Example{
		{Line: "lode-miner bench", What: "a table"},
		{Line: "lode-miner bench -json -time 5s", What: "rows for programs, measured longer"},
	},
}

// A row is one kernel.
type row struct {
	Name      string  `json:"name"`
	Available bool    `json:"available"`
	Reason    string  `json:"reason,omitempty"` // why it is not
	Hashes    float64 `json:"hashes_per_second"`
	Cycles    float64 `json:"cycles_per_hash,omitempty"` // left out: the clock of the core is not known
	Needs     string  `json:"needs,omitempty"`
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
		e := json.NewEncoder(s.Out)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	return table(s, rows)
}

func measure(ctx context.Context, d time.Duration) (rows []row, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, k := range sha256d.Kernels() {
		r := row{Name: k.Name, Available: k.Available(), Needs: k.Needs}
		if !r.Available {
			r.Reason = "this processor, or this build, lacks " + k.Needs
		}
		// In short pieces, so that Ctrl-C is heard.
		for end := time.Now().Add(d); r.Available && time.Now().Before(end); {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			r.Hashes = max(r.Hashes, k.Measure(min(d, 100*time.Millisecond)))
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func table(s cli.IO, rows []row) error {
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "kernel\tspeed of one thread\tneeds")
	for _, r := range rows {
		speed := cli.HashRate(r.Hashes)
		if !r.Available {
			speed = "not here: " + r.Reason
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, speed, r.Needs)
	}
	return w.Flush()
}
