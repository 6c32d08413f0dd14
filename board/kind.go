package board

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"periph.io/x/conn/v3/physic"
)

// Kind is a kind of board that can be opened by its name. Each folder here exports
// its kinds as Boards; package catalog has them all.
type Kind struct {
	Name  string
	About string // for people, in a line
	// Where is what to say behind the name and a colon, as in "CONTROL,DATA"; empty
	// if the board is this computer's own.
	Where string
	// Settings are what cannot be found out, and nobody may guess.
	Settings []Setting
	// Open finds the board's parts and returns it without power. The closer is for
	// its ports and pins, when the board is off; it may be nil.
	Open func(OpenConfig) (*Board, io.Closer, error)
	// Detect looks whether there is such a board, without touching anything that
	// could hurt another one. Nil: it has to be named.
	Detect func() Finding
}

// Setting is what a board asks its user for.
type Setting struct {
	Name, About string
	Values      []string // that it may have; nil: any
}

// OpenConfig is what a Kind is opened with.
type OpenConfig struct {
	Where    string
	Settings map[string]string
	// Clock to mine at, and the chips' voltage; 0 is the board's usual one. Open
	// refuses what the board's limits do not allow.
	Clock   physic.Frequency
	Voltage physic.ElectricPotential
	Log     *slog.Logger
}

// Finding is what Detect has seen.
type Finding struct {
	Found bool
	// Where is what to open it with, where it needs that.
	Where string
	// Saw, Want and Check tell a person what was found, what such a board should
	// have, and what to look at.
	Saw, Want, Check string
}

// String is the finding in a line.
func (f Finding) String() string {
	switch {
	case f.Found && f.Where != "":
		return f.Saw + " at " + f.Where
	case f.Found:
		return f.Saw
	case f.Check == "":
		return fmt.Sprintf("found %s, want %s", f.Saw, f.Want)
	}
	return fmt.Sprintf("found %s, want %s; %s", f.Saw, f.Want, f.Check)
}

// CheckSettings refuses settings that the kind does not have, and values that one
// may not have.
func (k *Kind) CheckSettings(given map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(k.Settings, func(s Setting) bool { return s.Name == name })
		if i < 0 {
			return fmt.Errorf("board: %s has no setting %q; it has %s", k.Name, name, settingNames(k.Settings))
		}
		if s := k.Settings[i]; s.Values != nil && !slices.Contains(s.Values, given[name]) {
			return fmt.Errorf("board: %s: setting %s is %q, want one of %s", k.Name, name, given[name], strings.Join(s.Values, ", "))
		}
	}
	return nil
}

func settingNames(list []Setting) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
