package hashing

import (
	"math/bits"
	"testing"
)

func TestRollVersion(t *testing.T) {
	for _, c := range []struct{ version, mask, i, want uint32 }{
		{0x20000000, 0x1fffe000, 0, 0x20000000},
		{0x20000000, 0x1fffe000, 1, 0x20002000},
		{0x20000000, 0x1fffe000, 0xffff, 0x3fffe000},
		{0x20002000, 0x1fffe000, 1, 0x20000000}, // a bit that the job has set
		{0x20000000, 0x1fffe000, 0x10000, 0x20000000},
		{0xffffffff, 0x80000001, 2, 0x7fffffff},
		{4, 0, 7, 4},
		{0, 0xffffffff, 0xdeadbeef, 0xdeadbeef},
	} {
		if got := RollVersion(c.version, c.mask, c.i); got != c.want {
			t.Errorf("RollVersion(%#x, %#x, %#x) = %#x, want %#x", c.version, c.mask, c.i, got, c.want)
		}
	}
}

// All values of a mask are different and touch nothing else.
func TestRollVersionIsComplete(t *testing.T) {
	const version, mask = 0x2345_6789, 0x0180_2401
	seen := make(map[uint32]bool)
	for i := range uint32(1) << bits.OnesCount32(mask) {
		v := RollVersion(version, mask, i)
		if (v^version)&^mask != 0 || seen[v] {
			t.Fatalf("RollVersion(%d) = %#x: touches more than the mask, or came before", i, v)
		}
		seen[v] = true
	}
}

func TestLowBits(t *testing.T) {
	for _, c := range []struct {
		mask uint32
		n    int
		want uint32
	}{
		{0x1fffe000, 0, 0}, {0x1fffe000, -1, 0}, {0x1fffe000, 1, 0x2000}, {0x1fffe000, 4, 0x1e000},
		{0x1fffe000, 16, 0x1fffe000}, {0x1fffe000, 99, 0x1fffe000}, {0x80000001, 2, 0x80000001}, {0, 3, 0},
	} {
		if got := LowBits(c.mask, c.n); got != c.want {
			t.Errorf("LowBits(%#x, %d) = %#x, want %#x", c.mask, c.n, got, c.want)
		}
	}
}
