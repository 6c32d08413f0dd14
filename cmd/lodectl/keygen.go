package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/lodefw/lode/firmware/update"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/sv2/noise"
)

var keygenHelp = cli.Help{
	Name:     "lodectl keygen",
	Synopsis: "[-o FILE | -from FILE | -update FILE]",
	About: `Makes an authority key pair. The public key goes to the end of the URLs that devices
use: stratum2+tcp://host:port/PUBLIC. The secret key is for the pool alone
(lode-pool -authority-key-file): who has it can pose as the pool.

With -update it makes the pair that signs firmware: FILE stays with you and signs images
(make firmware KEY=FILE), FILE.pub goes into them, and such boards take updates that
FILE has signed and no others. Whoever loses FILE has to write all cards anew.`,
	Examples: []cli.Example{
		{Line: "lodectl keygen -o authority.key", What: "write the secret key to a new file, print the public one"},
		{Line: "lodectl keygen -from authority.key", What: "print the public key of a file"},
		{Line: "lodectl keygen", What: "print both"},
		{Line: "lodectl keygen -update firmware.key", What: "make firmware.key and firmware.key.pub"},
	},
}

func keygen(_ context.Context, s cli.IO, args []string) error {
	var out, from, forUpdates string
	rest, err := cli.ParseFlags(s, keygenHelp, args, func(fs *flag.FlagSet) {
		fs.StringVar(&out, "o", "", "write the secret key to this new `file`, readable by its owner only")
		fs.StringVar(&from, "from", "", "make nothing; read the secret key from this `file`")
		fs.StringVar(&forUpdates, "update", "", "make the keys that sign firmware: this new `file`, and one with .pub")
	})
	switch {
	case err != nil:
		return err
	case len(rest) > 0 || out != "" && from != "" || forUpdates != "" && out+from != "":
		return cli.Failf(cli.Usage, "keygen takes one of -o FILE, -from FILE, -update FILE and no arguments; lodectl keygen -h has examples")
	case forUpdates != "":
		return updateKeys(s, forUpdates)
	}
	if from != "" {
		return showPublic(s, from)
	}
	k, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		return err
	}
	if out != "" {
		if err := cli.WriteNew(out, []byte(k.Encode()+"\n"), 0o600); err != nil {
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

// updateKeys makes the keys that sign firmware.
func updateKeys(s cli.IO, path string) error {
	k, err := update.NewSecretKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := cli.WriteNew(path, k.Encode(), 0o600); err != nil {
		return err
	}
	if err := cli.WriteNew(path+".pub", k.Public().Encode(), 0o644); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	_, err = fmt.Fprintf(s.Out, "%s signs images, keep it safe; %s.pub goes into them\n", path, path)
	return err
}
