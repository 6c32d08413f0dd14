package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/tinytest/chipsim"
)

// console takes commands from standard input until it ends. Its goroutine is the
// process's: nothing can end a read of a terminal.
func console(s cli.IO, do func(line string) error) {
	if s.In == nil {
		return
	}
	go func() {
		lines := bufio.NewScanner(s.In)
		for lines.Scan() {
			if err := do(lines.Text()); err != nil {
				fmt.Fprintln(s.Err, "lode-sim:", err)
			}
		}
	}()
}

// commander does the lines of a console: for chains, and the board that they are on
// if it is served whole.
func commander(s cli.IO, all []*chain, w *whole) func(line string) error {
	return func(line string) error {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if w != nil {
			if known, err := w.command(s, word, strings.TrimSpace(rest)); known {
				return err
			}
		}
		return command(s, all, word, rest)
	}
}

// command does one line.
func command(s cli.IO, all []*chain, word, rest string) error {
	switch word {
	case "":
		return nil
	case "status":
		return status(s, all)
	case "reports":
		for _, c := range all {
			for _, r := range c.sim.Reports() {
				fmt.Fprintf(s.Out, "chain %d: %v\n", c.number, r)
			}
		}
		return nil
	case "fault":
		return inject(all, rest)
	case "volts", "fan":
		v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
		if err != nil {
			return fmt.Errorf("%s wants a number: %w", word, err)
		}
		for _, c := range all {
			if word == "fan" {
				c.sim.SetFan(v)
			} else {
				c.sim.SetVoltage(v)
			}
		}
		return nil
	case "reset", "heal":
		for _, c := range all {
			if word == "reset" {
				c.sim.PowerCycle()
			} else {
				c.sim.Heal()
			}
		}
		return nil
	}
	return fmt.Errorf("no command %q; there are reset, fault, heal, volts, fan, status, reports", word)
}

func inject(all []*chain, text string) error {
	faults, err := chipsim.ParseFaults(text)
	if err != nil {
		return err
	}
	if len(faults) == 0 {
		return fmt.Errorf("fault wants a kind: %s", kinds())
	}
	for _, c := range all {
		for _, f := range faults {
			if err := c.sim.Inject(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func status(s cli.IO, all []*chain) error {
	w := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "chain\tchip\taddress\tup\tMHz\tGH/s\t°C\tW\tjobs\tfound\twrong")
	for _, c := range all {
		for i, p := range c.sim.Status().Chips {
			fmt.Fprintf(w, "%d\t%d\t%02x\t%v\t%.2f\t%.1f\t%.1f\t%.1f\t%d\t%d\t%d\n", c.number, i, p.Address, p.Up,
				p.MHz, p.HashRate/1e9, p.Celsius, p.Watts, p.Jobs, p.Found, p.Errors)
		}
	}
	return w.Flush()
}
