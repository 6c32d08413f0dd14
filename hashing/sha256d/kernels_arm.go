//go:build !purego

package sha256d

//lint:file-ignore U1000 assembly uses fields that Go does not

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

func assembly() []Kernel {
	return []Kernel{
		{Name: "scalar", Versions: 16, Available: func() bool { return true }, Scan: scan1},
		{Name: "neon", Needs: "NEON", Versions: 16, Available: hasNEON, Scan: scan4},
	}
}

func hasNEON() bool { return cpu.ARM.HasNEON }

// memory is what kernels in assembly work on. A kernel's part is made when it
// first scans.
type memory struct {
	records []record
	scalarMemory
	neon    *lanes128
	whole   [][wholeWords]uint32 // of each midstate
	version [][versionWords]uint32
}

// renew makes the memory ready for another header with so many midstates.
func (m *memory) renew(midstates int) {
	if need := 32 + midstates; len(m.records) < need {
		m.records = make([]record, need)
	}
	m.scalarMemory.renew()
	m.whole = m.whole[:0]
	m.version = m.version[:0]
}

// All rows are in reach of an addition: it has constants of 8 bits, times 16.
const _ = uint(255*16 - unsafe.Sizeof(lanes128{}))
