package pid1

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/firmware/fat"
)

// partitionWith is a data partition as a file, with what damage does to it.
func partitionWith(t *testing.T, damage func(b []byte)) (name string, before []byte) {
	t.Helper()
	const size = 32 << 20
	b, err := fat.Format(size, "LODE-DATA", 1, time.Time{}, []fat.File{
		{Name: "slots.json", Content: []byte("{}")}, {Name: "clock", Content: bytes.Repeat([]byte("x"), 3000)}, {Name: "seed.new", Content: []byte("x")},
	})
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, make([]byte, size-len(b))...)
	damage(b)
	name = filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name, b
}

const table = 4 * fat.Sector // of the volume: where its FAT is

func TestRepairData(t *testing.T) {
	for what, c := range map[string]struct {
		damage func(b []byte)
		files  []string
	}{
		"lost cluster":    {func(b []byte) { b[table+2*100] = 0xff }, []string{"slots.json", "clock"}},
		"a chain cut":     {func(b []byte) { b[table+2*3], b[table+2*3+1] = 0, 0 }, []string{"slots.json"}},
		"repair was cut":  {func(b []byte) { clear(b[:fat.Sector]) }, nil},
		"nothing is left": {func(b []byte) { clear(b) }, nil},
	} {
		name, _ := partitionWith(t, c.damage)
		result, err := repairData(name)
		if err != nil || !strings.Contains(result, "repaired") {
			t.Errorf("%s: %q, %v", what, result, err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		v, err := fat.Open(f)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if names, err := v.Names(); err != nil || !slices.Equal(names, c.files) || v.Check() != nil {
			t.Errorf("%s: %q, %v, %v; want %q", what, names, err, v.Check(), c.files)
		}
	}
}

// What is sound, and what is of another kind, is left as it is.
func TestNoRepair(t *testing.T) {
	for what, c := range map[string]struct {
		damage func(b []byte)
		fails  bool
	}{
		"sound":        {func([]byte) {}, false},
		"another kind": {func(b []byte) { copy(b[:8], "\xeb\x58\x90mkfs."); b[22], b[23] = 0, 0 }, true},
	} {
		name, before := partitionWith(t, c.damage)
		if result, err := repairData(name); result != "" || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", what, result, err)
		}
		if after, err := os.ReadFile(name); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: it was changed, %v", what, err)
		}
	}
}
