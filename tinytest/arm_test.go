package tinytest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/sv2/mining"
)

// The lode-miner of a control board, on an emulated ARM processor, mines a block on
// the pool of this process over TCP and Noise.
func TestArmMiner(t *testing.T) {
	qemu := emulator(t, "qemu-arm")
	bin := built(t, "../cmd/lode-miner", "GOARCH=arm", "GOARM=7")
	r := New(t, Options{TCP: true, Devices: -1, Pool: func(_ int, c *pool.Config) { c.SharesPerMinute = 240 }})
	miner := exec.Command(qemu, bin, "-pool", r.Pools[0].URL.String(), "-user", "arm.emulated", "-threads", "1")
	running(t, miner, nil)
	r.Until("a block mined on ARM", 5*time.Minute, func() bool { return r.Chain.Mined() > 0 })
	r.Until("ten shares", 5*time.Minute, func() bool { n, _ := r.Pools[0].Ledger.Shares(); return n >= 10 })
	r.recordedOnce()
	rejected := r.Pools[0].Status().Rejected
	delete(rejected, mining.CodeStaleShare) // with several blocks a second one may be late
	if len(rejected) > 0 {
		t.Errorf("rejected %v, want none", rejected)
	}
}

// emulator is qemu-user for a processor. Without it the test is skipped, but not in CI.
func emulator(t *testing.T, name string) string {
	qemu, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: scripts/setup qemu installs it", name)
		}
		t.Skipf("SKIPPED: %s is missing: scripts/setup qemu installs it", name)
	}
	return qemu
}

// built is a program of ours, built for a processor; without env for this one.
func built(t *testing.T, pkg string, env ...string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), filepath.Base(pkg))
	build := exec.Command("go", "build", "-o", bin, pkg)
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), env...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// running starts a program, whose lines go to the test's log and to line, unless it
// is nil. At the test's end it is asked to stop, and has to do so without an error.
func running(t *testing.T, cmd *exec.Cmd, line func(string)) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			t.Log(lines.Text())
			if line != nil {
				line(lines.Text())
			}
		}
		io.Copy(io.Discard, out) //nolint:errcheck // only to let the process end
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		<-logged
		if err := cmd.Wait(); err != nil {
			t.Errorf("%q: %v", cmd.Args, err)
		}
	})
}
