// Package captures reads the board-level captures: testdata/captures, and further
// files of the same formats that the environment variable LODE_CAPTURES names (a
// path list of files and folders), so that anyone can check the drivers against
// more.
package captures

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed testdata/captures/*.json
var own embed.FS

// Each runs a subtest for every vector of a set, such as "psu-frames". It fails
// the test if there is none.
func Each[V any](t *testing.T, set string, run func(t *testing.T, v V)) {
	t.Helper()
	n := 0
	for name, text := range files(t, set) {
		var file struct {
			Vectors []json.RawMessage `json:"vectors"`
		}
		if err := json.Unmarshal(text, &file); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, raw := range file.Vectors {
			var v V
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Errorf("%s vector %d: %v", name, i, err)
				continue
			}
			n++
			t.Run(fmt.Sprintf("%s/%d", filepath.Base(name), i), func(t *testing.T) { run(t, v) })
		}
	}
	if n == 0 {
		t.Fatalf("no vectors in the set %q", set)
	}
}

// files returns our file of the set and what LODE_CAPTURES adds.
func files(t *testing.T, set string) map[string][]byte {
	t.Helper()
	name := "testdata/captures/" + set + ".json"
	text, err := own.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{name: text}
	for _, path := range filepath.SplitList(os.Getenv("LODE_CAPTURES")) {
		if err := add(all, set, find(path)); err != nil {
			t.Fatalf("LODE_CAPTURES: %v", err)
		}
	}
	return all
}

func add(all map[string][]byte, set, root string) error {
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		base := filepath.Base(name)
		if err != nil || d.IsDir() || !strings.Contains(base, set) || filepath.Ext(base) != ".json" {
			return err
		}
		all[name], err = os.ReadFile(name)
		return err
	})
}

// Files lists the captures whose name has a set in it and ends in ext: of the calling
// package's testdata/captures, and of what LODE_CAPTURES names, folders with all
// that is below them.
func Files(t testing.TB, set, ext string) (files []string) {
	t.Helper()
	roots := []string{"testdata/captures"}
	for _, path := range filepath.SplitList(os.Getenv("LODE_CAPTURES")) {
		roots = append(roots, find(path))
	}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			base := filepath.Base(name)
			if err == nil && !d.IsDir() && strings.Contains(base, set) && strings.HasSuffix(base, ext) {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			t.Fatalf("captures: %v", err)
		}
	}
	if len(files) == 0 {
		t.Fatalf("no captures %s*%s", set, ext)
	}
	return files
}

// find resolves a relative path from the current folder or from one above it:
// tests run in their package's folder, not where their user is.
func find(path string) string {
	dir, err := os.Getwd()
	for ; err == nil && !filepath.IsAbs(path); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, path)); err == nil {
			return filepath.Join(dir, path)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return path
}

// Hex is a byte string written as hex in the file; null is none.
type Hex []byte

// UnmarshalText reads hex of either case.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// Sensor is a vector of the set "sensors": registers by their hex address, and
// what they mean.
type Sensor struct {
	Sensor string
	Regs   map[string]Hex
	Result map[string]any
}

// Sensors runs a subtest for every vector of one kind of sensor.
func Sensors(t *testing.T, kind string, run func(t *testing.T, v Sensor)) {
	t.Helper()
	n := 0
	Each(t, "sensors", func(t *testing.T, v Sensor) {
		if v.Sensor == kind {
			n++
			run(t, v)
		}
	})
	if n == 0 {
		t.Fatalf("no vectors of the sensor %q", kind)
	}
}
