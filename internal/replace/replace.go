// Package replace writes files that a power cut must not spoil.
package replace

import (
	"errors"
	"os"
	"path/filepath"
)

// Suffix is that of a file that is not whole yet. Its name is always the same, so
// that power cuts leave one at most.
const Suffix = ".new"

// File replaces a file, or makes it: after a power cut there is the old one or the
// new one. One process at a time may.
func File(path string, content []byte, mode os.FileMode) error {
	temp := path + Suffix
	if err := write(temp, content, mode); err != nil {
		os.Remove(temp)
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync() // not every file system can
		dir.Close()
	}
	return nil
}

func write(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
