package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Cache keeps what was downloaded and what took long to build. Nothing in it is
// needed for ever: remove its folder, and all comes again.
type Cache struct {
	Dir string
	// Refresh asks Debian for newer packages, though the cache has some.
	Refresh bool
	// Offline forbids every download: what is missing is an error.
	Offline bool
	// Log tells what takes long; nil is silence.
	Log func(format string, args ...any)
}

// DefaultCache is in the user's folder of caches, or where LODE_CACHE says.
func DefaultCache() (*Cache, error) {
	if dir := os.Getenv("LODE_CACHE"); dir != "" {
		dir, err := filepath.Abs(dir)
		return &Cache{Dir: dir}, err
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("image: no folder for downloads, set LODE_CACHE: %w", err)
	}
	return &Cache{Dir: filepath.Join(dir, "lode")}, nil
}

// ErrOffline means that something is not in the cache and must not be downloaded.
var ErrOffline = errors.New("image: not in the cache")

func (c *Cache) logf(format string, args ...any) {
	if c.Log != nil {
		c.Log(format, args...)
	}
}

// once makes the folder name by fill, unless it is there: whole or not at all, and
// only once if several builds want it at the same time.
func (c *Cache) once(name string, fill func(dir string) error) (string, error) {
	done := filepath.Join(c.Dir, name)
	if exists(done) && !c.Refresh {
		return done, nil
	}
	lock := "lock" // apt's lists are one for all; a kernel that is built keeps nobody from them
	if strings.HasPrefix(name, "kernel") {
		lock = "lock-kernel"
	}
	unlock, err := c.lock(lock)
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(done) && !c.Refresh {
		return done, nil
	}
	if c.Offline {
		return "", fmt.Errorf("%w: %s; run make firmware with the network", ErrOffline, name)
	}
	if err := os.MkdirAll(filepath.Dir(done), 0o755); err != nil {
		return "", fmt.Errorf("image: cache: %w", err)
	}
	part, err := os.MkdirTemp(c.Dir, ".part-")
	if err != nil {
		return "", fmt.Errorf("image: cache: %w", err)
	}
	defer os.RemoveAll(part)
	if err := os.Chmod(part, 0o755); err != nil {
		return "", fmt.Errorf("image: cache: %w", err)
	}
	if err := fill(part); err != nil {
		return "", err
	}
	if err := os.RemoveAll(done); err != nil {
		return "", fmt.Errorf("image: cache: %w", err)
	}
	return done, os.Rename(part, done)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
