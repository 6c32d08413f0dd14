//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watched is the machine with a hardware watchdog: the others have none that both
// Debian's QEMU (7.2) and Debian's kernels know. Vexpress: QEMU has no SP805, and no
// Cadence for the Zynq. Virt-arm and malta: it has i6300esb and ib700, which Debian
// drives on PCs alone. Orangepi-pc: QEMU has Allwinner's since 8.1. And the i.MX's, known
// to both, stops for good when QEMU 7.2 is told its time a second time, as the miner does.
const watched = "ast2600"

// The hardware's watchdog starts a machine anew that nothing else could: one whose
// kernel hangs, and one whose guard cannot turn its board off. Then it mines again.
func TestWatchdog(t *testing.T) {
	t.Parallel()
	t.Run("kernel hangs", func(t *testing.T) {
		h, at := newHost(t), sockets(t)
		_, g := startWithChain(t, h, watched, "", watching(at)...)
		mines(t, h, g)
		m := newMonitor(t, filepath.Join(at, qmp))
		hang(t, filepath.Join(at, gdb))
		bites(t, m)
		mines(t, h, g)
	})
	t.Run("board does not answer", func(t *testing.T) {
		if os.Getenv("LODE_E2E_LONG") == "" {
			t.Skip("takes two minutes: make e2e-long does it")
		}
		r, dir, cache := built(t, watched)
		h, at := newHost(t), sockets(t)
		s := newSim(t, "-board", "bitaxe-gamma")
		g := start(t, r, dir, cache, s.args(h), append(s.uarts(), watching(at)...)...)
		mines(t, h, g)
		m := newMonitor(t, filepath.Join(at, qmp))
		s.signal(syscall.SIGSTOP)
		bites(t, m)
		s.signal(syscall.SIGCONT)
		mines(t, h, g)
	})
}

// QEMU's sockets for a monitor and a debugger.
const qmp, gdb = "qmp", "gdb"

// watching are QEMU's arguments for a machine that may start anew, and its sockets.
func watching(dir string) []string {
	listen := func(name string) string { return "unix:" + filepath.Join(dir, name) + ",server=on,wait=off" }
	return []string{"-action", "reboot=reset", "-qmp", listen(qmp), "-gdb", listen(gdb)}
}

// mines waits until the machine starts, and the pool has a share of it.
func mines(t *testing.T, h *host, g *guest) {
	t.Helper()
	if line := g.either(t, bootWithin, "board: "+watched, "reboot now", "Kernel panic"); !strings.Contains(line, "board: ") {
		t.Fatalf("it starts anew by itself: %s", line)
	}
	shares, _, _ := h.state()
	g.until(t, "shares: the first is accepted", bootWithin)
	h.until(t, g, shares+1, 0, bootWithin)
	t.Logf("mines after %v", time.Since(g.begin).Round(time.Second))
}

// bites waits until the watchdog, and nothing else, resets the machine.
func bites(t *testing.T, m *guest) {
	t.Helper()
	begin := time.Now()
	m.until(t, `"WATCHDOG"`, bootWithin)
	m.until(t, `"RESET"`, bootWithin)
	t.Logf("reset by the watchdog after %v", time.Since(begin).Round(time.Second))
}
