//go:build !purego

package sha256d

import "golang.org/x/sys/cpu"

func assembly() []Kernel {
	return []Kernel{
		{Name: "sse", Needs: "SSE4.1", Available: hasSSE, Scan: scanLanes4},
		{Name: "avx2", Needs: "AVX2", Versions: 16, Available: hasAVX2, Scan: scanLanes8},
		{Name: "shani", Needs: "SHA extensions and SSE4.1", Versions: 16, Available: hasSHA, Scan: scanStreams},
		{Name: "avx512", Needs: "AVX-512 F and BW", Versions: 16, Available: hasAVX512, Scan: scanLanes16},
		{Name: "hybrid", Needs: "AVX-512 F and BW, and SHA extensions", Versions: 64, Available: hasHybrid, Scan: scanBoth},
	}
}

func hasSSE() bool    { return cpu.X86.HasSSE41 && cpu.X86.HasSSSE3 }
func hasAVX2() bool   { return cpu.X86.HasAVX2 }
func hasAVX512() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW }
func hasHybrid() bool { return hasAVX512() && hasSHA() }

// hasSHA looks itself, because package cpu does not know of SHA.
func hasSHA() bool {
	const leaf, bit = 7, 29 // of EBX
	return hasSSE() && maxCPUID() >= leaf && cpuidEBX(leaf)>>bit&1 != 0
}

// maxCPUID is the highest leaf that CPUID has.
func maxCPUID() uint32

// cpuidEBX is EBX of subleaf 0.
func cpuidEBX(leaf uint32) uint32

// Kernels in assembly share a form. They do so many steps (those for several
// versions, batches of steps), with the nonces in m, the prepared words of the
// first of versions at words; write a record for each step in which lanes hit;
// and stop when there is room for no more. They return how many records and steps
// they have done.

// memory is what kernels in assembly work on. The part of a kernel is made when it
// first scans.
type memory struct {
	records []record
	sse     *lanes128
	avx2    *lanes256
	avx512  *lanes512
	shani   *streams
	hybrid  *both

	// Prepared words of each midstate; empty until they are needed.
	whole   [][wholeWords]uint32
	version [][versionWords]uint32
	mids    [][hybridWords]uint32

	shaniVersion [][shaniVersionWords]uint32
}

// renew makes the memory ready for another header with so many midstates.
func (m *memory) renew(midstates int) {
	if need := 32 + midstates; len(m.records) < need {
		m.records = make([]record, need)
	}
	m.whole = m.whole[:0]
	m.version = m.version[:0]
	m.mids = m.mids[:0]
	m.shaniVersion = m.shaniVersion[:0]
}

// counters are the rows that every kernel has, with as many words as lanes.
type counters struct {
	nonces, step, top []uint32
	swap              []byte
}

// set sets the rows for a scan from start on.
func (c counters) set(start, limit uint32) {
	for i := range c.nonces {
		c.nonces[i] = start + uint32(i)
		c.step[i] = uint32(len(c.nonces))
		c.top[i] = limit
	}
	for i := range c.swap {
		c.swap[i] = byte(i ^ 3)
	}
}
