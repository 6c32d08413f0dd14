package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/lodefw/lode/internal/cli"
)

// describe writes the chains as a board file, with which lode-miner opens them, and
// prints how.
func describe(s cli.IO, o *options, all []*chain) error {
	if o.unix != "" {
		return cli.Failf(cli.Usage, "-describe is for devices; lode-miner cannot open the sockets of -unix")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Chains of lode-sim.\nname = \"lode-sim\"\nunguarded = \"virtual chips, whose power and air are lode-sim's\"\n")
	for _, c := range all {
		fmt.Fprintf(&b, "\n[[chain]]\nuart = %q\nmodel = %q\nchips = %d\ndomains = %d\nclock = %g\nwired-zeros = %d\n",
			c.place, o.chip.Model, o.chip.Chips, o.chip.Domains, c.sim.Nominal(), c.sim.Zeros())
	}
	if err := os.WriteFile(o.describe, []byte(b.String()), 0o644); err != nil {
		return cli.Fail(cli.Config, err)
	}
	_, err := fmt.Fprintf(s.Out, "lode-miner -board file:%s\n", o.describe)
	return err
}
