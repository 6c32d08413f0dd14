//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodefw/lode/firmware/fat"
	"github.com/lodefw/lode/firmware/image"
	"github.com/lodefw/lode/firmware/pid1"
	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/slot"
	"github.com/lodefw/lode/firmware/update"
)

// cardBoard is the board whose card U-Boot starts in QEMU as it does on the board.
const cardBoard = "sunxi-h3"

// A workshop has what tests of the card share: the image, updates for it, the pool.
type workshop struct {
	r         *recipe.Recipe
	cache     *image.Cache
	dir       string // of what was built
	temp      string
	host      *host
	ctl       string // lodectl
	version   update.Version
	when      int64  // it was built
	next, bad string // updates: one that works, one after it that does not
	alone     string // one more, that never reaches a pool
}

// Versions of the updates; what is built here has a smaller one.
const (
	nextVersion  = "v9000.0.0"
	badVersion   = "v9001.0.0"
	aloneVersion = "v9002.0.0"
)

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{temp: t.TempDir()}
	w.r, w.dir, w.cache = built(t, cardBoard)
	w.host = newHost(t)
	w.ctl = filepath.Join(w.temp, "lodectl")
	w.goBuild(t, w.ctl, "./cmd/lodectl")
	m, err := update.Parse(w.file(t, recipe.SlotManifest))
	if err != nil {
		t.Fatal(err)
	}
	w.version, w.when = m.Version, m.Built
	w.next = w.update(t, nextVersion, w.r, nil)
	w.bad = w.update(t, badVersion, w.r, []byte("This is no program: the kernel has nothing to start.\n"))
	w.alone = w.update(t, aloneVersion, without(t, w.r, "dwmac-sun8i"), nil)
	return w
}

// without is a recipe that somebody has taken a module out of.
func without(t *testing.T, r *recipe.Recipe, module string) *recipe.Recipe {
	t.Helper()
	other, kernel := *r, *r.Kernel
	kernel.Modules = slices.DeleteFunc(slices.Clone(kernel.Modules), func(m string) bool { return m == module })
	if len(kernel.Modules) == len(r.Kernel.Modules) {
		t.Fatalf("%s has no module %s", r.ID, module)
	}
	other.Kernel = &kernel
	return &other
}

func (w *workshop) goBuild(t *testing.T, out, pkg string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", out, pkg)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", pkg, err, text)
	}
}

// file is one of the build's results.
func (w *workshop) file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// update builds one with the test key. program is nil for the real one.
func (w *workshop) update(t *testing.T, version string, r *recipe.Recipe, program []byte) string {
	t.Helper()
	v, err := update.ParseVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	m, err := image.Build(t.Context(), image.Options{
		Recipe: r, Root: root, Out: filepath.Join(w.temp, version), Cache: w.cache, Version: v, Built: w.when, Key: update.TestKey(), Program: program,
	})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(m.Dir, image.BundleName(cardBoard))
}

// A card is one in the board's reader.
type card struct {
	*workshop
	name   string // its file
	starts int
	port   int // on this machine, that leads to the board's for updates
}

// newCard copies the image and puts the pool into its lode.toml, as a person would.
func (w *workshop) newCard(t *testing.T) *card {
	t.Helper()
	c := w.cardOf(t, w.file(t, "sdcard.img"))
	c.lay(t, recipe.CardConfig, []byte(w.settings()))
	return c
}

func (w *workshop) settings() string {
	return fmt.Sprintf("pool = [%q]\nuser = \"e2e.card\"\nboard = \"laptop\"\nthreads = 1\n", w.host.url)
}

// lay puts a file onto the card's first partition, as a person does whose computer
// mounts it.
func (c *card) lay(t *testing.T, name string, content []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	box, err := c.cache.Tools(t.Context(), image.Mcopy)
	if err != nil {
		t.Fatal(err)
	}
	at, _, err := partition(bytes.NewReader(c.read(t)), bootPart)
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := box.Command(t.Context(), image.Mcopy.Command, "-o", "-i", fmt.Sprintf("%s@@%d", c.name, at), file, "::"+name)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mcopy: %v\n%s", err, out)
	}
}

