package cli

import (
	"errors"
	"os"
)

// WriteNew writes a new file, and leaves none behind that has half of a key. It never
// replaces one: those who know the old key would not recognise its owner any more.
func WriteNew(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return Failf(Config, "not written: %w; no file is replaced here", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
