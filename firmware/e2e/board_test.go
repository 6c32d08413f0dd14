//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodefw/lode/firmware/image"
)

// sim is lode-sim: what the guest's serial ports are connected to.
type sim struct {
	control, data string // sockets
	program       string
	zeros         string // that its chips' hashes need
	trace         string
	signal        func(os.Signal)
	stop          func() // ends it; its trace is whole then
}

// replays plays the trace again: the same bytes at the same times from the host give
// the same answers.
func (s *sim) replays(t *testing.T) {
	t.Helper()
	s.stop()
	if out, err := exec.CommandContext(t.Context(), s.program, "-replay", s.trace).CombinedOutput(); err != nil {
		t.Errorf("replay: %v\n%s", err, out)
	}
}

// newSim starts lode-sim. It ends with the test.
func newSim(t *testing.T, args ...string) *sim {
	t.Helper()
	dir := sockets(t)
	s := &sim{trace: filepath.Join(t.TempDir(), "trace.jsonl"), program: filepath.Join(dir, "lode-sim")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, "./cmd/lode-sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("lode-sim: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), s.program, append(args, "-unix", filepath.Join(dir, "uart"), "-trace", s.trace)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var reports syncBuffer
	cmd.Stderr = &reports
	cmd.Stdin = nil
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.signal = func(what os.Signal) { cmd.Process.Signal(what) }
	s.stop = sync.OnceFunc(func() {
		cmd.Process.Signal(os.Interrupt)
		defer time.AfterFunc(bootWithin, func() { cmd.Process.Kill() }).Stop()
		cmd.Wait()
	})
	t.Cleanup(func() {
		s.stop()
		if text := reports.String(); text != "" {
			t.Logf("lode-sim: %s", text)
		}
		if text, err := os.ReadFile(s.trace); err == nil {
			keep(t, "trace.jsonl", string(text))
		}
	})
	// control: PATH, data: PATH, and how lode-miner opens them; or a chain.
	for lines := bufio.NewScanner(out); s.zeros == "" && lines.Scan(); {
		line := lines.Text()
		if path, ok := strings.CutPrefix(line, "control: "); ok {
			s.control = path
		} else if path, ok := strings.CutPrefix(line, "data: "); ok {
			s.data = path
		} else if _, zeros, ok := strings.Cut(line, "zeros="); ok {
			s.zeros = strings.Fields(zeros)[0]
		} else if text, ok := strings.CutPrefix(line, "chain 1: "); ok { // PATH (3 BM1366, 9 zero bits)
			text, _, _ = strings.Cut(text, " zero")
			s.data, s.zeros = strings.Fields(text)[0], text[strings.LastIndex(text, " ")+1:]
		}
	}
	if s.data == "" || s.zeros == "" {
		t.Fatalf("lode-sim has not told where it is: %+v", s)
	}
	return s
}

// uarts are QEMU's arguments for the guest's second and third serial ports.
func (s *sim) uarts() []string {
	return []string{
		"-chardev", "socket,id=uart0,path=" + s.data,
		"-serial", "chardev:uart1", "-chardev", "socket,id=uart1,path=" + s.control,
	}
}

// The image as it ships drives a hash board behind its serial ports: virtual chips
// find a share and a block that the pool accepts, and all that passed the wire can be
// played again.
func TestBoard(t *testing.T) {
	t.Parallel()
	t.Run("virt-arm", func(t *testing.T) { mineWithChain(t, "virt-arm", "") })
	t.Run("malta", func(t *testing.T) { mineWithChain(t, "malta", "") })
	t.Run("zynq-zc702", func(t *testing.T) {
		if !cached(t, "zynq-zc702") && os.Getenv("LODE_E2E_LONG") == "" {
			t.Skip("the Zynq's kernel is not in the cache and takes minutes to build: make e2e-long does")
		}
		// QEMU's has one of the two processors, and the kernel would wait a second for the other.
		mineWithChain(t, "zynq-zc702", " maxcpus=1", "-snapshot")
	})
}

// The same with a whole board, guarded, over its USB bridge. No other test runs beside
// it: a guard turns off a board that answers too late, and after some times for good,
// as it must; an emulator that waits for a processor is late too.
func TestGuardedBoard(t *testing.T) {
	r, dir, cache := built(t, "vexpress")
	h := newHost(t)
	s := newSim(t, "-board", "bitaxe-gamma")
	s.mine(t, h, start(t, r, dir, cache, s.args(h), s.uarts()...))
}

