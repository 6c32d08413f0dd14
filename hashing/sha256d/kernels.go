package sha256d

import (
	"fmt"
	"strings"
	"time"
)

// Kernel is one way to scan.
type Kernel struct {
	Name string
	// Needs says what the processor must have, for people; empty if nothing.
	Needs string
	// Versions is how many midstates the kernel likes to have, a power of two;
	// 0 and 1 mean that more do not help.
	Versions int
	// Available tells whether this machine has it.
	Available func() bool
	// Scan tries count nonces from start on, wrapping at 2^32, under every
	// midstate of s. It puts candidates into hits and returns how many, and how
	// many nonces are done: fewer than count when hits has no room for another
	// step. A step takes at most MaxStep hits for each midstate; give it at
	// least that many. Hits come in any order.
	//
	// It does not return before it is done, so choose count for the delay that
	// is tolerable.
	Scan func(s *Search, start, count uint32, hits []Hit) (n int, done uint32)
}

// MaxStep is the largest number of nonces that a kernel takes at once.
const MaxStep = 16

// Kernels lists every kernel that this build has, available or not. The first
// is the plain one: always available, and the reference for the others.
func Kernels() []Kernel {
	// A schedule shared by 16 versions is 14 % faster than one each; more gain little.
	generic := Kernel{Name: "generic", Versions: 16, Available: func() bool { return true }, Scan: scanGeneric}
	return append([]Kernel{generic}, assembly()...)
}

// Choose returns the kernel with this name, or the fastest available one if name
// is empty.
func Choose(name string) (Kernel, error) {
	var best Kernel
	var names []string
	for _, k := range Kernels() {
		names = append(names, k.Name)
		if name == k.Name && !k.Available() {
			return Kernel{}, fmt.Errorf("sha256d: kernel %s is not available here, it needs %s", name, k.Needs)
		}
		if k.Available() && (name == "" || name == k.Name) {
			best = k // the list goes from slow to fast
		}
	}
	if best.Scan == nil {
		return Kernel{}, fmt.Errorf("sha256d: no kernel %q; there are: %s", name, strings.Join(names, ", "))
	}
	return best, nil
}

// enough hashes end a measurement, also when the clock stands still.
const enough = 1 << 22

// Measure scans for about d and returns the rate in hashes per second. It looks
// at the wall clock: on a busy machine the rate is what is left for us.
func (k Kernel) Measure(d time.Duration) float64 {
	var s Search
	var header [80]byte
	var target [32]byte // zero: next to no candidates
	versions := max(1, k.Versions)
	s.Prepare(&header, make([]State, versions), &target)
	hits := make([]Hit, MaxStep*versions)
	begin, hashes := time.Now(), 0.0
	for count, start := uint32(1<<6), uint32(0); ; {
		_, done := k.Scan(&s, start, count, hits)
		start += done
		hashes += float64(done) * float64(versions)
		spent := time.Since(begin)
		if spent >= d || hashes >= enough {
			return hashes / max(spent, time.Microsecond).Seconds()
		}
		if spent < d/8 {
			count *= 2
		}
	}
}
