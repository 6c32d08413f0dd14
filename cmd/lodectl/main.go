// Lodectl is the operator's tool: keys, frames, status. Run it with -h.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/lodefw/lode/internal/cli"
)

var help = cli.Help{
	Name:     "lodectl",
	Synopsis: "keygen | decode | encode | status | update [arguments]",
	About: `keygen   makes the key pair that a pool is recognised by
decode   shows Stratum V2 frames as JSON, one line for each
encode   makes frames from such lines
status   shows how a lode-miner or lode-pool does, that was started with -status
update   sends new firmware to a board

"lodectl COMMAND -h" explains each.`,
	Examples: []cli.Example{
		{Line: "lodectl keygen -o authority.key", What: "a new secret key; the public one is printed"},
		{Line: "lodectl decode 008018100000010000000b6d61696e74656e616e6365", What: "one frame or more, as hex"},
		{Line: "lodectl status :7780", What: "of the miner or pool on this machine that runs with -status :7780"},
	},
}

// commands by name.
func commands() map[string]cli.Run {
	return map[string]cli.Run{"keygen": keygen, "decode": decode, "encode": encode, "status": status, "update": sendUpdate}
}

func main() { os.Exit(cli.Main("lodectl", run)) }

func run(ctx context.Context, s cli.IO, args []string) error {
	if len(args) > 0 {
		if command, ok := commands()[args[0]]; ok {
			return command(ctx, s, args[1:])
		}
	}
	var version *bool
	rest, err := cli.ParseFlags(s, help, args, func(fs *flag.FlagSet) { version = cli.VersionFlag(fs) })
	switch {
	case err != nil:
		return err
	case *version:
		_, err := fmt.Fprintln(s.Out, "lodectl", cli.ReadBuild())
		return err
	case len(rest) > 0:
		return cli.Failf(cli.Usage, "no command %q; there are keygen, decode, encode, status and update", rest[0])
	}
	return cli.Failf(cli.Usage, "no command: say keygen, decode, encode, status or update; lodectl -h explains them")
}
