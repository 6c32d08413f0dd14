package image

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"strconv"
	"testing"
	"time"

	"github.com/lodefw/lode/firmware/recipe"
)

// readCPIO reads newc back, as the kernel does: by the sizes in the headers.
func readCPIO(t *testing.T, b []byte) (entries []Entry, mtimes []uint64) {
	t.Helper()
	for at := 0; ; {
		if string(b[at:at+6]) != "070701" {
			t.Fatalf("no header at %d", at)
		}
		field := func(i int) uint64 {
			v, err := strconv.ParseUint(string(b[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if field(2) != 0 || field(3) != 0 {
			t.Errorf("entry at %d is not root's", at)
		}
		nameAt := at + 110
		name := string(b[nameAt : nameAt+int(field(11))-1])
		if name == "TRAILER!!!" {
			return entries, mtimes
		}
		dataAt := (nameAt + int(field(11)) + 3) &^ 3
		size := int(field(6))
		e := Entry{Name: name, Mode: fs.FileMode(field(1) & 0o777), Major: uint32(field(9)), Minor: uint32(field(10))}
		switch field(1) &^ 0o777 {
		case cpioDir:
			e.Mode |= fs.ModeDir
		case cpioChar:
			e.Mode |= fs.ModeDevice | fs.ModeCharDevice
		}
		if size > 0 {
			e.Data = b[dataAt : dataAt+size]
		}
		entries, mtimes = append(entries, e), append(mtimes, field(5))
		at = (dataAt + size + 3) &^ 3
	}
}

func TestInitramfs(t *testing.T) {
	when := time.Unix(1795352354, 0)
	want := Initramfs([]byte("program"), []byte("device"), []byte("keys"), []byte("config"), []Module{{"a.ko", []byte("module")}})
	archive, err := CPIO(want, when)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive)%512 != 0 {
		t.Errorf("%d bytes are no whole blocks", len(archive))
	}
	got, mtimes := readCPIO(t, archive)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("reads back as %v, want %v", got, want)
	}
	for i, m := range mtimes {
		if m != uint64(when.Unix()) {
			t.Errorf("%s has the time %d", got[i].Name, m)
		}
	}
	find := func(path string) Entry {
		for _, e := range got {
			if "/"+e.Name == path {
				return e
			}
		}
		t.Errorf("no %s", path)
		return Entry{}
	}
	// Without these two a Go program as the first process ends in silence.
	for path, node := range map[string][2]uint32{"/dev/console": {5, 1}, "/dev/null": {1, 3}} {
		if e := find(path); e.Mode&fs.ModeCharDevice == 0 || [2]uint32{e.Major, e.Minor} != node {
			t.Errorf("%s is %v", path, e)
		}
	}
	if e := find("/init"); e.Mode.Perm() != 0o755 || string(e.Data) != "program" {
		t.Errorf("/init is %v", e)
	}
	for path, text := range map[string]string{recipe.DevicePath: "device", recipe.KeysPath: "keys", recipe.ConfigPath: "config", recipe.ModulesDir + "/a.ko": "module"} {
		if e := find(path); string(e.Data) != text {
			t.Errorf("%s holds %q", path, e.Data)
		}
	}
	// The bytes themselves, so that no change of them goes unseen.
	const golden = "005b860b4667e15186cffb06bd08bbc8becda89c828d12c182b8b89340df3feb"
	if sum := fmt.Sprintf("%x", sha256.Sum256(archive)); sum != golden {
		t.Errorf("the archive's SHA-256 is %s, want %s", sum, golden)
	}
	again, _ := CPIO(want, when)
	if !bytes.Equal(again, archive) {
		t.Error("made again it is different")
	}
}

func TestCPIORefuses(t *testing.T) {
	for name, entries := range map[string][]Entry{
		"no folder":  {{Name: "a/b"}},
		"twice":      {{Name: "a"}, {Name: "a"}},
		"absolute":   {{Name: "/a"}},
		"above":      {{Name: "../a"}},
		"a symlink":  {{Name: "a", Mode: fs.ModeSymlink}},
		"block node": {{Name: "a", Mode: fs.ModeDevice}},
	} {
		if b, err := CPIO(entries, time.Unix(1, 0)); err == nil {
			t.Errorf("%s: %q", name, b)
		}
	}
}
