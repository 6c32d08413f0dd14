// Build makes what a person flashes onto a board: make firmware BOARD=NAME.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lodefw/lode/firmware/image"
	"github.com/lodefw/lode/firmware/pid1"
	"github.com/lodefw/lode/firmware/update"
	"github.com/lodefw/lode/internal/cli"
)

func main() { os.Exit(cli.Main("firmware", run)) }

// flags are what make hands on.
type flags struct {
	board, root, out, version, minimum, key, config, given, program string

	built                          int64
	release, refresh, offline, try bool
}

func (f *flags) define(fs *flag.FlagSet) {
	fs.StringVar(&f.board, "board", "", "build for this board: the `name` of a recipe; list explains them all")
	fs.StringVar(&f.root, "root", ".", "lode's source `folder`")
	fs.StringVar(&f.out, "o", "bin/firmware", "put results below this `folder`")
	fs.StringVar(&f.version, "version", "", "what git describe says; without a tag it becomes v0.0.0-TIME-gCOMMIT")
	fs.StringVar(&f.minimum, "minimum", "v0.0.0", "the oldest `version` that a device may go back to after this one")
	fs.StringVar(&f.key, "key", "", "sign with the secret key of this `file` (lodectl keygen -update); empty signs with the test key")
	fs.StringVar(&f.config, "config", "", "build this configuration `file` of lode-miner in")
	fs.StringVar(&f.given, "given", "", "the vendor's `files`: kernel=FILE dtb=FILE modules=FOLDER bootbin=FILE")
	fs.StringVar(&f.program, "program", "", "take this `file` for lode-miner instead of compiling it")
	fs.Int64Var(&f.built, "built", 0, "time of the last commit in `seconds` since 1970; 0 takes SOURCE_DATE_EPOCH")
	fs.BoolVar(&f.release, "release", false, "refuse the test key, here and on the device")
	fs.BoolVar(&f.refresh, "refresh", false, "ask Debian for newer packages")
	fs.BoolVar(&f.try, "try", false, "start the image in QEMU, with its console here; Ctrl-C ends it")
	fs.BoolVar(&f.offline, "offline", false, "download nothing")
}

func run(ctx context.Context, s cli.IO, args []string) error {
	var f flags
	fs := flag.NewFlagSet("firmware/build", flag.ContinueOnError)
	fs.SetOutput(s.Err)
	f.define(fs)
	switch err := fs.Parse(args); {
	case err != nil:
		return cli.Fail(cli.Usage, err)
	case fs.NArg() > 0:
		return cli.Failf(cli.Usage, "unexpected argument %q", fs.Arg(0))
	}
	recipes, err := image.Recipes(filepath.Join(f.root, "firmware", "boards"))
	if err != nil {
		return err
	}
	switch {
	case f.board == "list":
		return image.List(s.Out, recipes)
	case f.board == "":
		return cli.Failf(cli.Usage, "which board? make firmware BOARD=NAME; make firmware BOARD=list explains them")
	case recipes[f.board] == nil:
		return cli.Failf(cli.Usage, "no board called %q; make firmware BOARD=list explains those that there are, and firmware/boards is where to add one", f.board)
	}
	o, err := f.options(s)
	if err != nil {
		return err
	}
	o.Recipe = recipes[f.board]
	result, err := image.Build(ctx, o)
	if err != nil {
		return err
	}
	if err := report(s.Out, result, o); err != nil || !f.try {
		return err
	}
	return try(ctx, s, result.Dir, o)
}

// try starts the image, with nothing at its second serial port.
func try(ctx context.Context, s cli.IO, dir string, o image.Options) error {
	cmd, err := o.Cache.Qemu(ctx, o.Recipe, dir, "", "-chardev", "stdio,id=console,signal=on", "-chardev", "null,id=uart0")
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%s: %w", o.Recipe.Qemu.Command, err)
	}
	return nil
}

func (f *flags) options(s cli.IO) (o image.Options, err error) {
	log := func(format string, args ...any) { fmt.Fprintf(s.Err, "firmware: "+format+"\n", args...) }
	o = image.Options{Root: f.root, Out: f.out, Built: f.built, Release: f.release, Key: update.TestKey(), Log: log}
	if o.Cache, err = image.DefaultCache(); err != nil {
		return o, err
	}
	o.Cache.Refresh, o.Cache.Offline, o.Cache.Log = f.refresh, f.offline, log
	if epoch, ok := s.Getenv("SOURCE_DATE_EPOCH"); ok && o.Built == 0 {
		if o.Built, err = strconv.ParseInt(epoch, 10, 64); err != nil {
			return o, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
	}
	if o.Version, err = f.imageVersion(o.Built); err != nil {
		return o, err
	}
	if o.Minimum, err = update.ParseVersion(f.minimum); err != nil {
		return o, err
	}
	if err := f.files(&o); err != nil {
		return o, err
	}
	o.Given, err = parseGiven(f.given)
	return o, err
}

// files reads what the user names: a key, a program and a configuration.
func (f *flags) files(o *image.Options) error {
	var key []byte
	for _, file := range []struct {
		what, name string
		into       *[]byte
	}{{"key", f.key, &key}, {"program", f.program, &o.Program}, {"configuration", f.config, &o.Config}} {
		if file.name == "" {
			continue
		}
		var err error
		if *file.into, err = os.ReadFile(file.name); err != nil {
			return fmt.Errorf("%s: %w", file.what, err)
		}
	}
	if f.key != "" {
		var err error
		if o.Key, err = update.ParseSecretKey(key); err != nil {
			return err
		}
	}
	if err := pid1.CheckConfig(o.Config); err != nil {
		return cli.Failf(cli.Config, "configuration %s: %w", f.config, err)
	}
	return nil
}

// parseGiven reads NAME=FILE pairs.
func parseGiven(text string) (map[string]string, error) {
	given := make(map[string]string)
	for _, pair := range strings.Fields(text) {
		name, file, ok := strings.Cut(pair, "=")
		if !ok || file == "" {
			return nil, cli.Failf(cli.Usage, "given %q: want NAME=FILE", pair)
		}
		var err error
		if given[name], err = filepath.Abs(file); err != nil {
			return nil, err
		}
	}
	return given, nil
}

// imageVersion makes a version of whatever git describe says: before the first tag
// that is a commit, which has no order, so the commit's time comes in front.
func (f *flags) imageVersion(built int64) (update.Version, error) {
	if v, err := update.ParseVersion(f.version); err == nil || built <= 0 {
		return v, err
	}
	return update.ParseVersion(fmt.Sprintf("v0.0.0-%d-g%s", built, f.version))
}

func report(w io.Writer, r *image.Result, o image.Options) error {
	fmt.Fprintf(w, "%s %s in %s\n", o.Recipe.ID, o.Version, r.Dir)
	for _, f := range r.Files {
		limit := ""
		if f.Limit > 0 {
			limit = fmt.Sprintf("  of at most %d", f.Limit)
		}
		fmt.Fprintf(w, "  %-28s %10d bytes%s\n", f.Name, f.Size, limit)
	}
	if o.Key.Public().IsTest() {
		fmt.Fprintln(w, "Signed with the test key, which everybody has: for tests only. KEY=FILE signs with yours (lodectl keygen -update).")
	}
	_, err := fmt.Fprintln(w, "How to flash it, what can go wrong and how to get back: docs/flashing.md")
	return err
}
