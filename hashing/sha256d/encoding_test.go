package sha256d

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Go's assembler does not know NEON on 32-bit arm: the generator encodes it. GNU
// objdump reads back what each comment says. scripts/setup objdump installs it.
func TestNEONEncoding(t *testing.T) {
	objdump, err := exec.LookPath("arm-linux-gnueabihf-objdump")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("NOT TESTED: the encoding of NEON instructions: ", err, " (scripts/setup objdump)")
	}
	source, err := os.ReadFile("neon_arm.s")
	if err != nil {
		t.Fatal(err)
	}
	var code []byte
	var want []string
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\tWORD \$0x([0-9a-f]{8}) // (.*)$`).FindAllSubmatch(source, -1) {
		if line := string(m[0]); !seen[line] {
			seen[line] = true
			word, _ := strconv.ParseUint(string(m[1]), 16, 32)
			code = binary.LittleEndian.AppendUint32(code, uint32(word))
			want = append(want, string(m[2]))
		}
	}
	if n := strings.Count(string(source), "WORD"); n < 1000 || len(want) < 100 {
		t.Fatalf("only %d words, %d different, with comments", n, len(want))
	}
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "arm", "-M", "reg-names-raw", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := regexp.MustCompile(`(?m)^ *[0-9a-f]+:\t[0-9a-f]{8} \t(.*)$`).FindAllSubmatch(out, -1)
	if len(got) != len(want) {
		t.Fatalf("%d words disassembled, want %d", len(got), len(want))
	}
	for i, w := range want {
		if g := strings.Join(strings.Fields(string(got[i][1])), " "); g != w {
			t.Errorf("%08x is %s, want %s", binary.LittleEndian.Uint32(code[4*i:]), g, w)
		}
	}
}
