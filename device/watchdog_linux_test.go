package device

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A file is no watchdog: it does not tell its timeout. What was opened is closed
// with a V all the same.
func TestOpenWatchdog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "watchdog")
	if _, err := OpenWatchdog(path, time.Minute); err == nil {
		t.Error("opened a file that is not there")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenWatchdog(path, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("a plain file: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "V" {
		t.Errorf("it was left with %q", text)
	}
}

func TestDogFeedsAndCloses(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "watchdog"))
	if err != nil {
		t.Fatal(err)
	}
	d := &dog{file: f, timeout: time.Minute}
	for range 3 {
		if err := d.Feed(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Disarm(); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(f.Name()); string(text) != "\x00\x00\x00V" || d.Timeout() != time.Minute {
		t.Errorf("it was written %q", text)
	}
	if d.Feed() == nil {
		t.Error("fed after the end")
	}
}
