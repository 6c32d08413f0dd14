// Package catalog knows every board by its name.
//
// A program for flash is built with -tags novirtual: nobody who flashes a device wants
// virtual boards on it, and with the chips below them they are a fourteenth of it.
package catalog

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/amlogic"
	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/board/described"
	"github.com/lodefw/lode/board/emberone"
	"github.com/lodefw/lode/board/rpi"
	"github.com/lodefw/lode/board/s19bbb"
	"github.com/lodefw/lode/board/s9"
)

// Kinds lists all boards: those on wires, then the virtual ones.
func Kinds() []board.Kind {
	return slices.Concat(bitaxe.Boards(), emberone.Boards(), amlogic.Boards(), s19bbb.Boards(), s9.Boards(), rpi.Boards(), described.Boards(), virtuals())
}

// Open opens a board by "NAME" or "NAME:WHERE".
func Open(name string, c board.OpenConfig) (*board.Board, io.Closer, error) {
	name, c.Where, _ = strings.Cut(name, ":")
	k, err := Find(name)
	if err == nil {
		err = k.CheckSettings(c.Settings)
	}
	if err == nil && k.Where != "" && c.Where == "" {
		c.Where, err = where(k)
	}
	if err != nil {
		return nil, nil, err
	}
	return k.Open(c)
}

// where looks for a board that was named, but not where it is. What Detect has seen
// need not be surely it: the user says that it is.
func where(k board.Kind) (string, error) {
	var f board.Finding
	if k.Detect != nil {
		f = k.Detect()
	}
	switch {
	case f.Where != "":
		return f.Where, nil
	case k.Detect == nil:
		return "", fmt.Errorf("catalog: %s is a %s: say where, as %s:%s", k.Name, k.About, k.Name, k.Where)
	}
	return "", fmt.Errorf("catalog: %s: %v; or say where, as %s:%s", k.Name, f, k.Name, k.Where)
}

// Find returns the kind with a name.
func Find(name string) (board.Kind, error) {
	var names []string
	for _, k := range Kinds() {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return board.Kind{}, fmt.Errorf("catalog: no board called %q; there are laptop, %s", name, strings.Join(names, ", "))
}

// Detected is a board that Detect has looked for.
type Detected struct {
	board.Kind
	board.Finding
}

// Detect looks for every board that can be looked for, in the order of Kinds.
func Detect() (list []Detected) {
	for _, k := range Kinds() {
		if k.Detect != nil {
			list = append(list, Detected{k, k.Detect()})
		}
	}
	return list
}

// Address is what -board wants for it: "NAME" or "NAME:WHERE".
func (d *Detected) Address() string {
	if d.Finding.Where == "" {
		return d.Name
	}
	return d.Name + ":" + d.Finding.Where
}
