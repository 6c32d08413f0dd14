package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// IO is a command's surroundings; tests make their own.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	Env      []string // NAME=value, as os.Environ gives them
}

// Getenv is the value of a variable, and whether it is set. Of several the last
// counts, as in a shell.
func (s IO) Getenv(name string) (value string, ok bool) {
	for _, kv := range s.Env {
		if k, v, found := strings.Cut(kv, "="); found && k == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// A Run is a command. It returns when its work is done or ctx ends.
type Run func(ctx context.Context, s IO, args []string) error

// Main runs a command on the process's own streams and gives the exit code. An
// interrupt, SIGTERM, a terminal that is closed or a reader of our output that went
// away ends ctx: all that a command looks after is left in order. A second signal ends
// the process at once, if the first is older than grace.
func Main(name string, run Run) int {
	ctx, stop := signals(context.Background(), grace, func() { os.Exit(int(Runtime)) })
	defer stop()
	ctx, lost := context.WithCancel(ctx)
	defer lost()
	s := IO{In: os.Stdin, Out: newStream(os.Stdout, lost), Err: newStream(os.Stderr, lost), Env: os.Environ()}
	return Report(name, s, run(ctx, s, os.Args[1:]))
}

// Report prints err, if it is worth printing, and gives the exit code.
func Report(name string, s IO, err error) int {
	code := CodeOf(err)
	if code != OK {
		lines := strings.Split(err.Error(), "\n") // of several errors
		for i := range lines {
			lines[i] = clean(lines[i])
		}
		fmt.Fprintf(s.Err, "%s: %s\n", name, strings.Join(lines, "\n  "))
	}
	return int(code)
}

// Together runs all parts; the first that ends takes the others along. It returns
// when all have ended, with the errors of all.
func Together(ctx context.Context, parts []func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	errs := make([]error, len(parts))
	var running sync.WaitGroup
	for i, run := range parts {
		running.Go(func() {
			defer stop()
			errs[i] = run(ctx)
		})
	}
	running.Wait()
	return errors.Join(errs...)
}
