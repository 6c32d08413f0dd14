// Lode-pool is a Stratum V2 pool for the devices of one owner, or of many. Run it
// with -h.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/sv2/sv2net"
)

var help = cli.Help{
	Name:     "lode-pool",
	Synopsis: "[flags] | keygen [-o FILE]",
	About: `Serves Stratum V2 to mining devices: takes templates from a Bitcoin node, or from
an embedded private chain to try things on, gives out jobs, checks shares, and hands
in blocks. It prints the URL that devices connect to; the key at its end is how they
recognise this pool. Unless told otherwise it listens on this machine only.

With -data the chain, the ledger of shares and blocks, and the key are kept in a
folder; without, they are gone at the end, and the key is a new one at each start.

"lode-pool keygen" makes a key pair: the secret one for the pool, the public one for
the devices' URLs.`,
	Examples: []cli.Example{
		{Line: "lode-pool", What: "a pool on the embedded chain, for devices on this machine"},
		{Line: "lode-pool -listen :34254 -data /var/lib/lode-pool", What: "the same for the local network, kept across restarts"},
		{Line: "lode-pool -chain rpc -rpc http://127.0.0.1:8332 -rpc-cookie ~/.bitcoin/.cookie -payout bc1q... -data DIR",
			What: "mine with your own node, paid to your address"},
		{Line: "lode-pool -config /etc/lode/pool.toml", What: "everything from a file; lode-pool -example prints one"},
		{Line: "lode-pool keygen -o authority.key", What: "make a key; -authority-key-file authority.key uses it"},
	},
	Prefix: "LODE_POOL",
}

func main() { os.Exit(cli.Main("lode-pool", run)) }

func run(ctx context.Context, s cli.IO, args []string) error {
	if len(args) > 0 && args[0] == "keygen" {
		return keygen(s, args[1:])
	}
	cfg := defaults()
	rest, err := cli.Parse(s, help, args, &cfg, defineFlags)
	switch {
	case err != nil:
		return err
	case cfg.version:
		_, err := fmt.Fprintln(s.Out, "lode-pool", cli.ReadBuild())
		return err
	case cfg.example:
		_, err := fmt.Fprint(s.Out, exampleFile)
		return err
	case len(rest) > 0:
		return cli.Failf(cli.Usage, "unexpected argument %q; lode-pool -h shows what there is", rest[0])
	}
	return serve(ctx, s, &cfg)
}

// serve builds the pool and runs it until ctx ends or something fails.
func serve(ctx context.Context, s cli.IO, cfg *config) (err error) {
	screen := cli.NewTerminal(s.Err, s)
	defer screen.Progress("")
	log := cli.NewLogger(screen, cfg.Verbose)
	stack, err := build(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.close()) }()
	if _, err := fmt.Fprintln(s.Out, stack.url); err != nil {
		return err
	}
	return cli.Together(ctx, stack.parts(cfg, screen, log))
}

// parts are what runs at the same time.
func (st *stack) parts(cfg *config, screen *cli.Terminal, log *slog.Logger) []func(context.Context) error {
	parts := []func(context.Context) error{
		func(ctx context.Context) error { return st.pool.Serve(ctx, st.listener) },
		reporter{st.pool, screen, log}.run,
	}
	if st.status != nil {
		parts = append(parts, func(ctx context.Context) error {
			return cli.ServeStatus(ctx, st.status, func() any { return st.pool.Status() }, log)
		})
	}
	return parts
}

// bind opens the mining port.
func bind(ctx context.Context, cfg *config, p pool.Config, lc sv2net.ListenConfig) (*sv2net.Listener, error) {
	lc.Config, lc.Plain = p.Conn(), cfg.Plain
	l, err := sv2net.Listen(ctx, cfg.Listen, lc)
	if err != nil {
		return nil, cli.Failf(cli.Bind, "%w; choose another -listen address, or end what uses it", err)
	}
	return l, nil
}
