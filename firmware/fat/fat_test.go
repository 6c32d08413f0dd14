package fat

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const mib = 1 << 20

// whole is a volume with garbage where Format left it free.
func whole(t testing.TB, size int64, files []File) []byte {
	t.Helper()
	b, err := Format(size, "TEST", 1, time.Unix(1.8e9, 0), files)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, bytes.Repeat([]byte{0xa5}, int(size)-len(b))...)
}

func someFiles() []File {
	r := rand.New(rand.NewPCG(1, 2))
	var files []File
	for i, n := range []int{0, 1, 511, 512, 2048, 2049, 300_000} {
		content := make([]byte, n)
		for j := range content {
			content[j] = byte(r.Uint32())
		}
		name := []string{"lode.itb", "manifest.json", "manifest.json.sig", "abcdefghijklm", "a-b_c.D", "abcdefghijklmn", "x"}[i]
		files = append(files, File{name, content})
	}
	return files
}

func TestFormat(t *testing.T) {
	for _, size := range []int64{9 * mib, 20 * mib, 31 * mib, 36 * mib, 129 * mib, 1024 * mib} {
		files := someFiles()
		b, err := Format(size, "TEST", 1, time.Time{}, files)
		if err != nil {
			t.Fatalf("%d: %v", size, err)
		}
		v, err := Open(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%d: %v", size, err)
		}
		for _, f := range files {
			if got, err := v.ReadFile(f.Name); err != nil || !bytes.Equal(got, f.Content) {
				t.Errorf("%d: %s: %d bytes, %v", size, f.Name, len(got), err)
			}
		}
		var want []string
		for _, f := range files {
			want = append(want, f.Name)
		}
		if got, err := v.Names(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%d: %v, %v", size, got, err)
		}
		if err := v.Check(); err != nil {
			t.Errorf("%d: %v", size, err)
		}
		if got := v.Salvage(2048); len(got) != 5 || got[4].Name != "a-b_c.D" || !bytes.Equal(got[4].Content, files[4].Content) {
			t.Errorf("%d: %d files of at most 2048 bytes", size, len(got))
		}
		if _, err := v.ReadFile("MANIFEST.JSON"); err != nil {
			t.Errorf("in capitals: %v", err)
		}
		if _, err := v.ReadFile("none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
	}
}

func TestTooMuch(t *testing.T) {
	for name, c := range map[string]struct {
		size  int64
		files []File
	}{
		"small volume": {mib, nil},
		"large file":   {9 * mib, []File{{"a", make([]byte, 9*mib)}}},
		"a path":       {9 * mib, []File{{"a/b", nil}}},
		"no name":      {9 * mib, []File{{"", nil}}},
		"many files":   {9 * mib, slices.Repeat([]File{{"manifest.json", nil}}, 300)},
	} {
		if _, err := Format(c.size, "TEST", 1, time.Time{}, c.files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A chain that goes nowhere is an error, and so is one in a circle.
func TestDamaged(t *testing.T) {
	b := whole(t, 9*mib, []File{{"long", bytes.Repeat([]byte("x"), 10_000)}})
	for _, next := range []byte{0, 1, 2, 3} {
		bad := slices.Clone(b)
		bad[reserved*Sector+2*3], bad[reserved*Sector+2*3+1] = next, 0
		v, err := Open(bytes.NewReader(bad))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.ReadFile("long"); err == nil {
			t.Errorf("chain to %d: %d bytes, %v", next, len(got), err)
		}
	}
	l, err := newLayout(9 * mib)
	if err != nil {
		t.Fatal(err)
	}
	huge := slices.Clone(b)
	size := l.rootAt()*Sector + 2*entrySize + 28 // behind the label and the long name
	binary.LittleEndian.PutUint32(huge[size:], 0xffffffff)
	v, err := Open(bytes.NewReader(huge))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.ReadFile("long"); err == nil {
		t.Errorf("a size of 4 GiB: %d bytes", len(got))
	}
	clear(b[:Sector])
	if _, err := Open(bytes.NewReader(b)); !errors.Is(err, errNoFAT) {
		t.Errorf("without a first sector: %v", err)
	}
}

// What a power cut leaves, and what of it can be had still.
func TestCheck(t *testing.T) {
	files := []File{{"a", bytes.Repeat([]byte("a"), 5000)}, {"b", []byte("b")}, {"c", nil}}
	table := func(b []byte, cluster int, next uint16) {
		b[reserved*Sector+2*cluster], b[reserved*Sector+2*cluster+1] = byte(next), byte(next>>8)
	}
	l, err := newLayout(9 * mib)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(i int) int { return l.rootAt()*Sector + i*entrySize } // the label, then a long name and a short one each
	for name, c := range map[string]struct {
		damage func(b []byte)
		left   int // files that can be read
	}{
		"lost cluster":   {func(b []byte) { table(b, 100, 0xffff) }, 3},
		"chain cut":      {func(b []byte) { table(b, 3, 0) }, 2},
		"ends early":     {func(b []byte) { table(b, 3, 0xffff) }, 2},
		"ends late":      {func(b []byte) { table(b, 4, 5) }, 3},
		"shared":         {func(b []byte) { b[entry(4)+26] = 2 }, 3},
		"size too small": {func(b []byte) { b[entry(2)+28], b[entry(2)+29] = 1, 0 }, 3},
		"a folder":       {func(b []byte) { b[entry(4)+11] = attrDir }, 2},
	} {
		b := whole(t, 9*mib, files)
		c.damage(b)
		v, err := Open(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Check(); err == nil {
			t.Errorf("%s is not seen", name)
		}
		if got := v.Salvage(mib); len(got) != c.left {
			t.Errorf("%s: %d files can be read, want %d", name, len(got), c.left)
		}
	}
}

// FuzzOpen puts the table and the directory where the first sector says they are.
func FuzzOpen(f *testing.F) {
	files := []File{{"lode.itb", bytes.Repeat([]byte("x"), 5000)}, {"slots.env", []byte("x")}}
	b, err := Format(9*mib, "TEST", 1, time.Time{}, files)
	if err != nil {
		f.Fatal(err)
	}
	l, err := parseLayout(b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:Sector], b[l.reserved*Sector:][:64], b[l.rootAt()*Sector:][:6*entrySize])
	f.Fuzz(func(t *testing.T, first, table, root []byte) {
		l, err := parseLayout(first)
		if err != nil {
			return
		}
		v, err := Open(places{0: first, int64(l.reserved) * Sector: table, int64(l.rootAt()) * Sector: root})
		if err != nil {
			t.Fatal(err)
		}
		checkVolume(t, v)
	})
}

func checkVolume(t *testing.T, v *Volume) {
	const most = 16 << 10 // so that a file is quickly read
	small := 0
	err := v.each(false, func(_, _ string, e []byte) bool {
		if _, size := place(e); size <= most {
			small++
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	names, _ := v.Names()
	for _, name := range names[:min(len(names), 50)] {
		if extents, err := v.Extents(name); err != nil || len(extents) > 16 {
			continue
		}
		if _, err := v.ReadFile(name); err != nil {
			t.Errorf("%q has its extents, but: %v", name, err)
		}
	}
	if got := len(v.Salvage(most)); got > small || v.Check() == nil && got < small {
		t.Errorf("%d files can be read of %d", got, small)
	}
}

// places are the parts of an image that are not zeroes, by where they are.
type places map[int64][]byte

func (p places) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	copy(b, p[at])
	return len(b), nil
}

func Example() {
	b, err := Format(36*mib, "LODE-A", 0x4c4f4432, time.Time{}, []File{{"lode.itb", []byte("kernel, tree, program")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := Open(bytes.NewReader(b))
	if err != nil {
		fmt.Println(err)
		return
	}
	content, err := v.ReadFile("lode.itb")
	fmt.Println(string(content), err)
	// Output: kernel, tree, program <nil>
}
