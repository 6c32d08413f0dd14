//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What is flashed is the same, bit by bit, when it is built again: with Debian's
// kernel, a card, and both kinds of packages. The units of firmware/image show the
// same without any download.
func TestBuildTwice(t *testing.T) {
	for _, board := range []string{"vexpress", "sunxi-h3", "openwrt-mipsel_24kc", "deb-arm64"} {
		t.Run(board, func(t *testing.T) {
			var dirs [2]string
			for i := range dirs {
				out := t.TempDir()
				cmd := exec.CommandContext(t.Context(), "make", "firmware", "BOARD="+board, "BIN="+out)
				cmd.Dir = root
				if text, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				dirs[i] = filepath.Join(out, "firmware", board)
			}
			list, err := os.ReadDir(dirs[0])
			if err != nil || len(list) == 0 {
				t.Fatalf("nothing was built: %v", err)
			}
			for _, f := range list {
				a, err := os.ReadFile(filepath.Join(dirs[0], f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(filepath.Join(dirs[1], f.Name()))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(a, b) {
					t.Errorf("%s is different the second time", f.Name())
				}
			}
		})
	}
}
