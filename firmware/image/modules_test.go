package image

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module makes an ELF file with nothing but a .modinfo section.
func module(info ...string) []byte {
	var b bytes.Buffer
	modinfo := strings.Join(info, "\x00") + "\x00"
	names := "\x00.modinfo\x00.shstrtab\x00"
	const header, section = 64, 64
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) }
	b.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put([]uint16{1, 62})
	put(uint32(1))
	put([]uint64{0, 0, uint64(header + len(modinfo) + len(names))})
	put(uint32(0))
	put([]uint16{header, 0, 0, section, 3, 2})
	b.WriteString(modinfo + names)
	for _, s := range [][4]uint64{{}, {1, 1, header, uint64(len(modinfo))}, {10, 3, uint64(header + len(modinfo)), uint64(len(names))}} {
		put([]uint32{uint32(s[0]), uint32(s[1])})
		put([]uint64{0, 0, s[2], s[3]})
		put([]uint32{0, 0})
		put([]uint64{1, 0})
	}
	return b.Bytes()
}

func moduleDir(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestModuleOrder(t *testing.T) {
	dir := moduleDir(t, map[string][]byte{
		"modules.builtin":                    []byte("kernel/lib/crc32.ko\nkernel/drivers/mmc/core/mmc-core.ko\n"),
		"kernel/drivers/net/top-net.ko":      module("license=GPL", "depends=mid_bus,crc32,mmc_core"),
		"kernel/drivers/bus/mid_bus.ko":      module("depends=low", "softdep=pre: helper post: never"),
		"kernel/drivers/bus/low.ko":          module("depends="),
		"kernel/lib/helper.ko":               module("depends="),
		"kernel/lib/unused.ko":               module("depends=low"),
		"kernel/loop/a.ko":                   module("depends=b"),
		"kernel/loop/b.ko":                   module("depends=a"),
		"kernel/loop/lost.ko":                module("depends=nowhere"),
		"kernel/loop/broken.ko":              []byte("no ELF"),
		"kernel/drivers/net/needs-broken.ko": module("depends=broken"),
	})
	modules, err := Modules(dir, []string{"low", "top_net", "crc32"})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, m := range modules {
		order = append(order, m.File)
	}
	if got, want := strings.Join(order, " "), "low.ko helper.ko mid_bus.ko top-net.ko"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	for name, want := range map[string]string{"none": "none of that name", "a": "needs itself", "lost": "nowhere", "needs-broken": "broken"} {
		if m, err := Modules(dir, []string{name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v; want an error with %q", name, m, err, want)
		}
	}
	if m, err := Modules("", nil); m != nil || err != nil {
		t.Errorf("no modules wanted: %v, %v", m, err)
	}
}
