package sha256d

import (
	"fmt"
	"strings"
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

// Reason says why the kernel is not available, if it is not.
func (k Kernel) Reason() string {
	if k.Available() {
		return ""
	}
	return "this processor lacks " + k.Needs
}

// Choose returns the kernel with this name. If name is empty it returns the one
// that is fastest here, which takes a moment for each kernel to find out.
func Choose(name string) (Kernel, error) {
	var available []Kernel
	var names []string
	for _, k := range Kernels() {
		names = append(names, k.Name)
		switch {
		case name != "" && name != k.Name:
		case k.Available():
			available = append(available, k)
		case name != "":
			return Kernel{}, fmt.Errorf("sha256d: kernel %s is not available here: %s", name, k.Reason())
		}
	}
	if len(available) == 0 {
		return Kernel{}, fmt.Errorf("sha256d: no kernel %q; there are: %s", name, strings.Join(names, ", "))
	}
	return fastest(available), nil
}