func mineWithChain(t *testing.T, board, args string, more ...string) {
	t.Helper()
	h := newHost(t)
	s, g := startWithChain(t, h, board, args, more...)
	s.mine(t, h, g)
}

// startWithChain is for boards with one serial port to spare: a chain, as a file
// describes it. args go to the kernel, more to QEMU.
func startWithChain(t *testing.T, h *host, board, args string, more ...string) (*sim, *guest) {
	t.Helper()
	r, dir, cache := built(t, board)
	s := newSim(t, "-model", "BM1366", "-chips", "3")
	dir = with(t, dir, map[string]string{"chain.toml": fmt.Sprintf(chainFile, r.Device.UARTs[0], s.zeros)})
	return s, start(t, r, dir, cache, env("LODE_MINER_POOL", h.url, "LODE_MINER_USER", "e", "LODE_MINER_BOARD", "file:/chain.toml")+args,
		append(more, "-chardev", "socket,id=uart0,path="+s.data)...)
}

// chainFile is a board of virtual chips. QEMU's serial ports have standard rates only.
const chainFile = `name = "virtual"
unguarded = "the chips are virtual"
[[chain]]
uart = "%s"
model = "BM1366"
chips = 3
clock = 485
baud = 115200
wired-zeros = %s
`

// mine waits until the guest has mined a block with the board.
func (s *sim) mine(t *testing.T, h *host, g *guest) {
	t.Helper()
	h.until(t, g, 1, 0, bootWithin)
	t.Log(g.until(t, "pool: mining", bootWithin))
	t.Log(g.until(t, "shares: the first is accepted", bootWithin))
	memory := g.until(t, "memory: miner", bootWithin)
	t.Log(memory)
	if kib := residentKiB(t, memory); kib > mostResident {
		t.Errorf("the miner has %d KiB resident, at most %d are good", kib, mostResident)
	}
	h.until(t, g, 2, 1, blockWithin)
	t.Logf("a block after %v", time.Since(g.begin).Round(time.Second))
	g.stop()
	s.replays(t)
}

// with is an image with more files in its first root: the kernel unpacks one archive
// after the other. The image itself stays as it ships.
func with(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	var entries []image.Entry
	for _, name := range slices.Sorted(maps.Keys(files)) {
		entries = append(entries, image.Entry{Name: name, Mode: 0o600, Data: []byte(files[name])})
	}
	more, err := image.CPIO(entries, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	const initramfs = "initramfs.cpio.xz"
	shipped, err := os.ReadFile(filepath.Join(dir, initramfs))
	if err != nil {
		t.Fatal(err)
	}
	for len(shipped)%4 != 0 {
		shipped = append(shipped, 0)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, initramfs), append(shipped, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.Name() == initramfs {
			continue
		}
		if err := os.Symlink(filepath.Join(dir, f.Name()), filepath.Join(other, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return other
}

const (
	// bootWithin is for a busy machine: an idle one takes a tenth of it.
	bootWithin = 5 * time.Minute
	// blockWithin is for 2^20 hashes a block (see waiting), and a virtual chip that
	// makes some 10^5 each second: ten seconds on average, and a busy machine has
	// bad luck too.
	blockWithin = 15 * time.Minute
	// mostResident is what a board of 64 MB can give the miner, in KiB.
	mostResident = 24 << 10
)

// args is the kernel's command line for a board behind two serial ports. QEMU's malta
// takes 256 letters of it.
func (s *sim) args(h *host) string {
	return env("LODE_MINER_POOL", h.url, "LODE_MINER_USER", "e", "LODE_MINER_BOARD_SETTINGS", "zeros="+s.zeros)
}

// residentKiB reads "memory: miner 9832 kB, ...".
func residentKiB(t *testing.T, line string) (kib int) {
	_, text, _ := strings.Cut(line, "miner ")
	if _, err := fmt.Sscanf(text, "%d kB", &kib); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return kib
}

// A rate that a UART does not have is not taken in silence: the kernel sets another
// one and says nothing (TCSETS2), and only reading it back shows that.
func TestRateThatIsNot(t *testing.T) {
	r, dir, cache := built(t, "malta")
	h := newHost(t)
	s := newSim(t, "-board", "bitaxe-gamma")
	g := start(t, r, dir, cache, s.args(h), s.uarts()...)
	t.Log(g.until(t, "this UART has no such rate", bootWithin))
}
