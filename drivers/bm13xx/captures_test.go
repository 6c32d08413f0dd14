package bm13xx

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hexBytes is a hex string in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// captures lists the files whose name starts with prefix, in testdata/captures
// and in what LODE_CAPTURES names.
func captures(t testing.TB, prefix, ext string) []string {
	t.Helper()
	var files []string
	roots := append([]string{"testdata/captures"}, filepath.SplitList(os.Getenv("LODE_CAPTURES"))...)
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			base := filepath.Base(path)
			if err == nil && !d.IsDir() && strings.HasPrefix(base, prefix) && strings.HasSuffix(base, ext) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) == 0 {
		t.Fatalf("no captures %s*%s", prefix, ext)
	}
	return files
}

// eachFile runs a subtest for each capture of a kind, with its JSON decoded.
func eachFile[T any](t *testing.T, prefix string, test func(t *testing.T, file T)) {
	t.Helper()
	for _, path := range captures(t, prefix, ".json") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var file T
			if err := json.Unmarshal(b, &file); err != nil {
				t.Fatal(err)
			}
			test(t, file)
		})
	}
}

// vectors is the usual form of a file.
type vectors[T any] struct {
	Chip    string
	Vectors []T
}

// eachRow runs test for each line of the CSV files of a kind.
func eachRow(t *testing.T, prefix string, test func(t *testing.T, path string, row []string)) {
	t.Helper()
	for _, path := range captures(t, prefix, ".csv") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(bytes.NewReader(b))
		r.Comment = '#'
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			test(t, path, row)
		}
	}
}
