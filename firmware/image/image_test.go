package image

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/firmware/recipe"
	"github.com/lodefw/lode/firmware/update"
)

const root = "../.."

func recipes(t *testing.T) map[string]*recipe.Recipe {
	t.Helper()
	all, err := Recipes(filepath.Join(root, "firmware", "boards"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every recipe parses, has its tools and files, and appears in the list.
func TestRecipes(t *testing.T) {
	all := recipes(t)
	var list strings.Builder
	if err := List(&list, all); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"zynq-zc702", "zynq-ebaz4205", "am335x-bone", "sunxi-h3", "vexpress", "virt-arm", "malta",
		"openwrt-mipsel_24kc", "openwrt-mips_24kc", "deb-arm64", "deb-armhf",
	} {
		if all[want] == nil {
			t.Errorf("no recipe %s", want)
		}
	}
	for id, r := range all {
		if !strings.Contains(list.String(), "  "+id+"\n") {
			t.Errorf("%s is not in the list", id)
		}
		if r.Kernel == nil {
			continue
		}
		if f := r.Kernel.Fragment; f != "" {
			if _, err := os.Stat(filepath.Join(root, "firmware", "boards", f)); err != nil {
				t.Error(err)
			}
		}
		if r.Boot.Layout == recipe.SD && (r.Limits.FIT >= slotSize/2 || len(r.Device.Slots) != 2) {
			t.Errorf("%s: a FIT of %d bytes in slots %v", id, r.Limits.FIT, r.Device.Slots)
		}
	}
	if !strings.Contains(list.String(), "Locked") || !strings.Contains(list.String(), "RSA key") {
		t.Error("the list does not say what is locked, and why")
	}
}

// The fragment must keep what Go needs of a 32-bit kernel.
func TestFragment(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "firmware", "boards", "zynq.fragment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CONFIG_COMPAT_32BIT_TIME=y", "CONFIG_RD_XZ=y", "CONFIG_FUTEX=y", "CONFIG_EPOLL=y", "CONFIG_DEVTMPFS=y", "CONFIG_PACKET=y", "CONFIG_VFAT_FS=y", "CONFIG_CADENCE_WATCHDOG=y"} {
		if !strings.Contains(string(text), want+"\n") {
			t.Errorf("the fragment lacks %s", want)
		}
	}
}

func TestITS(t *testing.T) {
	want, err := os.ReadFile("testdata/zynq.its")
	if err != nil {
		t.Fatal(err)
	}
	if got := ITS("zynq-zc702", "v1.2.3", "arm", 0x2000000, true); got != string(want) {
		t.Errorf("ITS = %s", got)
	}
	if got := ITS("x", "v1.2.3", "mips", 0x80001000, false); strings.Contains(got, "fdt") {
		t.Errorf("a board without a device tree got one: %s", got)
	}
}

func TestCardConfig(t *testing.T) {
	r := recipes(t)["sunxi-h3"]
	want, err := os.ReadFile("testdata/card.cfg")
	if err != nil {
		t.Fatal(err)
	}
	if got := GenimageConfig(r.Boot.Loader, []string{"boot.scr", "slots.env"}); got != string(want) {
		t.Errorf("GenimageConfig = %s", got)
	}
	script := Script(r)
	for _, name := range []string{recipe.SlotsName, recipe.SlotsBackup, recipe.SlotFile, recipe.SlotArg + "=${slot}", "setenv lode_load 0x48000000"} {
		if !strings.Contains(script, name) {
			t.Errorf("the script lacks %s", name)
		}
	}
	if strings.Index(script, "slots.bak 0x1000") > strings.Index(script, "slots.env 0x1000") {
		t.Error("the script writes the backup last: a power cut could take both")
	}
}

// options builds from files, without the network and without compiling.
func options(t *testing.T) Options {
	t.Helper()
	kernel := filepath.Join(t.TempDir(), "zImage")
	if err := os.WriteFile(kernel, []byte("a kernel"), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := update.ParseVersion("v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	r := *recipes(t)["vendor-arm"]
	k := *r.Kernel
	k.DTB = ""
	r.Kernel = &k
	return Options{
		Recipe: &r, Root: root, Out: t.TempDir(), Cache: &Cache{Dir: t.TempDir(), Offline: true},
		Version: v, Built: when.Unix(), Key: update.TestKey(), Given: map[string]string{"kernel": kernel}, Program: []byte("a program"),
	}
}

// Built twice it is the same, bit by bit, and signed; and what was built is what the
// manifest says.
func TestBuildTwice(t *testing.T) {
	a, b := options(t), options(t)
	first, err := Build(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Build(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	same(t, first, second)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(first.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	text := read(recipe.SlotManifest)
	if err := update.VerifyAny(text, read(recipe.SlotManifest+recipe.Signature), []update.PublicKey{a.Key.Public()}, false); err != nil {
		t.Error(err)
	}
	m, err := update.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		if update.FileOf(f.Name, read(f.Name)) != f {
			t.Errorf("%s is not what the manifest says", f.Name)
		}
	}
	if m.Board != "vendor-arm" || len(m.Files) != 2 {
		t.Errorf("manifest %+v", m)
	}
}

// Packages too.
func TestPackTwice(t *testing.T) {
	for _, id := range []string{"deb-arm64", "openwrt-mips_24kc"} {
		var results [2]*Result
		for i := range results {
			o := options(t)
			o.Recipe = recipes(t)[id]
			var err error
			if results[i], err = Build(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
		same(t, results[0], results[1])
		o := options(t)
		o.Recipe = recipes(t)[id]
		o.Recipe.Limits.Package = 3
		if _, err := Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), "the recipe's limit is 3") {
			t.Errorf("%s over its limit: %v", id, err)
		}
	}
}

func same(t *testing.T, a, b *Result) {
	t.Helper()
	if len(a.Files) == 0 || len(a.Files) != len(b.Files) {
		t.Fatalf("%v and %v", a.Files, b.Files)
	}
	for i, f := range a.Files {
		x, err := os.ReadFile(filepath.Join(a.Dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		y, err := os.ReadFile(filepath.Join(b.Dir, b.Files[i].Name))
		if err != nil {
			t.Fatal(err)
		}
		if string(x) != string(y) {
			t.Errorf("%s is different the second time", f.Name)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"program too large":   {func(o *Options) { o.Recipe.Limits.Program = 3 }, "the recipe's limit is 3"},
		"initramfs too large": {func(o *Options) { o.Recipe.Limits.Initramfs = 3 }, "the recipe's limit is 3"},
		"no kernel":           {func(o *Options) { o.Given = nil }, "GIVEN='kernel=FILE'"},
		"no device tree":      {func(o *Options) { o.Recipe.Kernel.DTB = "board.dtb" }, "dtb=FILE"},
		"no time":             {func(o *Options) { o.Built = 0 }, "SOURCE_DATE_EPOCH"},
		"locked":              {func(o *Options) { o.Recipe.Locked = "fuses" }, "fuses"},
		"test key":            {func(o *Options) { o.Release = true }, "test key"},
		"not downloaded":      {func(o *Options) { o.Recipe = recipes(t)["virt-arm"]; o.Given = nil }, "make firmware with the network"},
	} {
		o := options(t)
		c.change(&o)
		if _, err := Build(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want an error with %q", name, err, c.want)
		}
		if exists(filepath.Join(o.Out, o.Recipe.ID, recipe.SlotManifest)) {
			t.Errorf("%s: something signed was left behind", name)
		}
	}
	o := options(t)
	o.Release = true
	var err error
	if o.Key, err = update.NewSecretKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), o); err != nil {
		t.Errorf("a release with its own key: %v", err)
	}
}

func TestCacheKeepsWholeThingsOnly(t *testing.T) {
	c := &Cache{Dir: t.TempDir()}
	broken := errors.New("broken")
	fill := func(err error) func(string) error {
		return func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600), err)
		}
	}
	if _, err := c.once("a/b", fill(broken)); !errors.Is(err, broken) || exists(filepath.Join(c.Dir, "a/b")) {
		t.Errorf("a failure left something: %v", err)
	}
	dir, err := c.once("a/b", fill(nil))
	if err != nil || !exists(filepath.Join(dir, "file")) {
		t.Fatalf("%s, %v", dir, err)
	}
	if again, err := c.once("a/b", fill(broken)); err != nil || again != dir {
		t.Errorf("it was made again: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Dir, ".part-*")); len(left) != 0 {
		t.Errorf("parts are left: %v", left)
	}
}

// What time may mend is tried three times within a minute, all else once.
func TestPatiently(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		mends []bool // what each try says; after these one works
		tries int
		took  time.Duration
		fails bool
	}{
		"works":               {nil, 1, 0, false},
		"breaks once":         {[]bool{true}, 2, 5 * time.Second, false},
		"and again":           {[]bool{true, true}, 3, 35 * time.Second, false},
		"for good":            {[]bool{true, true, true}, 3, 35 * time.Second, true},
		"hopeless":            {[]bool{false}, 1, 0, true},
		"hopeless in the end": {[]bool{true, false}, 2, 5 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin, tries := time.Now(), 0
				err := new(Cache).patiently(t.Context(), func() (bool, error) {
					if tries++; tries <= len(c.mends) {
						return c.mends[tries-1], broken
					}
					return false, nil
				})
				if took := time.Since(begin); errors.Is(err, broken) != c.fails || tries != c.tries || took != c.took {
					t.Errorf("%v after %d tries and %v", err, tries, took)
				}
			})
		})
	}
	ctx, stop := context.WithCancel(t.Context())
	if err := new(Cache).patiently(ctx, func() (bool, error) { stop(); return true, broken }); !errors.Is(err, broken) {
		t.Errorf("ended meanwhile: %v", err)
	}
}

// Lists that could not be read are not taken for today's.
func TestFailedListsAreReadAgain(t *testing.T) {
	synctest.Test(t, failedLists)
}

func failedLists(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"apt-get", "apt-cache", "dpkg"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nexit 100\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	c := &Cache{Dir: t.TempDir()}
	if _, err := c.Package(t.Context(), "armhf", "linux-image-armmp"); err == nil {
		t.Error("a package came from nowhere")
	}
	if exists(filepath.Join(c.Dir, "apt", "armhf", "updated")) {
		t.Error("it will not ask again today")
	}
}

func TestQemuNeedsAMachine(t *testing.T) {
	if _, err := (&Cache{}).Qemu(context.Background(), recipes(t)["am335x-bone"], "", ""); err == nil {
		t.Error("QEMU has no AM335x")
	}
}
