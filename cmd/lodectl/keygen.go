package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2/noise"
)

var keygenHelp = cli.Help{
	Name:     "lodectl keygen",
	Synopsis: "[-o FILE | -from FILE]",
	About: `Makes an authority key pair. The public key goes to the end of the URLs that devices
use: stratum2+tcp://host:port/PUBLIC. The secret key is for the pool alone
(lode-pool -authority-key-file): who has it can pose as the pool.`,
	Examples: []cli.Example{
		{Line: "lodectl keygen -o authority.key", What: "write the secret key to a new file, print the public one"},
		{Line: "lodectl keygen -from authority.key", What: "print the public key of a file"},
		{Line: "lodectl keygen", What: "print both"},
	},
}

func keygen(_ context.Context, s cli.IO, args []string) error {
	var out, from string
	rest, err := cli.ParseFlags(s, keygenHelp, args, func(fs *flag.FlagSet) {
		fs.StringVar(&out, "o", "", "write the secret key to this new `file`, readable by its owner only")
		fs.StringVar(&from, "from", "", "make nothing; read the secret key from this `file`")
	})
	switch {
	case err != nil:
		return err
	case len(rest) > 0 || out != "" && from != "":
		return cli.Failf(cli.Usage, "keygen takes -o FILE or -from FILE and no arguments; lodectl keygen -h has examples")
	}
	if from != "" {
		return showPublic(s, from)
	}
	k, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		return err
	}
	if out != "" {
		if err := writeKey(out, k); err != nil {
			return err
		}
	}
	fmt.Fprintln(s.Out, "public", k.Public())
	if out == "" {
		fmt.Fprintln(s.Out, "secret", k.Encode())
	}
	return nil
}

func showPublic(s cli.IO, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return cli.Fail(cli.Config, err)
	}
	k, err := noise.ParseSecretKey(strings.TrimSpace(string(text)))
	if err != nil {
		return cli.Failf(cli.Config, "%s: %w", path, err)
	}
	_, err = fmt.Fprintln(s.Out, "public", k.Public())
	return err
}

// writeKey writes a new file, and leaves none behind that has half a key. An
// existing one is never replaced: devices would not recognise the pool any more.
func writeKey(path string, k noise.SecretKey) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return cli.Failf(cli.Config, "secret key not written: %w; keygen never replaces a file", err)
	}
	_, err = fmt.Fprintln(f, k.Encode())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
