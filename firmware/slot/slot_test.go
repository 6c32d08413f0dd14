package slot

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lodefw/lode/firmware/fat"
	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/update"
)

// disk is a card in memory whose power fails after so many writes: the one that is
// cut leaves a part of the new content over the old.
type disk struct {
	files map[string][]byte
	left  int // writes until the power fails; negative: it does not
	rand  *rand.Rand
	wear  string // a file that does not keep what is written
}

var errCut = errors.New("power is cut")

func (d *disk) Read(part, name string) ([]byte, error) {
	if d.left == 0 {
		return nil, errCut
	}
	b, ok := d.files[part+"/"+name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return b, nil
}

func (d *disk) Write(part, name string, content []byte) error {
	if d.left == 0 {
		return errCut
	}
	file := part + "/" + name
	if d.left--; d.left == 0 {
		torn := slices.Clone(content)
		if old := d.files[file]; len(old) == len(torn) {
			copy(torn[d.rand.IntN(len(torn)):], old)
		} else {
			torn = torn[:d.rand.IntN(len(torn)+1)]
		}
		d.files[file] = torn
		return errCut
	}
	d.files[file] = slices.Clone(content)
	if d.wear == name {
		d.files[file][0] ^= 1
	}
	return nil
}

// Replace is as many writes as there are files.
func (d *disk) Replace(n Name, files []fat.File) error {
	if d.left == 0 {
		return errCut
	}
	for name := range d.files {
		if strings.HasPrefix(name, string(n)+"/") {
			delete(d.files, name)
		}
	}
	for _, f := range files {
		if err := d.Write(string(n), f.Name, f.Content); err != nil {
			return err
		}
	}
	return nil
}

// boots does what boot.cmd does: it returns the slot that starts, after as many
// tries as that takes. FIT images have hashes, so a torn one does not start.
func (d *disk) boots(t *testing.T) Name {
	t.Helper()
	c := Card{Disk: d}
	for range 3 {
		s := c.State()
		for _, n := range []Name{s.First, s.First.Other()} {
			if s.Left[n] == 0 {
				continue
			}
			s.Left[n]--
			if err := c.setState(s); err != nil {
				t.Fatal(err)
			}
			if image := d.files[string(n)+"/"+recipe.SlotFile]; bytes.HasPrefix(image, []byte("whole ")) && bytes.HasSuffix(image, []byte(" end")) {
				return n
			}
		}
		if err := c.setState(State{First: s.First, Left: map[Name]int{A: Tries, B: Tries}}); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no slot starts")
	return ""
}

func version(t testing.TB, text string) update.Version {
	v, err := update.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// bundle makes an update for the board "h3".
func bundle(t testing.TB, v, minimum, content string) []byte {
	image := []byte("whole " + content + " end")
	m := &update.Manifest{
		Format: update.Format, Board: "h3", Version: version(t, v), Minimum: version(t, minimum), Built: 1,
		Files: []update.File{update.FileOf(recipe.SlotFile, image)},
	}
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteBundle(&b, text, update.TestKey().Sign(text), image); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func newDisk(t testing.TB, seed uint64) *disk {
	d := &disk{files: make(map[string][]byte), left: -1, rand: rand.New(rand.NewPCG(seed, 0))}
	first := bundle(t, "v1.0.0", "v1.0.0", "first")
	b, err := ReadBundle(bytes.NewReader(first), func(m, _ []byte) (*update.Manifest, error) { return update.Parse(m) })
	if err != nil {
		t.Fatal(err)
	}
	c := Card{Disk: d}
	for _, n := range []Name{A, B} {
		if err := c.fill(n, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.setState(NewState()); err != nil {
		t.Fatal(err)
	}
	return d
}

func device(t testing.TB) Device {
	return Device{Board: "h3", Version: version(t, "v1.0.0"), Keys: []update.PublicKey{update.TestKey().Public()}}
}

func TestUpdateAndBack(t *testing.T) {
	d := newDisk(t, 1)
	c := Card{Disk: d, Running: d.boots(t)}
	if c.Running != A || c.Proved() {
		t.Fatalf("slot %s, proved %v", c.Running, c.Proved())
	}
	if err := c.MarkGood(); err != nil || !c.Proved() || c.State().Left[A] != Tries {
		t.Fatalf("%v, proved %v, %+v", err, c.Proved(), c.State())
	}
	m, err := c.Install(bytes.NewReader(bundle(t, "v1.1.0", "v1.0.0", "second")), device(t))
	if err != nil || m.Version.String() != "v1.1.0" {
		t.Fatal(m, err)
	}
	// What runs still, and is told that it works, does not take that back.
	if err := c.MarkGood(); err != nil || c.State().First != B {
		t.Fatalf("%v, %+v", err, c.State())
	}
	// It never works: after its tries the old one comes back.
	for i := range Tries {
		if got := d.boots(t); got != B {
			t.Fatalf("start %d: slot %s", i, got)
		}
		if (&Card{Disk: d, Running: B}).Proved() {
			t.Error("a slot that did nothing is proved")
		}
	}
	if got := d.boots(t); got != A {
		t.Fatalf("after its tries: slot %s", got)
	}
	c = Card{Disk: d, Running: A}
	if err := c.MarkGood(); err != nil || d.boots(t) != A {
		t.Fatalf("%v", err)
	}
	// Once more, and it works.
	if _, err := c.Install(bytes.NewReader(bundle(t, "v1.1.0", "v1.1.0", "second")), device(t)); err != nil {
		t.Fatal(err)
	}
	c = Card{Disk: d, Running: d.boots(t)}
	if err := c.MarkGood(); err != nil || c.Running != B || !c.Proved() {
		t.Fatalf("slot %s, %v", c.Running, err)
	}
	for range 5 {
		if got := d.boots(t); got != B {
			t.Fatalf("slot %s", got)
		}
		if err := c.MarkGood(); err != nil {
			t.Fatal(err)
		}
	}
	// There is no way back behind its minimum.
	now := device(t)
	now.Version = version(t, "v1.0.0") // as if that ran
	if _, err := c.Install(bytes.NewReader(bundle(t, "v1.0.5", "v1.0.0", "older")), now); err == nil || !strings.Contains(err.Error(), "v1.1.0") {
		t.Errorf("a version below the minimum: %v", err)
	}
}

// Wherever the power fails, a slot with a whole image starts, and the update can be
// made again.
func TestPowerCuts(t *testing.T) {
	update := bundle(t, "v1.1.0", "v1.0.0", "second")
	for cut := 1; ; cut++ {
		done := false
		for seed := range uint64(8) {
			d := newDisk(t, seed)
			c := Card{Disk: d, Running: d.boots(t)}
			if err := c.MarkGood(); err != nil {
				t.Fatal(err)
			}
			d.left = cut
			_, err := c.Install(bytes.NewReader(update), device(t))
			done = err == nil
			d.left = -1
			got := d.boots(t)
			if want := "first"; !done && got == B && !bytes.Contains(d.files["B/"+recipe.SlotFile], []byte("second")) {
				t.Errorf("cut %d, seed %d: slot B starts with what is neither; want %s in A", cut, seed, want)
			}
			again := Card{Disk: d, Running: got}
			if err := again.MarkGood(); err != nil {
				t.Fatal(err)
			}
			if _, err := again.Install(bytes.NewReader(update), device(t)); err != nil {
				t.Errorf("cut %d, seed %d: once more: %v", cut, seed, err)
			}
			if next := d.boots(t); next != got.Other() {
				t.Errorf("cut %d, seed %d: slot %s ran, then %s", cut, seed, got, next)
			}
		}
		if done {
			if cut < 8 {
				t.Errorf("only %d writes", cut)
			}
			return
		}
	}
}

func TestRefused(t *testing.T) {
	good := bundle(t, "v1.1.0", "v1.0.0", "second")
	other := device(t)
	other.Board = "zynq"
	release := device(t)
	release.Release = true
	keyless := device(t)
	keyless.Keys = nil
	newer := device(t)
	newer.Version = version(t, "v2.0.0")
	flip := func(at int) []byte { b := slices.Clone(good); b[at] ^= 0x10; return b }
	inManifest := bytes.Index(good, []byte("v1.1.0"))
	inSignature := bytes.Index(good, []byte("untrusted comment: verify")) + 100
	inImage := bytes.Index(good, []byte("second"))
	for name, c := range map[string]struct {
		bundle []byte
		device Device
		says   string
	}{
		"another board":   {good, other, "zynq"},
		"older":           {good, newer, "v2.0.0"},
		"a test key":      {good, release, "keygen"},
		"no key":          {good, keyless, "without a key"},
		"manifest's bit":  {flip(inManifest), device(t), "signature"},
		"signature's bit": {flip(inSignature), device(t), "signature"},
		"image's bit":     {flip(inImage), device(t), "lode.itb"},
		"header's bit":    {flip(0), device(t), "bundle"},
		"cut off":         {good[:inImage+2], device(t), "cut off"},
		"manifest only":   {good[:1024], device(t), "cut off"},
		"nothing":         {nil, device(t), "cut off"},
		"something else":  {bytes.Repeat([]byte("x"), 2000), device(t), "bundle"},
		"another's files": {bundleOf(t, "kernel"), device(t), "for a card"},
	} {
		d := newDisk(t, 1)
		before := fmt.Sprint(sums(d))
		card := Card{Disk: d, Running: A}
		if _, err := card.Install(bytes.NewReader(c.bundle), c.device); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if fmt.Sprint(sums(d)) != before {
			t.Errorf("%s: something was written", name)
		}
	}
	card := Card{Disk: newDisk(t, 1)}
	if _, err := card.Install(bytes.NewReader(good), device(t)); err == nil {
		t.Error("no slot is known to run, and it installs")
	}
}

// The only image that is known to work is not given up, nor is a slot that was just
// filled; and one update comes after the other.
func TestInstallWaits(t *testing.T) {
	d := newDisk(t, 1)
	install := func(c *Card, v string) error {
		_, err := c.Install(bytes.NewReader(bundle(t, v, "v1.0.0", v)), device(t))
		return err
	}
	fresh := Card{Disk: d, Running: A}
	if err := install(&fresh, "v1.1.0"); err != nil { // nobody knows that any works
		t.Fatal(err)
	}
	if err := install(&fresh, "v1.2.0"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("before the boot: %v", err)
	}
	if err := (&Card{Disk: d, Running: A}).MarkGood(); err != nil {
		t.Fatal(err)
	}
	trial := Card{Disk: d, Running: B}
	before := fmt.Sprint(sums(d))
	if err := install(&trial, "v1.2.0"); err == nil || !strings.Contains(err.Error(), "only one") {
		t.Errorf("in its trial: %v", err)
	}
	if fmt.Sprint(sums(d)) != before {
		t.Error("something was written in the trial")
	}
	if err := trial.MarkGood(); err != nil {
		t.Fatal(err)
	}
	// The first has sent its manifest and takes its time; the second is told so.
	b := bundle(t, "v1.2.0", "v1.0.0", "third")
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := trial.Install(r, device(t))
		done <- err
	}()
	head := len(b) - 2048 // the image and the end are left
	if _, err := w.Write(b[:head]); err != nil {
		t.Fatal(err)
	}
	if err := install(&trial, "v1.2.0"); !errors.Is(err, ErrBusy) {
		t.Errorf("while another is under way: %v", err)
	}
	defer r.Close() // nobody reads the archive's end
	go w.Write(b[head:])
	if err := <-done; err != nil || trial.State().First != A {
		t.Errorf("the first one: %v", err)
	}
}

// A header that promises more than the manifest gets no memory.
func TestBundleHeader(t *testing.T) {
	b := bundle(t, "v1.1.0", "v1.0.0", "second")
	var large bytes.Buffer
	r, w := tar.NewReader(bytes.NewReader(b)), tar.NewWriter(&large)
	for range 2 {
		h, err := r.Next()
		if err == nil {
			err = w.WriteHeader(h)
		}
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteHeader(&tar.Header{Name: recipe.SlotFile, Size: MaxImage, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	c := Card{Disk: newDisk(t, 1), Running: A}
	if _, err := c.Install(&large, device(t)); err == nil || !strings.Contains(err.Error(), "at most 16 can be taken") {
		t.Errorf("%v", err)
	}
}

func sums(d *disk) map[string][32]byte {
	m := make(map[string][32]byte)
	for name, b := range d.files {
		m[name] = sha256.Sum256(b)
	}
	return m
}

// bundleOf has a manifest for another file.
func bundleOf(t *testing.T, name string) []byte {
	m := &update.Manifest{
		Format: update.Format, Board: "h3", Version: version(t, "v1.1.0"), Built: 1, Files: []update.File{update.FileOf(name, []byte("x"))},
	}
	text, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteBundle(&b, text, update.TestKey().Sign(text), []byte("x")); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A card that does not keep what is written stays with the slot that runs.
func TestWornOut(t *testing.T) {
	for _, name := range []string{recipe.SlotFile, recipe.SlotManifest} {
		d := newDisk(t, 1)
		c := Card{Disk: d, Running: d.boots(t)}
		d.wear = name
		if _, err := c.Install(bytes.NewReader(bundle(t, "v1.1.0", "v1.0.0", "second")), device(t)); err == nil || !strings.Contains(err.Error(), "slot A stays") {
			t.Errorf("%s: %v", name, err)
		}
		if got := d.boots(t); got != A {
			t.Errorf("%s: slot %s", name, got)
		}
	}
}

// FuzzParseState also takes the bytes for the file's text, whose checksum no chance
// would meet.
func FuzzParseState(f *testing.F) {
	f.Add(NewState().Encode())
	f.Add(State{First: B, Left: map[Name]int{A: 0, B: 2}}.Encode())
	f.Add([]byte("BOOT_ORDER=B\x00BOOT_A_LEFT=ff\x00BOOT_A_LEFT=1\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkState(t, b)
		whole := make([]byte, recipe.SlotsSize)
		copy(whole[4:], b)
		binary.LittleEndian.PutUint32(whole, crc32.ChecksumIEEE(whole[4:]))
		checkState(t, whole)
	})
}

// checkState says that b is no state, or one that comes back.
func checkState(t *testing.T, b []byte) {
	t.Helper()
	s, err := ParseState(b)
	if err != nil {
		return
	}
	again, err := ParseState(s.Encode())
	if err != nil || again.First != s.First || again.Left[A] != s.Left[A] || again.Left[B] != s.Left[B] {
		t.Errorf("%+v, %+v, %v", s, again, err)
	}
}

// Whatever bit of a bundle is not as it was written, and wherever it is cut off, it is
// refused. Only the signature's comment is nobody's word, as signify has it.
func TestDamagedBundle(t *testing.T) {
	good := bundle(t, "v1.1.0", "v1.0.0", "second")
	read := func(b []byte) error {
		_, err := ReadBundle(bytes.NewReader(b), func(m, signature []byte) (*update.Manifest, error) {
			if err := update.VerifyAny(m, signature, []update.PublicKey{update.TestKey().Public()}, false); err != nil {
				return nil, err
			}
			return update.Parse(m)
		})
		return err
	}
	if err := read(append(bytes.Clone(good), "what follows belongs to somebody else"...)); err != nil {
		t.Fatal(err)
	}
	comment := bytes.Index(good, []byte("verify with the lode update key"))
	end := comment + bytes.IndexByte(good[comment:], '\n')
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1 << (i % 8)
		if comment <= i && i < end {
			continue
		}
		if read(b) == nil {
			t.Errorf("bit %d of byte %d is flipped and nobody sees it", i%8, i)
		}
		if read(good[:i]) == nil {
			t.Errorf("it is taken with %d of %d bytes", i, len(good))
		}
	}
}

func FuzzReadBundle(f *testing.F) {
	f.Add(bundle(f, "v1.1.0", "v1.0.0", "second"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ReadBundle(bytes.NewReader(b), func(m, _ []byte) (*update.Manifest, error) { return update.Parse(m) })
	})
}

// What U-Boot's "env export -c -s 0x1000" writes.
func TestUBootsState(t *testing.T) {
	b := State{First: B, Left: map[Name]int{A: 3, B: 2}}.Encode()
	if len(b) != 4096 || !bytes.Equal(b[4:48], []byte("BOOT_ORDER=B A\x00BOOT_A_LEFT=3\x00BOOT_B_LEFT=2\x00\x00")[:44]) {
		t.Errorf("%q", b[:60])
	}
	b[10] ^= 1
	if _, err := ParseState(b); err == nil {
		t.Error("a flipped bit is not seen")
	}
}
