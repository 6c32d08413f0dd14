package pid1

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A device is there when it can be opened: a socket's file cannot (ENXIO), as a
// partition's cannot for a moment.
func TestAppears(t *testing.T) {
	name := filepath.Join(t.TempDir(), "mmcblk0p1")
	if appears(name, 0) {
		t.Error("nothing appeared")
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	if appears(name, 0) {
		t.Error("what cannot be opened appeared")
	}
	l.Close()
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !appears(name, time.Minute) {
		t.Error("a file did not appear")
	}
}
