//go:build !purego && (mips || mipsle)

package sha256d

import "testing"

func TestRelease2(t *testing.T) {
	for _, test := range []struct {
		cpuinfo string
		want    bool
	}{
		{"system type\t\t: Atheros AR9344 rev 2\ncpu model\t\t: MIPS 74Kc V4.12\nisa\t\t\t: mips1 mips2 mips32r1 mips32r2\n", true},
		{"cpu model\t\t: MIPS 4Kc V0.10\nisa\t\t\t: mips1 mips2 mips32r1\n", false},
		{"isa : mips32r6\n", true},
		{"isa\t\t\t: mips1 mips2 mips3 mips4 mips5 mips32r1 mips32r2 mips64r1 mips64r2\n", true},
		{"processor\t: 0\nflags\t\t: mips32r2\n", false},
		{"isa : mips32r\n", false},
		{"", false},
	} {
		if got := namesRelease2(isaLine(test.cpuinfo)); got != test.want {
			t.Errorf("of %q: %v, want %v", test.cpuinfo, got, test.want)
		}
	}
	t.Logf("base platform %q: release 2 %v", basePlatform(), hasRelease2())
}
