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
	qemu, err := exec.LookPath("qemu-arm")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("qemu-arm is missing: scripts/setup qemu installs it")
		}
		t.Skip("SKIPPED: qemu-arm is missing: scripts/setup qemu installs it")
	}
	bin := filepath.Join(t.TempDir(), "lode-miner")
	build := exec.Command("go", "build", "-o", bin, "../cmd/lode-miner")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=7")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	r := New(t, Options{TCP: true, Devices: -1, Pool: func(_ int, c *pool.Config) { c.SharesPerMinute = 240 }})
	miner := exec.Command(qemu, bin, "-pool", r.Pools[0].URL.String(), "-user", "arm.emulated", "-threads", "1")
	out, err := miner.StdoutPipe()
	r.check(err)
	miner.Stderr = miner.Stdout
	r.check(miner.Start())
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			t.Log(lines.Text())
		}
		io.Copy(io.Discard, out) //nolint:errcheck // only to let the process end
	}()
	defer func() {
		miner.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		<-logged
		if err := miner.Wait(); err != nil {
			t.Errorf("lode-miner: %v", err)
		}
	}()
	r.Until("a block mined on ARM", 2*time.Minute, func() bool { return r.Chain.Mined() > 0 })
	r.Until("ten shares", time.Minute, func() bool { n, _ := r.Pools[0].Ledger.Shares(); return n >= 10 })
	r.recordedOnce()
	rejected := r.Pools[0].Status().Rejected
	delete(rejected, mining.CodeStaleShare) // with several blocks a second one may be late
	if len(rejected) > 0 {
		t.Errorf("rejected %v, want none", rejected)
	}
}
