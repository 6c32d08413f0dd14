package main

import (
	"errors"
	"io"
	"log/slog"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/catalog"
	"github.com/lodefw/lode/board/described"
	"github.com/lodefw/lode/board/laptop"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/cli"
)

// A machine is what mines: hashers that need no guard, or a board.
type machine struct {
	name    string
	hashers []hashing.Hasher
	board   *board.Board
	rate    float64
	ports   io.Closer // of the board, to be closed when it is off; or nil
}

// String is its name.
func (m *machine) String() string { return m.name }

func (m *machine) close() {
	if m.ports != nil {
		m.ports.Close()
	}
}

// stay keeps the program in memory if it guards a board. Without the right to it
// all goes on as well, but where memory is short.
func (m *machine) stay(log *slog.Logger) {
	if m.board == nil {
		return
	}
	if err := stay(); err != nil {
		log.Debug("the program may be thrown out of memory", "err", err, "check", "allow it to lock 16 MB (ulimit -l, LimitMEMLOCK)")
	}
}

// machine finds what -board names.
func (c *config) machine(log *slog.Logger) (*machine, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	path, isFile := strings.CutPrefix(c.Board, "file:")
	switch {
	case c.Board == "laptop":
		return c.laptop()
	case c.Board == "" || c.Board == "auto":
		return c.auto(catalog.Detect(), log)
	case isFile:
		if loose, err := described.IsLoose(path); err != nil {
			return nil, cli.Fail(cli.Config, err)
		} else if loose {
			return looseMachine(path, log)
		}
	}
	return c.open(c.Board, log)
}

// open opens a guarded board.
func (c *config) open(name string, log *slog.Logger) (*machine, error) {
	b, ports, err := catalog.Open(name, board.OpenConfig{Settings: c.Settings, Log: log})
	if err != nil {
		return nil, cli.Fail(cli.Config, err)
	}
	return guarded(b, ports), nil
}

// auto takes the only board that was found, or else the processor.
func (c *config) auto(looked []catalog.Detected, log *slog.Logger) (*machine, error) {
	var found []catalog.Detected
	for _, d := range looked {
		if d.Found {
			log.Info("board found", "board", d.Name, "found", d.Saw, "where", d.Finding.Where)
			found = append(found, d)
			continue
		}
		log.Debug("board not found", "board", d.Name, "found", d.Saw, "want", d.Want, "check", d.Check)
	}
	switch len(found) {
	case 0:
		log.Info("no mining board found: mining with the processor; lode-miner boards tells what was looked for")
		return c.laptop()
	case 1:
		return c.open(found[0].Address(), log)
	}
	list := ""
	for _, d := range found {
		list += "\n  -board " + d.Address() + "  " + d.Saw
	}
	return nil, cli.Fail(cli.Config, errors.New("more than one board may be here; say which:"+list))
}

func guarded(b *board.Board, ports io.Closer) *machine {
	return &machine{name: b.Name, board: b, rate: b.HashRate(), ports: ports}
}

// looseMachine is what a file says is nobody's to guard.
func looseMachine(path string, log *slog.Logger) (*machine, error) {
	hashers, rate, ports, err := described.Loose(&linux.System{}, path, described.Options{Log: log})
	if err != nil {
		return nil, cli.Fail(cli.Config, err)
	}
	log.Warn("nothing guards these chips: their power and heat are not watched", "file", path)
	return &machine{name: "file:" + path, hashers: hashers, rate: rate, ports: ports}, nil
}

func (c *config) laptop() (*machine, error) {
	b, err := laptop.New(laptop.Config{Threads: c.Threads, Duty: c.Duty, NormalPriority: !c.Nice, Kernel: c.Kernel})
	if err != nil {
		return nil, cli.Fail(cli.Config, err)
	}
	return &machine{name: b.String(), hashers: b.Hashers(), rate: b.HashRate()}, nil
}
