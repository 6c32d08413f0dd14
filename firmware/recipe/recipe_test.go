package recipe

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lodefw/lode/firmware/update"
)

const good = `
id = "b"
name = "a board"
about = "how"
[go]
arch = "arm"
arm = "7"
[kernel]
provider = "debian"
package = "linux-image-armmp"
arch = "armhf"
dtb = "b.dtb"
edits = ["set /a status okay", "cells /a/b reg 1 ff", "remove /c"]
[boot]
layout = "sd"
load = 0x48000000
kernel = 0x42000000
[[boot.loader]]
package = "u-boot"
path = "x"
offset = 8192
[device]
uarts = ["/dev/ttyS1"]
[limits]
program = 1
initramfs = 2
fit = 3
`

func TestParse(t *testing.T) {
	r, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(r.Go.Env(), " "), "CGO_ENABLED=0 GOOS=linux GOARCH=arm GOARM=7"; got != want {
		t.Errorf("Env = %s, want %s", got, want)
	}
	if r.Tags() != "novirtual" || (&Recipe{Package: &Package{Format: IPK}}).Tags() != "novirtual" || (&Recipe{Package: &Package{Format: Deb}}).Tags() != "" {
		t.Error("virtual boards are in an image or a .ipk, or not in a .deb")
	}
	for _, c := range []struct{ old, new, want string }{
		{`id = "b"`, `id = "../b"`, "id, name"},
		{`about = "how"`, ``, "id, name"},
		{`about =`, `abuot =`, "unknown key"},
		{`arch = "arm"`, `arch = "vax"`, "go.arch"},
		{`arm = "7"`, ``, "go.arm"},
		{`arm = "7"`, "arm = \"7\"\nmips = \"softfloat\"", "go.mips"},
		{`"debian"`, `"redhat"`, "provider"},
		{`"debian"`, `"source"`, "fragment"},
		{`package = "linux-image-armmp"`, ``, "kernel.package"},
		{`"set /a status okay"`, `"set a status okay"`, "edit"},
		{`layout = "sd"`, `layout = "nand"`, "layout"},
		{`load = 0x48000000`, ``, "boot.load"},
		{`offset = 8192`, ``, "boot.loader"},
		{`offset = 8192`, "offset = 8192\nname = \"x\"", "boot.loader"},
		{`path = "x"`, ``, "boot.loader"},
		{`program = 1`, ``, "limits.program"},
		{`initramfs = 2`, ``, "limits.initramfs"},
		{`fit = 3`, ``, "limits.fit"},
		{"[device]\n", "[device]\nboard = \"c\"\n", "filled in"},
		{"[device]\nuarts = [\"/dev/ttyS1\"]\n", "", "needs kernel"},
		{`[limits]`, "[package]\nformat = \"deb\"\narch = \"armhf\"\n[limits]", "either"},
		{`about = "how"`, "about = \"how\"\nlocked = \"why\"", "locked"},
		{`about = "how"`, "about = \"how\"\nemulated = true", "qemu"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%q is not in the recipe", c.old)
		}
		if r, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, %v; want an error with %q", c.new, c.old, r, err, c.want)
		}
	}
}

func TestDeviceGoesThere(t *testing.T) {
	v, _ := update.ParseVersion("v1.2.3-4-gabc")
	d := Device{
		Board: "b", Version: v, Built: 1795352354, Release: true, Modules: []string{"fat.ko", "vfat.ko"},
		UARTs: []string{"/dev/ttyS1"}, Mine: "auto", Network: "eth0", Console: "/dev/ttyS0", Watchdog: "/dev/watchdog0",
		BootPartition: "/dev/mmcblk0p1", DataPartition: "/dev/mmcblk0p4", Slots: []string{"/dev/mmcblk0p2", "/dev/mmcblk0p3"},
	}
	text, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseDevice(text)
	if err != nil || !reflect.DeepEqual(*back, d) {
		t.Fatalf("ParseDevice = %+v, %v; want %+v", back, err, d)
	}
	for _, change := range []func(*Device){
		func(d *Device) { d.Board = "" },
		func(d *Device) { d.Built = 0 },
		func(d *Device) { d.Modules = []string{"../x.ko"} },
		func(d *Device) { d.Slots = d.Slots[:1] },
		func(d *Device) { d.DataPartition = "" },
	} {
		bad := d
		change(&bad)
		if text, err := bad.Encode(); err == nil {
			t.Errorf("encoded: %s", text)
		}
	}
	if _, err := ParseDevice([]byte("board = \"b\"\nbuilt = 1\nbord = \"c\"\n")); err == nil {
		t.Error("an unknown key is taken")
	}
}

func FuzzParseDevice(f *testing.F) {
	f.Add([]byte("board = \"b\"\nbuilt = 1\nversion = \"v1.2.3\"\n"))
	f.Add([]byte("board = \"b\"\nbuilt = 1\nversion = \"v1.2.3-0-7\"\nslots = []\nconsole = \"\\u0001\\\\\"\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := ParseDevice(text)
		if err != nil {
			return
		}
		again, err := d.Encode()
		if err != nil {
			t.Fatalf("taken, but: %v", err)
		}
		if back, err := ParseDevice(again); err != nil || !reflect.DeepEqual(back, d) {
			t.Fatalf("%+v is written as %q and read as %+v, %v", d, again, back, err)
		}
	})
}
