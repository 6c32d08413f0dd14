package main

import (
	"io"
	"log/slog"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/catalog"
	"github.com/lodefw/lode/board/laptop"
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

// machine finds what -board names.
func (c *config) machine(log *slog.Logger) (*machine, error) {
	if c.Board == "" || c.Board == "auto" || c.Board == "laptop" {
		return c.laptop()
	}
	b, ports, err := catalog.Open(c.Board, board.OpenConfig{Settings: c.Settings, Log: log})
	if err != nil {
		return nil, cli.Fail(cli.Config, err)
	}
	return guarded(b, ports), nil
}

func guarded(b *board.Board, ports io.Closer) *machine {
	return &machine{name: b.Name, board: b, rate: b.HashRate(), ports: ports}
}

func (c *config) laptop() (*machine, error) {
	b, err := laptop.New(laptop.Config{Threads: c.Threads, Duty: c.Duty, NormalPriority: !c.Nice, Kernel: c.Kernel})
	if err != nil {
		return nil, cli.Fail(cli.Config, err)
	}
	return &machine{name: b.String(), hashers: b.Hashers(), rate: b.HashRate()}, nil
}
