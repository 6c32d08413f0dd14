package main

import (
	"io"
	"log/slog"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/board/laptop"
	"github.com/lodefw/lode/board/virtual"
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
	switch name, where, _ := strings.Cut(c.Board, ":"); {
	case c.Board == "" || c.Board == "auto" || c.Board == "laptop":
		return c.laptop()
	case name == "virtual":
		b, err := virtual.New(virtual.Config{Board: where, Log: log})
		if err != nil {
			return nil, cli.Fail(cli.Config, err)
		}
		return guarded(b.Board, nil), nil
	default:
		return usb(name, where, log)
	}
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

// usb is a board on two serial ports.
func usb(name, where string, log *slog.Logger) (*machine, error) {
	kind, err := bitaxe.KindOf(name)
	control, data, both := strings.Cut(where, ",")
	switch {
	case err != nil:
		return nil, cli.Failf(cli.Config, "no board called %q; there are: laptop, auto, NAME:CONTROL,DATA and virtual:NAME, with NAME one of %s",
			name, strings.Join(virtual.Names(), ", "))
	case !both || control == "" || data == "":
		return nil, cli.Failf(cli.Config, "board %s hangs on two serial ports: say which, as in %s:/dev/ttyACM0,/dev/ttyACM1", name, name)
	}
	b, ports, err := bitaxe.OpenUSB(control, data, kind, bitaxe.Options{Log: log})
	if err != nil {
		return nil, cli.Fail(cli.Config, err)
	}
	return guarded(b, ports), nil
}
