package pid1

import (
	"errors"
	"fmt"
	"path"
)

// loadAll loads modules in their order with load. What is there already is no error;
// one that fails does not keep the others from being tried.
func loadAll(dir string, names []string, load func(path string) error) (result string, err error) {
	loaded := 0
	for _, name := range names {
		if e := load(path.Join(dir, name)); e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, e))
			continue
		}
		loaded++
	}
	if len(names) == 0 {
		return "", nil
	}
	return fmt.Sprintf("%d loaded", loaded), err
}
