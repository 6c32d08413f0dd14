package nodetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Knots starts bitcoind on regtest, or on a signet of its own, whose blocks need
// no signature and five million hashes. LODE_BITCOIND names another bitcoind
// than the one of scripts/knots.
func Knots(t testing.TB, network string) *Node {
	t.Helper()
	args := map[string][]string{
		"regtest": {"-regtest"},
		"signet":  {"-signet", "-signetchallenge=51"},
	}[network]
	if args == nil {
		t.Fatalf("nodetest: bitcoind on %q is not prepared", network)
	}
	program := bitcoind(t)
	dir := t.TempDir()
	n := &Node{Network: network, CookieFile: filepath.Join(dir, network, ".cookie"), log: filepath.Join(dir, "bitcoind.log")}
	args = append(args, "-datadir="+dir, "-conf="+os.DevNull, "-server", "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1",
		"-listen=0", "-connect=0", "-dnsseed=0", "-disablewallet", "-persistmempool=0", "-dbcache=8", "-par=1", "-printtoconsole=1")
	n.command = func(port int) *exec.Cmd {
		all := append(append(append([]string{}, program[1:]...), args...), fmt.Sprintf("-rpcport=%d", port))
		return exec.Command(program[0], all...)
	}
	return n.launch(t)
}

// bitcoind is the command line before the options.
func bitcoind(t testing.TB) []string {
	t.Helper()
	if program := os.Getenv("LODE_BITCOIND"); program != "" {
		return []string{program}
	}
	cache, err := cacheDir()
	if err != nil {
		t.Fatalf("nodetest: %v", err)
	}
	root := filepath.Join(cache, "knots")
	program := filepath.Join(root, "usr/bin/bitcoind")
	loaders, _ := filepath.Glob(filepath.Join(root, "usr/lib/*/ld-linux*.so.*"))
	if _, err := os.Stat(program); err != nil || len(loaders) == 0 {
		missing(t, "no bitcoind: run scripts/knots (make test does), or name one in LODE_BITCOIND")
	}
	return []string{loaders[0], "--library-path", filepath.Dir(loaders[0]), program}
}
