package nodetest

import (
	crand "crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const btcdModule = "github.com/btcsuite/btcd"

// Btcd starts btcd on simnet, or on regtest, where it forgets its chain at each
// start.
func Btcd(t testing.TB, network string) *Node {
	t.Helper()
	if network != "simnet" && network != "regtest" {
		t.Fatalf("nodetest: btcd mines without peers on simnet and regtest only, not on %q", network)
	}
	program, err := buildBtcd()
	if err != nil {
		missing(t, "btcd does not build: %v", err)
	}
	dir := t.TempDir()
	n := &Node{User: "lode", Password: crand.Text(), Network: network, log: filepath.Join(dir, "btcd.log")}
	n.command = func(port int) *exec.Cmd {
		return exec.Command(program, "--"+network, "--configfile="+os.DevNull,
			"--datadir="+filepath.Join(dir, "data"), "--logdir="+filepath.Join(dir, "logs"),
			"--nolisten", "--nodnsseed", "--nobanning", "--nocfilters", "--utxocachemaxsize=16",
			fmt.Sprintf("--rpclisten=127.0.0.1:%d", port), "--notls",
			"--rpcuser="+n.User, "--rpcpass="+n.Password)
	}
	return n.launch(t)
}

// buildBtcd builds the version that go.mod names, once.
func buildBtcd() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", btcdModule).Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	program := filepath.Join(cache, "btcd-"+strings.TrimSpace(string(out))+"-"+runtime.Version())
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	temp, err := os.MkdirTemp(cache, "btcd-build-") // another test may build it too
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	build := exec.Command("go", "build", "-o", filepath.Join(temp, "btcd"), btcdModule)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, os.Rename(filepath.Join(temp, "btcd"), program)
}

// cacheDir is .cache at the top of the repository.
func cacheDir() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	dir := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), ".cache")
	return dir, os.MkdirAll(dir, 0o755)
}
