// Package vectors reads the shared test vectors: testdata/vectors.json, and any
// further files of the same format that the environment variable LODE_VECTORS
// names (a path list), so that anyone can check lode against more.
//
// The file was put together in November 2026 from the spec's and other
// implementations' tests; each vector names its source.
package vectors

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

//go:embed testdata/vectors.json
var own []byte

type file struct {
	Categories map[string]struct {
		Vectors []json.RawMessage `json:"vectors"`
	} `json:"categories"`
}

// Each runs a subtest for every vector of a category, named by the vector's id.
// It fails the test if there is none at all.
func Each[V any](t *testing.T, category string, run func(t *testing.T, v V)) {
	t.Helper()
	n := 0
	for _, f := range files(t) {
		for _, raw := range f.Categories[category].Vectors {
			var id struct {
				ID string `json:"id"`
			}
			var v V
			if err := json.Unmarshal(raw, &id); err != nil {
				t.Fatalf("%s: %v", category, err)
			}
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Errorf("%s/%s: %v", category, id.ID, err)
				continue
			}
			n++
			t.Run(category+"/"+id.ID, func(t *testing.T) { run(t, v) })
		}
	}
	if n == 0 {
		t.Fatalf("no vectors of category %q", category)
	}
}

func files(t *testing.T) []file {
	t.Helper()
	texts := [][]byte{own}
	for _, path := range filepath.SplitList(os.Getenv("LODE_VECTORS")) {
		text, err := read(path)
		if err != nil {
			t.Fatalf("LODE_VECTORS: %v", err)
		}
		texts = append(texts, text)
	}
	out := make([]file, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal(text, &out[i]); err != nil {
			t.Fatalf("vectors file %d: %v", i, err)
		}
	}
	return out
}

// read reads a file whose path, if it is relative, counts from the current folder or
// from one above it: tests run in their package's folder, not where their user is.
func read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err == nil || filepath.IsAbs(path) {
		return text, err
	}
	dir, dirErr := os.Getwd()
	for dirErr == nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if text, err := os.ReadFile(filepath.Join(dir, path)); err == nil {
			return text, nil
		}
	}
	return nil, err
}

// Hex is a byte string written as hex in the file.
type Hex []byte

// UnmarshalText reads hex of either case.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}
