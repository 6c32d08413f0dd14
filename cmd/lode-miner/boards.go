package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/catalog"
	"github.com/lodefw/lode/internal/cli"
)

// boards prints what can stand behind -board, what each needs, and whether it is here.
func boards(s cli.IO, args []string) error {
	if len(args) > 0 {
		return cli.Failf(cli.Usage, "unexpected argument %q; lode-miner boards has none", args[0])
	}
	fmt.Fprintln(s.Out, "laptop\n    the processor of this computer")
	for _, k := range catalog.Kinds() {
		if err := tellBoard(s.Out, &k); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(s.Out, "\nName one with -board NAME or -board NAME:WHERE; -set NAME=VALUE gives a setting.")
	return err
}

func tellBoard(w io.Writer, k *board.Kind) error {
	var b strings.Builder
	b.WriteString(k.Name)
	if k.Where != "" {
		b.WriteString(":" + k.Where)
	}
	fmt.Fprintf(&b, "\n    %s\n", k.About)
	for _, s := range k.Settings {
		values := "..."
		if s.Values != nil {
			values = strings.Join(s.Values, "|")
		}
		fmt.Fprintf(&b, "    -set %s=%s  %s\n", s.Name, values, s.About)
	}
	if k.Detect != nil {
		f := k.Detect()
		word := "not here: "
		if f.Found {
			word = "here: "
		}
		fmt.Fprintf(&b, "    %s%v\n", word, f)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