// cardOf is a card with this content.
func (w *workshop) cardOf(t *testing.T, content []byte) *card {
	t.Helper()
	c := &card{workshop: w, name: filepath.Join(t.TempDir(), "sdcard.img")}
	f, err := os.Create(c.name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const block = 1 << 20 // what is zero takes no room
	for at := 0; at < len(content); at += block {
		if b := content[at:min(at+block, len(content))]; slices.Max(b) > 0 {
			if _, err := f.WriteAt(b, int64(at)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Truncate(int64(len(content))); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *card) read(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(c.name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// boot switches the board on.
func (c *card) boot(t *testing.T) *guest {
	t.Helper()
	c.port = reservePort(t)
	return c.bootWith(t, fmt.Sprintf("user,hostfwd=tcp:127.0.0.1:%d-:%d", c.port, pid1.UpdatePort))
}

// bootWith is boot with another network. Each start has its log of writes.
func (c *card) bootWith(t *testing.T, nic string) *guest {
	t.Helper()
	c.starts++
	log := c.logName(c.starts)
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return launch(t, fmt.Sprintf("console%d.log", c.starts), func(console string) (*exec.Cmd, error) {
		cmd, err := c.cache.Qemu(t.Context(), c.r, c.dir, "", "-chardev", console, "-chardev", "null,id=uart0")
		if err != nil {
			return nil, err
		}
		for i, a := range cmd.Args {
			switch {
			case strings.HasPrefix(a, "if=sd,"):
				cmd.Args[i] = "if=sd,driver=blklogwrites,file.driver=raw,file.file.driver=file,file.file.filename=" + c.name +
					",log.driver=file,log-sector-size=512,log.filename=" + log
			case a == "user" && cmd.Args[i-1] == "-nic":
				cmd.Args[i] = nic
			}
		}
		return cmd, nil
	})
}

func (c *card) logName(start int) string { return fmt.Sprintf("%s.log%d", c.name, start) }

// writes are those of a start.
func (c *card) writes(t *testing.T, start int) []write {
	t.Helper()
	w, err := readLog(c.logName(start))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// reservePort is a port of this machine's for QEMU, which cannot choose one and tell.
// It is bound until the test ends, so that nobody else is given it; Linux lets QEMU,
// who asks for that very one, listen there all the same, as both allow it.
func reservePort(t *testing.T) int {
	t.Helper()
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s) })
	err = unix.SetsockoptInt(s, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	a, err := unix.Getsockname(s)
	if err != nil {
		t.Fatal(err)
	}
	return a.(*unix.SockaddrInet4).Port
}

// send sends a bundle as lodectl does, but one that lodectl would not.
func (c *card) send(t *testing.T, bundle []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(bootWithin))
	conn.Write(bundle) // a board that refuses does not want the rest
	conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

// lodectl sends a bundle's file.
func (c *card) lodectl(t *testing.T, file string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), c.ctl, "update", fmt.Sprintf("127.0.0.1:%d", c.port), file).CombinedOutput()
	return string(out), err
}

// startsKernel is U-Boot's last word.
const startsKernel = "Starting kernel"

// works waits until the slot has proved itself.
func (c *card) works(t *testing.T, g *guest, n slot.Name, version string) {
	t.Helper()
	g.until(t, startsKernel, bootWithin)
	g.until(t, fmt.Sprintf("board: %s %s, slot %s", cardBoard, version, n), bootWithin)
	g.until(t, "shares: the first is accepted", bootWithin)
	t.Logf("slot %s: accepted work after %v", n, time.Since(g.begin).Round(time.Second))
}

// proves is works, and the card is told.
func (c *card) proves(t *testing.T, g *guest, n slot.Name, version string) {
	t.Helper()
	c.works(t, g, n, version)
	g.until(t, fmt.Sprintf("slot %s: good", n), bootWithin)
}

// wantState looks at the card itself.
func (c *card) wantState(t *testing.T, first slot.Name, a, b int) {
	t.Helper()
	s, err := stateOn(bytes.NewReader(c.read(t)))
	if err != nil || s.First != first || s.Left[slot.A] != a || s.Left[slot.B] != b {
		t.Fatalf("the card's state: %+v, %v; want %s first, A %d, B %d", s, err, first, a, b)
	}
}

// updates sends a bundle and waits until the board starts again.
func (c *card) updates(t *testing.T, g *guest, file string) {
	t.Helper()
	begin := time.Now()
	out, err := c.lodectl(t, file)
	if err != nil || !strings.Contains(out, "ok: ") {
		t.Fatalf("lodectl update: %v\n%s", err, out)
	}
	reboots(t, g)
	t.Logf("update after %v: %s", time.Since(begin).Round(time.Second), strings.TrimSpace(out))
}

// reboots waits until the board starts again, and switches it off: QEMU's has no reset.
func reboots(t *testing.T, g *guest) {
	t.Helper()
	g.until(t, "reboot now", bootWithin)
	g.stop()
}

// The card starts by its own boot loader and mines; it takes an update over the network
// and nothing else; and wherever the power fails meanwhile, it starts again.
func TestCard(t *testing.T) {
	w := newWorkshop(t)
	c := w.newCard(t)
	before := c.read(t)

	g := c.boot(t)
	c.proves(t, g, slot.A, w.version.String())
	c.wantState(t, slot.A, slot.Tries, slot.Tries)
	w.host.until(t, g, 1, 0, bootWithin)
	if !t.Run("refused", func(t *testing.T) { refused(t, c) }) {
		return
	}
	c.updates(t, g, w.next)
	c.wantState(t, slot.B, slot.Tries, slot.Tries)

	g = c.boot(t)
	c.proves(t, g, slot.B, nextVersion)
	c.wantState(t, slot.B, slot.Tries, slot.Tries)
	run := &recording{before, slices.Concat(c.writes(t, 1), c.writes(t, 2))}
	t.Run("then", func(t *testing.T) {
		t.Run("bad", func(t *testing.T) {
			t.Parallel()
			badUpdate(t, c, g)
		})
		t.Run("alone", func(t *testing.T) {
			t.Parallel()
			alone(t, w)
		})
		t.Run("corrupt", func(t *testing.T) {
			t.Parallel()
			corrupt(t, w)
		})
		t.Run("cuts", func(t *testing.T) {
			t.Parallel()
			powerCuts(t, w, run)
		})
	})
}

// refused sends what a board must not take: it says why, and nothing but its own
// records is written.
func refused(t *testing.T, c *card) {
	good, err := os.ReadFile(c.next)
	if err != nil {
		t.Fatal(err)
	}
	slots := c.inSlots(t)
	count := func() (n int) {
		for _, w := range c.writes(t, c.starts) {
			if slots(w) {
				n++
			}
		}
		return n
	}
	atImage := bytes.Index(good, []byte{0xd0, 0x0d, 0xfe, 0xed})
	flip := func(at int) []byte {
		b := slices.Clone(good)
		b[at] ^= 1
		return b
	}
	older := update.Version{}
	for _, bad := range []struct {
		what, says string
		bundle     []byte
	}{
		{"another board's", "for the board vexpress", bundleFor(t, "vexpress", c.version)},
		{"an older version", "is older than " + c.version.String(), bundleFor(t, cardBoard, older)},
		{"a bit of the manifest", "signature", flip(bytes.Index(good, []byte(nextVersion)))},
		{"a bit of the image", "another hash", flip(atImage + 1<<20)},
		{"the last bit", "another hash", flip(atImage + fitSize(good[atImage:]) - 1)},
		{"the first half", "cut off", good[:len(good)/2]},
		{"nothing", "cut off", nil},
	} {
		if answer := c.send(t, bad.bundle); !strings.HasPrefix(answer, "refused: ") || !strings.Contains(answer, bad.says) {
			t.Errorf("%s: the board says %q, want %q", bad.what, answer, bad.says)
		}
		if n := count(); n > 0 {
			t.Errorf("%s: %d sectors of the slots were written", bad.what, n)
		}
	}
	// lodectl itself looks first.
	name := filepath.Join(t.TempDir(), "half.update")
	if err := os.WriteFile(name, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := c.lodectl(t, name); err == nil || !strings.Contains(out, "cut off") {
		t.Errorf("lodectl with a half: %v, %s", err, out)
	}
}

func fitSize(fit []byte) int { return int(fit[4])<<24 | int(fit[5])<<16 | int(fit[6])<<8 | int(fit[7]) }

// inSlots says of a write whether it was to a slot.
func (c *card) inSlots(t *testing.T) func(write) bool {
	t.Helper()
	r := bytes.NewReader(c.read(t))
	a, _, err := partition(r, slotAPart)
	if err != nil {
		t.Fatal(err)
	}
	b, size, err := partition(r, slotBPart)
	if err != nil {
		t.Fatal(err)
	}
	return func(w write) bool { return w.at >= a && w.at < b+size }
}

// bundleFor is a small update, signed with the key that the board trusts.
func bundleFor(t *testing.T, board string, v update.Version) []byte {
	t.Helper()
	content := []byte("an image")
	m := &update.Manifest{Format: update.Format, Board: board, Version: v, Minimum: update.Version{}, Built: 1, Files: []update.File{update.FileOf(recipe.SlotFile, content)}}
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := slot.WriteBundle(&b, text, update.TestKey().Sign(text), content); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// badUpdate installs an image that boots and never does accepted work: after its tries
// the slot that worked comes back, by itself.
func badUpdate(t *testing.T, c *card, g *guest) {
	c.updates(t, g, c.bad)
	c.wantState(t, slot.A, slot.Tries, slot.Tries)
	for left := slot.Tries - 1; left >= 0; left-- {
		g := c.boot(t)
		g.until(t, fmt.Sprintf("trying slot A (tries left: A %d, B %d)", left, slot.Tries), bootWithin)
		t.Log(g.until(t, "Kernel panic", bootWithin))
		g.stop()
	}
	g = c.boot(t)
	c.proves(t, g, slot.B, nextVersion)
	g.stop()
	c.wantState(t, slot.B, 0, slot.Tries)
}

// corrupt flips one bit of slot A: U-Boot sees it and starts slot B. An update on the
// card that is another board's is refused there, and taken away; the slot goes on.
func corrupt(t *testing.T, w *workshop) {
	content := w.newCard(t).read(t)
	v, err := volume(bytes.NewReader(content), slotAPart)
	if err != nil {
		t.Fatal(err)
	}
	at, _, err := partition(bytes.NewReader(content), slotAPart)
	if err != nil {
		t.Fatal(err)
	}
	extents, err := v.Extents(recipe.SlotFile)
	if err != nil {
		t.Fatal(err)
	}
	content[at+extents[len(extents)/2].At+fat.Sector] ^= 4
	c := w.cardOf(t, content)
	c.lay(t, pid1.BundleOnCard, bundleFor(t, "vexpress", c.version))
	g := c.boot(t)
	g.until(t, "trying slot A", bootWithin)
	t.Log(g.until(t, "Bad hash", bootWithin))
	g.until(t, "slot A does not start", bootWithin)
	g.until(t, "trying slot B", bootWithin)
	g.until(t, startsKernel, bootWithin)
	here := g.seen
	refusal := g.until(t, "update: from the card: ", bootWithin)
	if !strings.Contains(refusal, "for the board vexpress") {
		t.Errorf("another board's update on the card: %s", refusal)
	}
	g.seen = here // whichever came first
	g.until(t, "shares: the first is accepted", bootWithin)
	g.until(t, "slot B: good", bootWithin)
	g.stop()
	c.wantState(t, slot.B, 2, slot.Tries)
	c.wantTaken(t)
}
