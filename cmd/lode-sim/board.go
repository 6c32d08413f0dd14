package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/tinytest/chipsim"
)

// A whole board is one behind a USB bridge: the chips' line, and a control port
// through which a host reaches everything else.
type whole struct {
	*virtual.Board
	name    string
	control place
	data    *chain
}

// wholes lists the boards that are served whole.
func wholes() (names []string) {
	for _, name := range virtual.Names() {
		if strings.HasPrefix(name, "bitaxe") || strings.HasPrefix(name, "emberone") {
			names = append(names, name)
		}
	}
	return names
}

// openWhole makes a board and prints how to mine with it.
func openWhole(s cli.IO, o *options) (*whole, error) {
	cfg := o.chip
	v, err := virtual.New(virtual.Config{
		Board: o.board, HashBudget: cfg.HashBudget, Seed: o.seed, Ambient: cfg.Ambient,
		Chip: func(c *chipsim.Config) {
			c.Zeros, c.AutoBaud, c.Faults = cfg.Zeros, cfg.AutoBaud, cfg.Faults
		},
	})
	if err != nil {
		return nil, cli.Fail(cli.Usage, err)
	}
	w := &whole{Board: v, name: o.board, data: &chain{number: 1, sim: v.Chips[0], hungUp: func() {}}}
	w.control, err = o.place("-control", true)
	if err == nil {
		w.data.place, err = o.place("-data", true)
	}
	if err == nil {
		err = w.data.record(o)
	}
	if err != nil {
		w.finish(s)
		return nil, err
	}
	_, err = fmt.Fprintf(s.Out, "control: %s\ndata: %s\n%s -set zeros=%d\n", w.control.shown(), w.data.place.shown(), w.open(o), v.Chips[0].Zeros())
	return w, err
}

// open is how lode-miner opens the board: sockets are no devices of its computer.
func (w *whole) open(o *options) string {
	if o.unix != "" {
		return "sockets are for emulators; lode-miner in one wants -board " + o.board + ":CONTROL,DATA"
	}
	return fmt.Sprintf("lode-miner -board %s:%v,%v", o.board, w.control, w.data.place)
}

// run serves both ports until ctx ends or one fails.
func (w *whole) run(ctx context.Context, s cli.IO) error {
	return cli.Together(ctx, []func(context.Context) error{
		w.data.serve,
		func(ctx context.Context) error {
			err := w.control.line.stream(ctx, func(rw io.ReadWriter) error { return w.USB.Serve(rw) })
			if ctx.Err() != nil {
				return nil
			}
			return err
		},
		func(ctx context.Context) error { return w.data.watch(ctx, s.Err) },
	})
}

func (w *whole) finish(s cli.IO) {
	w.control.close()
	w.data.finish(s)
}

// command does what a console asks of a whole board.
func (w *whole) command(s cli.IO, word, rest string) (known bool, err error) {
	switch word {
	case "break", "mend":
		i := slices.IndexFunc(w.Faults, func(f virtual.Fault) bool { return string(f.Break) == rest })
		switch {
		case i < 0:
			return true, fmt.Errorf("%s has no fault %q; it has: %s", w.name, rest, strings.Join(w.faults(), ", "))
		case word == "break":
			w.Faults[i].Hurt()
		default:
			w.Faults[i].Heal()
		}
		return true, nil
	case "faults":
		for _, name := range w.faults() {
			fmt.Fprintln(s.Out, name)
		}
		return true, nil
	case "state":
		t := w.State()
		tw := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(tw, "mV\t°C\tMHz\trpm")
		fmt.Fprintf(tw, "%.0f\t%.1f\t%.1f\t%.0f\n", t.Millivolts(), t.Celsius(), t.MHz(), t.RPM)
		return true, tw.Flush()
	case "volts", "fan", "reset":
		return true, fmt.Errorf("%s: %s is the firmware's to do, over the control port", word, w.name)
	}
	return false, nil
}

func (w *whole) faults() (names []string) {
	for _, f := range w.Faults {
		names = append(names, string(f.Break))
	}
	return names
}
