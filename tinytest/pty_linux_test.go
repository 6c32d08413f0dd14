package tinytest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/pool"
	"github.com/lodefw/lode/sv2/mining"
)

// The lode-miner of a control board, on an emulated processor, mines with a whole
// virtual board: over two ptys to lode-sim, and over TCP and Noise to the pool of
// this process. qemu-user knows standard baud rates only.
func TestEmulatedBoard(t *testing.T) {
	if testing.Short() {
		t.Skip("three programs are built")
	}
	for _, c := range []struct{ name, qemu, arch, variant string }{
		{"arm", "qemu-arm", "GOARCH=arm", "GOARM=7"},
		{"mipsle", "qemu-mipsel", "GOARCH=mipsle", "GOMIPS=softfloat"},
	} {
		t.Run(c.name, func(t *testing.T) {
			qemu := emulator(t, c.qemu)
			miner, sim := built(t, "../cmd/lode-miner", c.arch, c.variant), built(t, "../cmd/lode-sim")
			r := New(t, Options{TCP: true, Devices: -1, Pool: func(_ int, c *pool.Config) { c.SharesPerMinute = 240 }})
			args := served(t, ahead(sim, "-board", "bitaxe-gamma", "-budget", "50e3"))
			args = append(args, "-set", "baud=115200", "-pool", r.Pools[0].URL.String(), "-user", c.name+".emulated")
			running(t, ahead(qemu, append([]string{miner}, args...)...), nil)
			r.Until("ten shares", 6*time.Minute, func() bool { n, _ := r.Pools[0].Ledger.Shares(); return n >= 10 })
			r.recordedOnce()
			rejected := r.Pools[0].Status().Rejected
			delete(rejected, mining.CodeStaleShare) // with several blocks a second one may be late
			if len(rejected) > 0 {
				t.Errorf("rejected %v, want none", rejected)
			}
		})
	}
}

// ahead is a command that goes before other programs, where that is allowed: a board's
// controller answers within a tenth of a second, however many tests the computer runs.
func ahead(name string, args ...string) *exec.Cmd {
	if nice, err := exec.LookPath("nice"); err == nil && os.Geteuid() == 0 {
		name, args = nice, append([]string{"-n", "-10", name}, args...)
	}
	return exec.Command(name, args...)
}

// served starts lode-sim and returns the arguments with which it says that
// lode-miner opens the board.
func served(t *testing.T, sim *exec.Cmd) []string {
	t.Helper()
	says := make(chan []string, 1)
	running(t, sim, func(line string) {
		if args, ok := strings.CutPrefix(line, "lode-miner "); ok {
			says <- strings.Fields(args)
		}
	})
	select {
	case args := <-says:
		return args
	case <-time.After(time.Minute):
		t.Fatal("lode-sim does not say where the board is")
		return nil
	}
}
