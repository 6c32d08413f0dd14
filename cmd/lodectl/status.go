package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/pool"
)

var statusHelp = cli.Help{
	Name:     "lodectl status",
	Synopsis: "[-json] ADDRESS",
	About: `Shows how a program does that was started with -status ADDRESS: host:port, :port (on
this machine), or unix:PATH.`,
	Examples: []cli.Example{
		{Line: "lodectl status :7780", What: "for people"},
		{Line: "lodectl status -json :7780 | jq .hash_rate", What: "for programs"},
	},
}

func status(ctx context.Context, s cli.IO, args []string) error {
	var asJSON bool
	rest, err := cli.ParseFlags(s, statusHelp, args, func(fs *flag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "print the JSON as it comes")
	})
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return cli.Failf(cli.Usage, "status wants one address, the one that the program was started with: -status ADDRESS")
	}
	b, err := cli.FetchStatus(ctx, rest[0])
	if err != nil {
		return err
	}
	if asJSON {
		_, err := s.Out.Write(b)
		return err
	}
	return summarize(s.Out, b)
}

// summarize tells a miner's status from a pool's by what only one of them has.
func summarize(out io.Writer, b []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		return fmt.Errorf("status: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var err error
	switch {
	case keys["hashers"] != nil:
		err = summarizeMiner(w, b)
	case keys["template"] != nil:
		err = summarizePool(w, b)
	default:
		return fmt.Errorf("status: neither a miner's nor a pool's; -json shows what it is")
	}
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	return w.Flush()
}

func summarizeMiner(w io.Writer, b []byte) error {
	var st device.Status
	if err := json.Unmarshal(b, &st); err != nil {
		return err
	}
	p := &st.Pool
	fmt.Fprintf(w, "device\t%s, up for %v\n", st.State, time.Duration(st.UptimeSeconds*float64(time.Second)).Round(time.Second))
	fmt.Fprintf(w, "hash rate\t%s (5 s)  %s (1 min)  %s (15 min)\n", hashing.FormatRate(st.HashRate.Seconds5), hashing.FormatRate(st.HashRate.Minute1), hashing.FormatRate(st.HashRate.Minutes15))
	for _, h := range st.Hashers {
		fmt.Fprintf(w, "hasher\t%s: %s, %d hardware errors\n", h.Name, hashing.FormatRate(h.HashRate.Minute1), h.HardwareErrors)
	}
	if st.Board != nil {
		summarizeBoard(w, st.Board)
	}
	if st.Tuner != nil {
		fmt.Fprintf(w, "tuning\t%s: %s\n", st.Tuner.State, st.Tuner.Why)
		if st.Tuner.Problem != "" {
			fmt.Fprintf(w, "\tin trouble: %s\n", st.Tuner.Problem)
		}
	}
	if p.Pool == "" {
		fmt.Fprintf(w, "pool\tnone: %s\n", p.State)
	} else {
		fmt.Fprintf(w, "pool\t%s as %s: %s\n", p.Pool, p.User, p.State)
	}
	for _, c := range p.Channels {
		if c.Error != "" {
			fmt.Fprintf(w, "channel\tnone, its hashers work for the others: %s\n", c.Error)
		} else if c.ID != 0 {
			fmt.Fprintf(w, "channel\t%d, difficulty %.4g, %s\n", c.ID, c.Difficulty, hashing.FormatRate(c.HashRate))
		}
	}
	fmt.Fprintf(w, "shares\t%d accepted, %d not answered yet%s%s\n", p.Accepted, p.Pending, reasons("rejected", p.Rejected), reasons("lost", p.Lost))
	fmt.Fprintf(w, "blocks\t%d\n", p.Blocks)
	for _, q := range p.Pools {
		if q.Fault != "" {
			fmt.Fprintf(w, "fault\t%s: %s (%s)\n\t%s\n", q.URL.Address(), q.Fault, q.Error, q.Advice)
		}
	}
	return nil
}

func summarizeBoard(w io.Writer, b *device.BoardStatus) {
	fmt.Fprintf(w, "board\t%s: %s for %v, %s\n", b.Name, b.Power, time.Duration(b.SinceSeconds)*time.Second, cli.Count(b.Trips, "trip"))
	for _, word := range b.Words() {
		fmt.Fprintf(w, "\t%s\n", word)
	}
	if b.Reason != nil && b.Reason.Advice != "" {
		fmt.Fprintf(w, "\t%s\n", b.Reason.Advice)
	}
}

func summarizePool(w io.Writer, b []byte) error {
	var st pool.Status
	if err := json.Unmarshal(b, &st); err != nil {
		return err
	}
	fmt.Fprintf(w, "pool\tup for %v\n", time.Since(st.Started).Round(time.Second))
	fmt.Fprintf(w, "devices\t%d connections, %d channels\n", st.Connections, st.Channels)
	fmt.Fprintf(w, "hash rate\t%s\n", hashing.FormatRate(st.HashRate))
	fmt.Fprintf(w, "shares\t%d accepted, difficulty %.4g%s\n", st.Accepted, st.Difficulty, reasons("rejected", st.Rejected))
	fmt.Fprintf(w, "blocks\t%d taken by the chain, %d refused\n", st.Blocks, st.Refused)
	fmt.Fprintf(w, "job\theight %d, network difficulty %.4g, %d transactions\n", st.Template.Height, st.Template.Difficulty, st.Template.Transactions)
	if !st.Chain.Healthy {
		fmt.Fprintf(w, "chain\tin trouble: %s\n", st.Chain.LastError)
	}
	if st.LedgerError != "" {
		fmt.Fprintf(w, "ledger\tin trouble: %s\n", st.LedgerError)
	}
	return nil
}

// reasons lists counts by their reason, the most frequent first.
func reasons(what string, counts map[string]uint64) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return int(int64(counts[b]) - int64(counts[a]))
		}
		return slices.Compare([]byte(a), []byte(b))
	})
	text := ""
	for _, k := range keys {
		text += fmt.Sprintf(", %d %s: %s", counts[k], what, k)
	}
	return text
}
