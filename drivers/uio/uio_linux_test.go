package uio

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree is a root with devices: /dev files that are plain, which can be mapped too.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for i, name := range names {
		device := "uio" + string(rune('0'+i))
		sys := filepath.Join(root, "sys/class/uio", device)
		write := func(file, text string) {
			t.Helper()
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write(filepath.Join(sys, "name"), name+"\n")
		write(filepath.Join(sys, "maps/map0/size"), "0x00001000\n")
		write(filepath.Join(root, "dev", device), string(make([]byte, 0x1000)))
	}
	return root
}

func TestOpen(t *testing.T) {
	root := tree(t, "chain6-common", "chain6-cmd-rx", "fan-control")
	d, err := Open(root, "chain6-cmd", "chain6-cmd-rx")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(d.String(), "/dev/uio1") {
		t.Errorf("opened %v", d)
	}
	d.Write32(8, 0x12345678)
	d.Write32(0xffc, 1)
	if d.Read32(8) != 0x12345678 || d.Read32(0xffc) != 1 || d.Read32(4) != 0 {
		t.Error("registers do not keep what was written")
	}
	for _, bad := range []uint32{2, 0x1000} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("offset %#x was taken", bad)
				}
			}()
			d.Read32(bad)
		}()
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(filepath.Join(root, "dev/uio1"))
	if err != nil || binary.NativeEndian.Uint32(b[8:]) != 0x12345678 {
		t.Errorf("the device has % x, %v", b[8:12], err)
	}
}

func TestMissing(t *testing.T) {
	root := tree(t, "chain6-common")
	_, err := Open(root, "chain7-common")
	if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), `want chain7-common, there are ["chain6-common"]`) {
		t.Errorf("Open = %v", err)
	}
	size := filepath.Join(root, "sys/class/uio/uio0/maps/map0/size")
	for _, text := range []string{"", "0x0", "lots", "0x10000000"} {
		if err := os.WriteFile(size, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(root, "chain6-common"); err == nil {
			t.Errorf("a map of %q bytes was opened", text)
		}
	}
}

// A pipe is a device whose interrupts a test can make: what is written to enable
// the interrupt comes back as one.
func TestWait(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d := &Device{path: "pipe", file: w}
	if err := d.Wait(time.Millisecond); err != nil {
		t.Errorf("without an interrupt: %v", err)
	}
	var word [4]byte
	if _, err := r.Read(word[:]); err != nil || binary.NativeEndian.Uint32(word[:]) != 1 {
		t.Errorf("the interrupt was enabled with % x, %v", word, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(time.Millisecond); err == nil {
		t.Error("a broken device was waited for")
	}
}
