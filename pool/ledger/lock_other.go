//go:build !unix

package ledger

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir cannot lock here: the file only shows that the directory is a ledger.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return f, nil
}

func unlock(f *os.File) { f.Close() }
