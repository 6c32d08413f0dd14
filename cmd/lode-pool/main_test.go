package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/pool/ledger"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// command runs lode-pool to its end and gives what it printed and its exit code.
func command(t *testing.T, env []string, args ...string) (out, log string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var o, e bytes.Buffer
	s := cli.IO{In: strings.NewReader(""), Out: &o, Err: &e, Env: env}
	code = cli.Report("lode-pool", s, run(ctx, s, args))
	if ctx.Err() != nil {
		t.Fatalf("lode-pool %v does not end", args)
	}
	return o.String(), e.String(), code
}

func TestExitCodes(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	dir := t.TempDir()
	typo := filepath.Join(dir, "typo.toml")
	if err := os.WriteFile(typo, []byte("[limits]\nconections = 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code cli.Code
		says string
	}{
		"wrong flag":         {[]string{"-lisen", ":0"}, cli.Usage, "-lisen"},
		"argument":           {[]string{"keygenn"}, cli.Usage, "keygenn"},
		"unknown key":        {[]string{"-config", typo}, cli.Config, "conections"},
		"no file":            {[]string{"-config", filepath.Join(dir, "none")}, cli.Config, "none"},
		"unknown chain":      {[]string{"-chain", "doge"}, cli.Config, "doge"},
		"no node":            {[]string{"-chain", "rpc", "-payout", "x"}, cli.Config, "-rpc"},
		"nobody to pay":      {[]string{"-chain", "rpc", "-rpc", "http://127.0.0.1:1"}, cli.Config, "-payout"},
		"wrong address":      {[]string{"-payout", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}, cli.Config, "regtest"},
		"other network":      {[]string{"-chain", "rpc", "-rpc", "http://127.0.0.1:1", "-payout", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "-network", "signet"}, cli.Config, "signet"},
		"no such network":    {[]string{"-network", "mainet"}, cli.Config, "testnet4"},
		"no hash rate":       {[]string{"-hash-rate", "fast"}, cli.Config, "40MH/s"},
		"no shares":          {[]string{"-shares-per-minute", "0"}, cli.Config, "shares-per-minute"},
		"long tag":           {[]string{"-tag", strings.Repeat("x", 80)}, cli.Config, "tag"},
		"no key file":        {[]string{"-authority-key-file", filepath.Join(dir, "no.key")}, cli.Config, "keygen -o"},
		"key in use by all":  {[]string{"-authority-key-file", write(t, published)}, cli.Config, "published"},
		"no key in the file": {[]string{"-authority-key-file", write(t, "hello")}, cli.Config, "key"},
		"port in use":        {[]string{"-listen", busy.Addr().String()}, cli.Bind, "-listen"},
		"status port in use": {[]string{"-listen", "127.0.0.1:0", "-status", busy.Addr().String()}, cli.Bind, "-status"},
		"help":               {[]string{"-h"}, cli.OK, ""},
		"version":            {[]string{"-version"}, cli.OK, ""},
		"example":            {[]string{"-example"}, cli.OK, ""},
		"keygen help":        {[]string{"keygen", "-h"}, cli.OK, ""},
		"keygen argument":    {[]string{"keygen", "x"}, cli.Usage, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			out, log, code := command(t, nil, c.args...)
			if code != int(c.code) || !strings.Contains(log, c.says) {
				t.Errorf("code %d, want %d with %q; it says:\n%s", code, c.code, c.says, log)
			}
			if c.code == cli.OK && out == "" {
				t.Error("it prints nothing")
			}
		})
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExampleFile: the file that -example prints is the defaults, with every key.
func TestExampleFile(t *testing.T) {
	text := strings.NewReplacer("#[[rpc]]", "[[rpc]]", "#url", "url", "#cookie", "cookie", "#user", "user", "#password", "password", "#ca", "ca").Replace(exampleFile)
	var c config
	meta, err := toml.Decode(text, &c)
	if err != nil {
		t.Fatal(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		t.Errorf("nobody reads %v", unknown)
	}
	if len(c.RPC) != 1 || c.RPC[0].URL == "" || c.RPC[0].Cookie == "" {
		t.Errorf("node %+v", c.RPC)
	}
	if n, want := len(meta.Keys()), keys(reflect.TypeFor[config]()); n != want {
		t.Errorf("the example has %d keys, the configuration %d", n, want)
	}
	d := defaults()
	if c.Listen != d.Listen || c.Chain != d.Chain || c.SharesPerMinute != d.SharesPerMinute || c.Tag != d.Tag {
		t.Errorf("the example says %+v, the defaults are %+v", c, d)
	}
}

// keys counts the keys of a configuration, those of its tables included.
func keys(t reflect.Type) (n int) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("toml") == "" {
			continue
		}
		n++
		switch {
		case f.Type.Kind() == reflect.Struct:
			n += keys(f.Type)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			n += keys(f.Type.Elem())
		}
	}
	return n
}

func TestKeygen(t *testing.T) {
	out, _, code := command(t, nil, "keygen")
	public, secret, ok := strings.Cut(strings.TrimSpace(out), "\n")
	if code != 0 || !ok {
		t.Fatalf("code %d, printed %q", code, out)
	}
	k, err := parseKey(strings.TrimPrefix(secret, "secret "))
	if err != nil || public != "public "+k.Public().String() {
		t.Errorf("keys %q and %q do not belong together: %v", public, secret, err)
	}
	path := filepath.Join(t.TempDir(), "authority.key")
	out, _, code = command(t, nil, "keygen", "-o", path)
	info, err := os.Stat(path)
	if code != 0 || err != nil || info.Mode().Perm() != 0o600 || strings.Contains(out, "secret") {
		t.Errorf("code %d, file %v, %v, printed %q", code, info, err, out)
	}
	if again, _, code := command(t, nil, "keygen", "-o", path); code != int(cli.Config) || again != "" {
		t.Errorf("keygen onto a key: code %d, printed %q, which is in no file", code, again)
	}
	c := config{AuthorityKeyFile: path}
	if k, err = c.authority(nil); err != nil || !strings.Contains(out, k.Public().String()) {
		t.Errorf("the file holds %v, %v; printed %q", k.Public(), err, out)
	}
}

// TestServe starts the pool as a user would, twice on the same data, connects a
// device, and stops it.
func TestServe(t *testing.T) {
	data := t.TempDir()
	var keys []string
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		out, printed := io.Pipe()
		ended := make(chan error, 1)
		s := cli.IO{In: strings.NewReader(""), Out: printed, Err: io.Discard, Env: []string{"LODE_POOL_LISTEN=127.0.0.1:0", "LODE_POOL_DATA=" + data}}
		go func() { ended <- run(ctx, s, []string{"-status", "unix:" + filepath.Join(t.TempDir(), "s")}) }()
		line := make([]byte, 200)
		n, err := out.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		url, err := noise.ParseURL(strings.TrimSpace(string(line[:n])))
		if err != nil || !url.HasKey || url.Host != "127.0.0.1" {
			t.Fatalf("it prints %q: %v", line[:n], err)
		}
		keys = append(keys, url.Key.String())
		conn, err := sv2net.Dial(ctx, url, sv2net.DialConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Send(&sv2.SetupConnection{MinVersion: 2, MaxVersion: 2}); err != nil {
			t.Fatal(err)
		}
		if f, err := conn.Receive(); err != nil || f.Type != sv2.TypeSetupConnectionSuccess {
			t.Fatalf("it answers %+v, %v", f, err)
		}
		cancel()
		select {
		case err := <-ended:
			if cli.CodeOf(err) != cli.OK {
				t.Errorf("stopped with %v", err)
			}
		case <-time.After(2 * time.Second):
			t.Fatal("it does not stop within 2 s")
		}
		conn.Close()
	}
	if keys[0] != keys[1] {
		t.Errorf("the pool has another key after a restart: %v", keys)
	}
	for _, err := range ledger.Records(filepath.Join(data, "ledger")) {
		t.Errorf("an empty ledger reads with %v", err)
	}
}

// oneTemplate is a chain.
type oneTemplate struct{ verdicts chan error }

func (c oneTemplate) Run(ctx context.Context, update func(*bitcoin.Template)) error {
	update(&bitcoin.Template{})
	<-ctx.Done()
	return ctx.Err()
}

func (c oneTemplate) Submit(context.Context, []byte) error { return <-c.verdicts }

// TestNodeOnAnotherNetwork must not mine a single template for somebody else's address.
func TestNodeOnAnotherNetwork(t *testing.T) {
	const address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
	for _, c := range []struct {
		node, network string
		ok            bool
	}{{"regtest", "", true}, {"mainnet", "", false}, {"regtest", "regtest", true}, {"testnet3", "regtest", false}, {"", "", true}} {
		ctx, cancel := context.WithCancel(t.Context())
		k := checked{Chain: oneTemplate{}, name: func() string { return c.node }, payout: address, network: c.network}
		passed := false
		err := k.Run(ctx, func(*bitcoin.Template) {
			passed = true
			cancel()
		})
		cancel()
		if passed != c.ok || c.ok != (cli.CodeOf(err) == cli.OK) || !c.ok && cli.CodeOf(err) != cli.Config {
			t.Errorf("node on %q, network %q: template passed %v, err %v", c.node, c.network, passed, err)
		}
	}
}

func TestReachable(t *testing.T) {
	if host, port := reachable(&net.TCPAddr{IP: net.IPv4zero, Port: 7}); net.ParseIP(host) == nil || host == "0.0.0.0" || port != 7 {
		t.Errorf("every interface is reached at %s:%d", host, port)
	}
	if host, _ := reachable(&net.TCPAddr{IP: net.ParseIP("::1"), Port: 7}); host != "::1" {
		t.Errorf("::1 is reached at %s", host)
	}
}

// TestFlagsHaveKeys: what a flag can say, the file and the environment can too.
func TestFlagsHaveKeys(t *testing.T) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	c := defaults()
	defineFlags(fs, &c)
	alias := map[string]string{"v": "verbose", "rpc": "[[rpc]]", "rpc-cookie": "cookie"}
	fs.VisitAll(func(f *flag.Flag) {
		name := f.Name
		if alias[name] != "" {
			name = alias[name]
		}
		if name != "version" && name != "example" && !strings.Contains(exampleFile, name) {
			t.Errorf("flag -%s has no key in the file", f.Name)
		}
	})
}
