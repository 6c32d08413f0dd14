package pid1

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
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

// What is busy is waited for, but not for good; other errors are not.
func TestWhenFree(t *testing.T) {
	busy, broken := fmt.Errorf("slot-a: %w", unix.EBUSY), errors.New("broken")
	for name, c := range map[string]struct {
		first error
		for_  time.Duration // how long it fails so
		then  error
		want  error
		took  time.Duration
	}{
		"free":          {nil, 0, nil, nil, 0},
		"broken":        {broken, 0, nil, broken, 0},
		"busy a moment": {busy, 12 * time.Millisecond, nil, nil, 15 * time.Millisecond},
		"then broken":   {busy, 12 * time.Millisecond, broken, broken, 15 * time.Millisecond},
		"busy for good": {busy, time.Hour, nil, busy, busyWithin + 5*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				err := whenFree(func() error {
					if time.Since(begin) <= c.for_ {
						return c.first
					}
					return c.then
				})
				if took := time.Since(begin); err != c.want || took != c.took {
					t.Errorf("%v after %v, want %v after %v", err, took, c.want, c.took)
				}
			})
		})
	}
}
