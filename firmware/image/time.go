package image

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// touchAll gives every file in the work folder the image's time.
func (b *builder) touchAll() error {
	entries, err := os.ReadDir(b.work)
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	t := time.Unix(b.Built, 0)
	for _, e := range entries {
		if err := os.Chtimes(filepath.Join(b.work, e.Name()), t, t); err != nil {
			return fmt.Errorf("image: %w", err)
		}
	}
	return nil
}
