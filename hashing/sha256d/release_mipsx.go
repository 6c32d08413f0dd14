//go:build !purego && (mips || mipsle)

package sha256d

import (
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hasRelease2 tells whether the processor has the rotation: on others it would end
// the process. There is no bit for that. Linux names the processor's architecture
// in the auxiliary vector since 5.2, and in /proc/cpuinfo, in a line of all that
// it has, for much longer. Who is not known to have it has not.
func hasRelease2() bool {
	if p := basePlatform(); p != "" {
		return namesRelease2(p)
	}
	return namesRelease2(isaLine(cpuinfo()))
}

// namesRelease2 looks for mips32r2 or later, or mips64r2 or later.
func namesRelease2(isa string) bool {
	for _, name := range strings.Fields(isa) {
		release, ok := strings.CutPrefix(name, "mips32r")
		if !ok {
			release, ok = strings.CutPrefix(name, "mips64r")
		}
		if ok && len(release) == 1 && '2' <= release[0] && release[0] <= '9' {
			return true
		}
	}
	return false
}

// basePlatform is the name that the system has for the real processor, or empty.
func basePlatform() string {
	const key = 24 // AT_BASE_PLATFORM of Linux's auxvec.h
	vector, err := unix.Auxv()
	if err != nil {
		return ""
	}
	for i := range vector {
		if vector[i][0] == key && vector[i][1] != 0 {
			// A pointer to a string that the kernel has put above the stack.
			return unix.BytePtrToString(*(**byte)(unsafe.Pointer(&vector[i][1])))
		}
	}
	return ""
}

// isaLine is what a processor's description says after isa.
func isaLine(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "isa" {
			return value
		}
	}
	return ""
}

// cpuinfo is the description's beginning, with the first processor.
func cpuinfo() string {
	fd, err := unix.Open("/proc/cpuinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	b := make([]byte, 4096)
	n := 0
	for n < len(b) {
		did, err := unix.Read(fd, b[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || did <= 0 {
			break
		}
		n += did
	}
	return string(b[:n])
}
