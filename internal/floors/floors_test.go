// Package floors holds the one test that keeps imports going down only.
package floors

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lodefw/lode/"

// floor is the height of each package; a folder's entry ending in / stands for all below it.
var floor = map[string]int{
	"bitcoin": 0, "sv2": 0, "sv2/buffer": 0, "hashing/sha256d": 0,
	"sv2/noise": 1, "sv2/mining": 1, "sv2/jobdecl": 1, "sv2/template": 1, "sv2/extension": 1, "hashing": 1,
	"drivers/serial": 1, "drivers/uio": 1, "drivers/sensor": 1, "tinytest/chipsim": 1, "tinytest/chipsim/": 1, "tinytest/chipsim/fpgasim": 2,
	"sv2/sv2net": 2, "sv2/channel": 2, "hashing/cpu": 2, "drivers/": 2, "board/linux": 2,
	"firmware/update": 0, "firmware/fat": 0, "firmware/recipe": 1, "firmware/": 5,
	"device/tuning": 3, "sv2client": 3, "board": 3, "board/": 3, "pool/": 3,
	"device": 4, "pool": 4, "board/amlogic": 4, "board/s19bbb": 4, "board/described": 4, "board/s9": 4, // made of board/antminer
	"board/virtual": 5, // made of other boards and chipsim
	"board/catalog": 5, // of all boards
	"cmd/":          5, "examples/": 5, "tinytest": 5, "tinytest/": 5, "internal/": 5, "internal/replace": 0,
}

// below lists imports across folders that a lower floor alone does not forbid.
var below = []struct{ from, not string }{
	{"hashing", "sv2"}, {"drivers", "sv2"}, {"board", "sv2"},
	{"sv2", "hashing"}, {"sv2", "drivers"}, {"sv2", "board"},
	{"pool/", "sv2"}, {"sv2client", "hashing"}, {"pool", "hashing"}, {"device", "pool"},
}

// only lists the folders that may import a package of the outside.
var only = []struct{ pkg, folders string }{
	{"net", "sv2/sv2net pool pool/ device firmware/ cmd/ examples/ tinytest internal/"},
	{"net/http", "pool/node cmd/lode-pool tinytest internal/"},
	{"os", "pool pool/ device board/ drivers/serial drivers/uio firmware/image firmware/build firmware/pid1 cmd/ examples/ tinytest tinytest/chipsim internal/"},
	{"github.com/flynn/noise", "sv2/noise"},
	{"github.com/btcsuite/btcd/chainhash/v2", "bitcoin pool/ internal/ tinytest"},
	{"github.com/btcsuite/btcd/btcec/v2", "sv2/noise"},
	{"github.com/btcsuite/btcd/", "bitcoin sv2/noise pool pool/ internal/ tinytest"},
	{"periph.io/", "drivers/ board board/ tinytest/chipsim tinytest/chipsim/"},
}

func TestFloors(t *testing.T) {
	const root = "../.."
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), "_") || len(d.Name()) > 2 && d.Name()[0] == '.') {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		check(t, root, name)
		return nil
	})
	if err != nil || files < 30 {
		t.Fatalf("read %d files, err %v", files, err)
	}
}

func check(t *testing.T, root, name string) {
	rel, _ := filepath.Rel(root, name)
	from := path.Dir(filepath.ToSlash(rel))
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range f.Imports {
		imp, _ := strconv.Unquote(spec.Path.Value)
		if to, ours := strings.CutPrefix(imp, module); ours {
			arrow(t, rel, from, to)
		} else if !allowed(from, imp) {
			t.Errorf("%s imports %s, which only some folders may", rel, imp)
		}
	}
}

func arrow(t *testing.T, file, from, to string) {
	high, ok := height(from)
	low, ok2 := height(to)
	sub := strings.HasPrefix(from, to+"/") && high == 3 // board/x may import board
	switch {
	case !ok || !ok2:
		t.Errorf("%s: %s or %s has no floor: give it one", file, from, to)
	case high <= low && high < 5 && !sub:
		t.Errorf("%s: floor %d imports %s on floor %d; imports go down", file, high, to, low)
	}
	for _, b := range below {
		if within(from, b.from) && within(to, b.not) {
			t.Errorf("%s: %s must not import %s", file, b.from, to)
		}
	}
}

// height is a package's own floor, or that of the nearest folder above it.
func height(pkg string) (int, bool) {
	if h, ok := floor[pkg]; ok {
		return h, true
	}
	best, found := "", false
	for dir := range floor {
		if strings.HasSuffix(dir, "/") && strings.HasPrefix(pkg, dir) && len(dir) > len(best) {
			best, found = dir, true
		}
	}
	return floor[best], found
}

// within says whether pkg is the folder or below it; a folder with a slash means
// below only.
func within(pkg, folder string) bool {
	return pkg == folder || strings.HasPrefix(pkg, strings.TrimSuffix(folder, "/")+"/")
}

// allowed goes by the longest rule that fits the imported package.
func allowed(from, imp string) bool {
	rule, n := "", -1
	for _, o := range only {
		if (imp == o.pkg || strings.HasSuffix(o.pkg, "/") && strings.HasPrefix(imp, o.pkg) || strings.HasPrefix(imp, o.pkg+"/") && strings.Contains(o.pkg, ".")) && len(o.pkg) > n {
			rule, n = o.folders, len(o.pkg)
		}
	}
	if n < 0 {
		return true
	}
	for _, folder := range strings.Fields(rule) {
		if from == folder || strings.HasSuffix(folder, "/") && strings.HasPrefix(from, folder) {
			return true
		}
	}
	return false
}
