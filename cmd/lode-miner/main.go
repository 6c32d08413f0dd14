// Lode-miner mines Stratum V2 with the board that it runs on: on a laptop, with the
// processor. Run it with -h.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lodefw/lode/device"
	"github.com/lodefw/lode/firmware/pid1"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2client"
)

var help = cli.Help{
	Name:     "lode-miner",
	Synopsis: "-pool URL -user NAME [flags] | boards | selftest [-board NAME] [-json] | bench [-json]",
	About: `Mines Stratum V2: asks the pool for a standard channel, hashes its jobs and hands in
the shares. Name several pools in order of preference; the next one takes over when
one fails, and the first is taken again when it works. The key at the end of a
pool's URL is how the pool is recognised: copy it from the pool's own page.

"lode-miner boards" lists what can be mined with; "lode-miner selftest" tries every
part of a board without a pool; "lode-miner bench" measures every way to hash that
this machine has.`,
	Examples: []cli.Example{
		{Line: "lode-miner -pool stratum2+tcp://pool.example:34254/9bXiEd8boQVhq7WddEcERUL5tyyJVFYdU8th3HfbNXK3Yw6GRXh -user alice.laptop",
			What: "mine with every core"},
		{Line: "lode-miner -pool URL1 -pool URL2 -user alice -user bob -threads 2 -duty 50 -nice",
			What: "two pools with a user each; half of the time of two threads, everything else first"},
		{Line: "lode-miner -pool 192.168.1.5:34254 -plain -user test -status :7780",
			What: "without encryption in a local network; lodectl status :7780 shows how it goes"},
		{Line: "lode-miner -pool URL -user alice -board virtual:bitaxe-gamma",
			What: "with a board that exists in this process only; kill -USR1 pauses and resumes, kill -USR2 clears a board's fault"},
		{Line: "lode-miner -pool URL -user alice -board virtual:bitaxe-gamma -tune power=12W -profile gamma.json",
			What: "find the clock and voltage that make the most of 12 W, and start from there the next time"},
		{Line: "lode-miner selftest -board virtual:bitaxe-gamma", What: "sensors, fans, voltages, chips and hash rate; exit code 6 if any is bad"},
		{Line: "lode-miner bench -json", What: "speed of the kernels, for programs"},
	},
	Prefix: "LODE_MINER",
}

func main() {
	if pid1.Wanted() {
		pid1.Main()
	}
	os.Exit(cli.Main("lode-miner", run))
}

func run(ctx context.Context, s cli.IO, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "bench":
			return bench(ctx, s, args[1:])
		case "boards":
			return boards(s, args[1:])
		case "selftest":
			return selfTest(ctx, s, args[1:])
		}
	}
	var cfg config
	rest, err := cli.Parse(s, help, args, &cfg, defineFlags)
	switch {
	case err != nil:
		return err
	case cfg.version:
		_, err := fmt.Fprintln(s.Out, "lode-miner", cli.ReadBuild())
		return err
	case cfg.Board == "list":
		return boards(s, nil)
	case len(rest) > 0:
		return cli.Failf(cli.Usage, "unexpected argument %q; lode-miner -h shows what there is", rest[0])
	}
	return mine(ctx, s, &cfg)
}

// mine builds the device and runs it with its reporter, its status socket and its
// clock's keeper, until one of them fails or ctx ends.
func mine(ctx context.Context, s cli.IO, cfg *config) error {
	screen := cli.NewTerminal(s.Err, s)
	defer screen.Progress("")
	log := cli.NewLogger(screen, cfg.Verbose)
	keeper := newKeeper(cfg.ClockFile, log)
	client, err := cfg.client(log, keeper)
	if err != nil {
		return err
	}
	m, err := cfg.machine(log)
	if err != nil {
		return err
	}
	defer m.close()
	m.stay(log)
	client.Hardware = m.String()
	client.Dial = after(networkUp(s.Getenv), client.Dial)
	tune, err := cfg.tuning(m.board)
	if err != nil {
		return err
	}
	dev, err := device.New(device.Config{Hashers: m.hashers, Board: m.board, Tuning: tune, Client: client, Watchdog: cfg.watchdog(s.Getenv), Log: log})
	if err != nil {
		return cli.Fail(cli.Config, err)
	}
	log.Info("lode-miner starts", "board", m.String(), "hash_rate", hashing.FormatRate(m.rate))
	byHand := &controls{dev: dev, log: log}
	parts := []func(context.Context) error{dev.Run, keeper.run, reporter{dev, screen, log}.run, byHand.handle}
	if cfg.Status != "" {
		l, err := cli.ListenStatus(cfg.Status)
		if err != nil {
			return err
		}
		log.Info("status", "address", l.Addr().String())
		parts = append(parts, func(ctx context.Context) error {
			return cli.ServeStatus(ctx, l, func() any { return dev.Status() }, log)
		})
	}
	return exitCode(cli.Together(ctx, parts))
}

// exitCode gives the errors that a supervisor should know their codes.
func exitCode(err error) error {
	if errors.Is(err, sv2client.ErrWrongKeys) {
		return cli.Failf(cli.KeyMismatch, "%w; compare the key at the end of -pool with the pool's own page", err)
	}
	return err
}
