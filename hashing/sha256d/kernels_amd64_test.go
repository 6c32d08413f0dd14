//go:build !purego

package sha256d

import (
	"os"
	"strings"
	"testing"
	"unsafe"
)

// What we find in CPUID is what Linux finds.
func TestFeatures(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Logf("nothing to compare with: %v", err)
		return
	}
	_, line, _ := strings.Cut(string(info), "\nflags")
	line, _, _ = strings.Cut(line, "\n")
	flags := " " + line + " "
	has := func(names ...string) bool {
		for _, name := range names {
			if !strings.Contains(flags, " "+name+" ") {
				return false
			}
		}
		return true
	}
	for name, want := range map[string]bool{
		"sse":    has("sse4_1", "ssse3"),
		"avx2":   has("avx2"),
		"shani":  has("sha_ni", "sse4_1", "ssse3"),
		"avx512": has("avx512f", "avx512bw"),
		"hybrid": has("sha_ni", "avx512f", "avx512bw"),
	} {
		for _, k := range Kernels() {
			if k.Name == name && (k.Available() != want || (k.Reason() == "") != want) {
				t.Errorf("%s: available %v (%s), but /proc/cpuinfo says %v", name, k.Available(), k.Reason(), want)
			}
		}
	}
}

func TestAligned(t *testing.T) {
	for range 20 {
		for _, p := range []unsafe.Pointer{
			unsafe.Pointer(aligned[streams]()), unsafe.Pointer(aligned[lanes128]()), unsafe.Pointer(aligned[lanes256]()),
			unsafe.Pointer(aligned[lanes512]()), unsafe.Pointer(aligned[both]()),
		} {
			if uintptr(p)%64 != 0 {
				t.Fatalf("memory at %p", p)
			}
		}
	}
}
