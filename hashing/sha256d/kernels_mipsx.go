//go:build !purego && (mips || mipsle)

package sha256d

func assembly() []Kernel {
	return []Kernel{
		{Name: "scalar", Needs: "release 2 of MIPS32", Versions: 16, Available: hasRelease2, Scan: scan1},
	}
}

// memory is what kernels in assembly work on. A kernel's part is made when it
// first scans.
type memory struct {
	records []record
	scalarMemory
}

// renew makes the memory ready for another header with so many midstates.
func (m *memory) renew(midstates int) {
	if need := 32 + midstates; len(m.records) < need {
		m.records = make([]record, need)
	}
	m.scalarMemory.renew()
}
