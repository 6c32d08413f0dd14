//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// sim is lode-sim with a whole board: what the guest's second and third serial ports
// are connected to.
type sim struct {
	control, data string // sockets
	program       string
	zeros         string // that its chips' hashes need
	trace         string
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
func newSim(t *testing.T, board string, more ...string) *sim {
	t.Helper()
	dir := sockets(t)
	s := &sim{trace: filepath.Join(t.TempDir(), "trace.jsonl"), program: filepath.Join(dir, "lode-sim")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, "./cmd/lode-sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("lode-sim: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), s.program, append([]string{"-board", board, "-unix", filepath.Join(dir, "uart"), "-trace", s.trace}, more...)...)
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
	s.stop = sync.OnceFunc(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})
	t.Cleanup(func() {
		s.stop()
		if text := reports.String(); text != "" {
			t.Logf("lode-sim: %s", text)
		}
		if t.Failed() {
			if text, err := os.ReadFile(s.trace); err == nil {
				keep(t, "trace.jsonl", string(text))
			}
		}
	})
	// control: PATH, data: PATH, and how lode-miner opens them.
	for lines := bufio.NewScanner(out); s.zeros == "" && lines.Scan(); {
		line := lines.Text()
		if path, ok := strings.CutPrefix(line, "control: "); ok {
			s.control = path
		} else if path, ok := strings.CutPrefix(line, "data: "); ok {
			s.data = path
		} else if _, zeros, ok := strings.Cut(line, "zeros="); ok {
			s.zeros = strings.Fields(zeros)[0]
		}
	}
	if s.control == "" || s.data == "" || s.zeros == "" {
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
	for board, baud := range map[string]string{
		"vexpress": "",
		"malta":    ",baud=115200", // its UARTs have standard rates only
	} {
		t.Run(board, func(t *testing.T) {
			r, dir, cache := built(t, board)
			h := newHost(t)
			s := newSim(t, "bitaxe-gamma")
			g := start(t, r, dir, cache, s.args(h, baud), s.uarts()...)
			h.until(t, g, 1, 0, bootWithin)
			t.Log(g.until(t, "shares: the first is accepted", bootWithin))
			memory := g.until(t, "memory:", bootWithin)
			t.Log(memory)
			if kib := residentKiB(t, memory); kib > mostResident {
				t.Errorf("the miner has %d KiB resident, at most %d are good", kib, mostResident)
			}
			h.until(t, g, 2, 1, blockWithin)
			t.Logf("a block after %v", time.Since(g.begin).Round(time.Second))
			g.stop()
			s.replays(t)
		})
	}
}

const (
	// blockWithin is for a chain that begins at a block each 2^23 hashes, and a
	// virtual chip that makes some 10^5 each second.
	blockWithin = 300 * time.Second
	// mostResident is what a board of 64 MB can give the miner, in KiB.
	mostResident = 24 << 10
)

// args is the kernel's command line for a board behind two serial ports. QEMU's malta
// takes 256 letters of it.
func (s *sim) args(h *host, more string) string {
	return env("LODE_MINER_POOL", h.url, "LODE_MINER_USER", "e", "LODE_MINER_BOARD_SETTINGS", "zeros="+s.zeros+more)
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
	s := newSim(t, "bitaxe-gamma")
	g := start(t, r, dir, cache, s.args(h, ""), s.uarts()...)
	line := g.until(t, "safe-off", bootWithin)
	if !strings.Contains(line, "this UART has no such rate") {
		t.Errorf("the console says %s", line)
	}
}
