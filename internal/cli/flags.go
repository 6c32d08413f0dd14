package cli

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"strings"
)

// A Help is what -h prints around the flags.
type Help struct {
	Name     string // the command's name
	Synopsis string // the arguments, after the name
	About    string // a few lines: what it does
	Examples []Example
	Prefix   string // of environment variables; "" if the command reads none
}

// An Example is a command line that works, and what it is good for.
type Example struct{ Line, What string }

// newFlags is a silent FlagSet: parse prints, to the right stream.
func (h Help) newFlags() *flag.FlagSet {
	fs := flag.NewFlagSet(h.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	return fs
}

// write prints the whole help.
func (h Help) write(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprintf(w, "usage: %s %s\n\n%s\n", h.Name, h.Synopsis, strings.TrimSpace(h.About))
	var flags bytes.Buffer
	fs.SetOutput(&flags)
	fs.PrintDefaults()
	fs.SetOutput(io.Discard)
	if flags.Len() > 0 {
		fmt.Fprintf(w, "\nflags:\n%s", flags.String())
	}
	if len(h.Examples) > 0 {
		fmt.Fprintln(w, "\nexamples:")
	}
	for _, e := range h.Examples {
		fmt.Fprintf(w, "  %s\n      %s\n", e.Line, e.What)
	}
	if h.Prefix != "" {
		fmt.Fprintf(w, "\nconfiguration: a flag wins over the environment (%s_KEY), which wins over\nthe TOML file of -config.\n", h.Prefix)
	}
	fmt.Fprintf(w, "\nexit codes:\n%s", exitCodes)
}

// parse parses args; -h prints the help on s.Out, a wrong flag a hint in the error.
func (h Help) parse(s IO, fs *flag.FlagSet, args []string) error {
	err := fs.Parse(args)
	if err == flag.ErrHelp {
		h.write(s.Out, fs)
		return err
	}
	if err != nil {
		return Failf(Usage, "%w; %s -h shows every flag", err, h.Name)
	}
	return nil
}

// ParseFlags is for a command without a configuration: it parses args with the
// flags that define adds and returns the arguments that follow them.
func ParseFlags(s IO, h Help, args []string, define func(*flag.FlagSet)) ([]string, error) {
	fs := h.newFlags()
	define(fs)
	if err := h.parse(s, fs, args); err != nil {
		return nil, err
	}
	return fs.Args(), nil
}

// VersionFlag adds -version to fs; the command looks at the result after parsing.
func VersionFlag(fs *flag.FlagSet) *bool {
	return fs.Bool("version", false, "print the version and exit")
}

// A List is a flag that may be given several times. The first use replaces what
// the file or the environment had set.
type List struct {
	Values *Strings
	given  bool
}

// String shows the values joined by commas.
func (l *List) String() string {
	if l.Values == nil {
		return ""
	}
	return strings.Join([]string(*l.Values), ",")
}

// Set adds a value.
func (l *List) Set(v string) error {
	if !l.given {
		*l.Values, l.given = nil, true
	}
	*l.Values = append(*l.Values, v)
	return nil
}
