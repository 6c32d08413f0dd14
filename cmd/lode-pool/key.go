package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2/noise"
)

// published is the secret key that stands in the example files of other pools: with
// it anyone can pose as this one.
const published = "mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n"

// authority is the pool's secret key: from the configuration, from its file, or one
// that is made now.
func (c *config) authority(log *slog.Logger) (noise.SecretKey, error) {
	text, path := c.AuthorityKey, c.AuthorityKeyFile
	if text != "" && path != "" {
		return noise.SecretKey{}, cli.Failf(cli.Config, "authority-key and authority-key-file exclude each other; keep one")
	}
	made := path == "" && c.Data != ""
	if made {
		path = filepath.Join(c.Data, "authority.key")
	}
	if text == "" && path != "" {
		b, err := os.ReadFile(path)
		switch {
		case err == nil:
			text = string(b)
		case made && errors.Is(err, fs.ErrNotExist):
			return makeKey(path, log)
		default:
			return noise.SecretKey{}, cli.Failf(cli.Config, "authority key: %w; lode-pool keygen -o %s makes one", err, path)
		}
	}
	if text == "" {
		return noise.NewSecretKey(rand.Reader)
	}
	return parseKey(text)
}

func parseKey(text string) (noise.SecretKey, error) {
	text = strings.TrimSpace(text)
	if text == published {
		return noise.SecretKey{}, cli.Failf(cli.Config, "authority key: this one is published in examples, anyone has it; make your own with lode-pool keygen")
	}
	k, err := noise.ParseSecretKey(text)
	return k, cli.Fail(cli.Config, err)
}

func makeKey(path string, log *slog.Logger) (noise.SecretKey, error) {
	k, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		return k, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return k, cli.Failf(cli.Config, "data folder: %w", err)
	}
	log.Info("new authority key", "file", path, "public", k.Public().String())
	return k, writeKey(path, k)
}

// writeKey writes a new file that its owner alone can read.
func writeKey(path string, k noise.SecretKey) error {
	return cli.WriteNew(path, []byte(k.Encode()+"\n"), 0o600)
}

var keygenHelp = cli.Help{
	Name:     "lode-pool keygen",
	Synopsis: "[-o FILE]",
	About: `Makes an authority key pair. The public key goes to the end of the URLs that devices
use; the secret key is the pool's (-authority-key-file), and nobody else's.`,
	Examples: []cli.Example{
		{Line: "lode-pool keygen", What: "print both keys"},
		{Line: "lode-pool keygen -o authority.key", What: "write the secret key to a file, print the public one"},
	},
}

// keygen never replaces a key: devices would not recognise the pool any more.
func keygen(s cli.IO, args []string) error {
	var out string
	rest, err := cli.ParseFlags(s, keygenHelp, args, func(fs *flag.FlagSet) {
		fs.StringVar(&out, "o", "", "write the secret key to this new `file`, readable by its owner only")
	})
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return cli.Failf(cli.Usage, "unexpected argument %q; lode-pool keygen -h shows what there is", rest[0])
	}
	k, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		return err
	}
	if out != "" { // before it is shown: a public key without its secret one is of no use
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
