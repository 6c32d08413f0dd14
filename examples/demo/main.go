// Command demo runs the main job on one machine: lode-pool on its embedded chain,
// and lode-miner on the CPU or a virtual board, as two processes over TCP and Noise.
// make demo builds all three and starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/internal/cli"
)

var help = cli.Help{
	Name:     "demo",
	Synopsis: "[flags]",
	About: `Starts lode-pool and lode-miner, which must lie beside this program, and shows
what they do until you press Ctrl-C. The chain is a private one in the pool's
process; it adapts its difficulty so that a block comes about every 15 seconds, the
first eight every 5.`,
	Examples: []cli.Example{
		{Line: "demo -blocks 3", What: "ends by itself after three blocks"},
		{Line: "demo -board bitaxe-gamma", What: "mines with a virtual board: its chips, fan and heat are shown too"},
	},
}

type options struct {
	blocks, threads int
	data, board     string
}

func main() { os.Exit(cli.Main("demo", run)) }

func run(ctx context.Context, s cli.IO, args []string) error {
	var o options
	rest, err := cli.ParseFlags(s, help, args, func(fs *flag.FlagSet) {
		fs.IntVar(&o.blocks, "blocks", 0, "end after this many blocks; 0 runs until stopped")
		fs.IntVar(&o.threads, "threads", 1, "threads that the miner uses")
		fs.StringVar(&o.board, "board", "", "mine with a virtual board of this `name`, such as bitaxe-gamma; list shows all; empty is the CPU")
		fs.StringVar(&o.data, "data", "", "keep the chain in this folder; empty is a temporary one")
	})
	if err != nil {
		return err
	}
	switch {
	case len(rest) > 0:
		return cli.Failf(cli.Usage, "unexpected argument %q; demo -h shows what there is", rest[0])
	case o.blocks < 0:
		return cli.Failf(cli.Usage, "-blocks %d: want how many blocks to wait for, or 0", o.blocks)
	case o.board == "list":
		_, err := fmt.Fprintln(s.Out, strings.Join(virtual.Names(), "\n"))
		return err
	}
	rate, err := o.hashRate()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "lode-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	return demo(ctx, s, o, rate, filepath.Dir(self), tmp)
}

// demo starts the pool, waits for its URL, starts the miner, and ends both when one
// of them ends, enough blocks are found, or ctx ends.
func demo(ctx context.Context, s cli.IO, o options, rate, bin, tmp string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	screen := cli.NewTerminal(s.Out, s)
	defer screen.Progress("")
	d := &dashboard{screen: screen, pool: "unix:" + filepath.Join(tmp, "pool.sock"), miner: "unix:" + filepath.Join(tmp, "miner.sock")}

	data := o.data
	if data == "" {
		data = filepath.Join(tmp, "data")
	}
	url := &urlFinder{w: prefix(screen, "pool  "), found: make(chan string, 1)}
	pool := start(url, filepath.Join(bin, "lode-pool"), "-listen", "127.0.0.1:0", "-chain", "embedded",
		"-data", data, "-hash-rate", rate, "-shares-per-minute", "180", "-status", d.pool)
	var where string
	select {
	case where = <-url.found:
	case <-pool.done:
		return fmt.Errorf("the pool ended before it listened: %w", pool.err)
	case <-ctx.Done():
		pool.stop()
		return nil
	case <-time.After(30 * time.Second):
		pool.stop()
		return errors.New("the pool did not say where it listens within 30 s")
	}
	args := []string{"-pool", where, "-user", "demo.laptop", "-threads", strconv.Itoa(o.threads), "-status", d.miner}
	if o.board != "" {
		args = append(args, "-board", "virtual:"+o.board)
	}
	miner := start(prefix(screen, "miner "), filepath.Join(bin, "lode-miner"), args...)
	reached := make(chan bool, 1)
	go func() { reached <- d.run(ctx, o.blocks) }()
	select {
	case <-pool.done:
	case <-miner.done:
	case <-reached:
	case <-ctx.Done():
	}
	miner.stop()
	pool.stop()
	return errors.Join(pool.err, miner.err)
}

// prefix writes each line to w with a word in front.
func prefix(w io.Writer, word string) io.Writer { return &prefixer{w: w, word: word} }
