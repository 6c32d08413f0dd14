package bm13xx

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/lodefw/lode/internal/captures"
)

// hexBytes is a hex string in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// eachFile runs a subtest for each capture of a kind, with its JSON decoded.
func eachFile[T any](t *testing.T, prefix string, test func(t *testing.T, file T)) {
	t.Helper()
	for _, path := range captures.Files(t, prefix, ".json") {
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
	for _, path := range captures.Files(t, prefix, ".csv") {
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
