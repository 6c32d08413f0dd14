//go:build !purego

package sha256d

//lint:file-ignore U1000 assembly uses fields that Go does not

import (
	"slices"

	"golang.org/x/sys/cpu"
)

func assembly() []Kernel {
	return []Kernel{
		{Name: "sse", Needs: "SSE4.1", Available: hasSSE, Scan: scanSSE4},
		{Name: "avx2", Needs: "AVX2", Versions: 16, Available: hasAVX2, Scan: scan8},
		{Name: "shani", Needs: "SHA extensions and SSE4.1", Available: hasSHA, Scan: scan4},
		{Name: "avx512", Needs: "AVX-512 F and BW", Versions: 16, Available: hasAVX512, Scan: scan16},
		{Name: "hybrid", Needs: "AVX-512 F and BW, and SHA extensions", Versions: 64, Available: hasHybrid, Scan: scanBoth},
	}
}

func hasSSE() bool  { return cpu.X86.HasSSE41 && cpu.X86.HasSSSE3 }
func hasAVX2() bool { return cpu.X86.HasAVX2 }

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
func hasAVX512() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW }

// memory is what kernels in assembly work on. A kernel's part is made when it
// first scans.
type memory struct {
	records []record
	whole   [][wholeWords]uint32 // of each midstate
	version [][versionWords]uint32
	shani   *sha128
	sse     *lanes128
	avx2    *lanes256
	avx512  *lanes512
	hybrid  *hybridMemory
	mids    [][hybridWords]uint32
}

// renew makes the memory ready for another header with so many midstates.
func (m *memory) renew(midstates int) {
	if need := 32 + midstates; len(m.records) < need {
		m.records = make([]record, need)
	}
	m.whole = m.whole[:0]
	m.version = m.version[:0]
	m.mids = m.mids[:0]
}

// wholeWords returns the words of the midstates for kernels that take them one
// by one, versionWords for those that take them all.
func (s *Search) wholeOf(midstate int) *uint32 {
	if len(s.whole) == 0 {
		s.whole = slices.Grow(s.whole, len(s.heads))[:len(s.heads)]
		for i := range s.whole {
			prepareWhole(&s.whole[i], &s.heads[i].mid, &s.tail)
		}
	}
	return &s.whole[midstate][0]
}

func (s *Search) versionsOf() *uint32 {
	if len(s.version) == 0 {
		s.version = slices.Grow(s.version, len(s.heads))[:len(s.heads)]
		for i := range s.version {
			prepareVersion(&s.version[i], &s.heads[i].mid, &s.tail)
		}
	}
	return &s.version[0][0]
}

// lanes512 is the memory of the AVX-512 kernels, at a multiple of 64 bytes.
type lanes512 struct {
	nonces [16]uint32 // of the next step
	step   [16]uint32
	top    [16]uint32 // limit of the hash's top word
	swap   [64]byte   // reverses the bytes of words
	known  [rowsWords]uint32
	_      [-rowsWords & 15]uint32

	// These only the kernels use.
	nonce [16]uint32               // of a batch, in the order of bytes that is hashed
	rows  [scheduleRows][16]uint32 // its message schedule
	spill [spillsAVX512][16]uint32 // what there are no registers for
}

// lanes128 is the memory of the SSE kernel.
type lanes128 struct {
	known  [wholeWords][4]uint32 // each word in all lanes
	nonces [4]uint32
	step   [4]uint32
	top    [4]uint32
	swap   [16]byte
	spill  [spillsSSE][4]uint32
}

//go:noescape
func scanSSE(m *lanes128, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scanSSE4(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.sse == nil {
		s.sse = aligned[lanes128]()
	}
	return scanEach(s, start, count, hits, 4, passSSE)
}

func passSSE(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.sse
	var words [wholeWords]uint32
	prepareWhole(&words, &s.heads[midstate].mid, &s.tail)
	for i, w := range words {
		m.known[i] = [4]uint32{w, w, w, w}
	}
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanSSE(m, &m.known[0][0], 1, batches, &s.records[0], room)
}

// lanes256 is the same for AVX2.
type lanes256 struct {
	nonces [8]uint32
	step   [8]uint32
	top    [8]uint32
	swap   [32]byte
	known  [rowsWords]uint32
	_      [-rowsWords & 7]uint32
	nonce  [8]uint32
	rows   [scheduleRows][8]uint32
	spill  [spillsAVX2][8]uint32
}

// sha128 is the memory of the kernel with the SHA extensions.
type sha128 struct {
	known  [shaniWords]uint32
	_      [-shaniWords & 3]uint32
	nonces [4]uint32
	step   [4]uint32
	top    [4]uint32
	swap   [16]byte
	spill  [spillsSHANI][4]uint32
}

//go:noescape
func scanSHANI(m *sha128, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanAVX512(m *lanes512, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanAVX512Versions(m *lanes512, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanAVX2(m *lanes256, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanAVX2Versions(m *lanes256, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scan16(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.avx512 == nil {
		s.avx512 = aligned[lanes512]()
	}
	if len(s.heads) > 1 {
		prepareRows(&s.avx512.known, &s.heads[0].mid, &s.tail)
		return scanShared(s, start, count, hits, 16, versions512)
	}
	return scanEach(s, start, count, hits, 16, pass512)
}

func pass512(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.avx512
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanAVX512(m, s.wholeOf(midstate), 1, batches, &s.records[0], room)
}

func versions512(s *Search, _ int, start uint32, batches, room int) (found, done int) {
	m := s.avx512
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanAVX512Versions(m, s.versionsOf(), len(s.heads), batches, &s.records[0], room)
}

func scan4(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.shani == nil {
		s.shani = aligned[sha128]()
	}
	return scanEach(s, start, count, hits, 4, pass128)
}

func pass128(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.shani
	prepareSHANI(&m.known, &s.heads[midstate].mid, &s.tail)
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanSHANI(m, nil, 1, batches, &s.records[0], room)
}

func scan8(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.avx2 == nil {
		s.avx2 = aligned[lanes256]()
	}
	if len(s.heads) > 1 {
		prepareRows(&s.avx2.known, &s.heads[0].mid, &s.tail)
		return scanShared(s, start, count, hits, 8, versions256)
	}
	return scanEach(s, start, count, hits, 8, pass256)
}

func pass256(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.avx2
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanAVX2(m, s.wholeOf(midstate), 1, batches, &s.records[0], room)
}

func versions256(s *Search, _ int, start uint32, batches, room int) (found, done int) {
	m := s.avx2
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanAVX2Versions(m, s.versionsOf(), len(s.heads), batches, &s.records[0], room)
}

// hybridMemory is the memory of the hybrid kernels, at a multiple of 64 bytes.
type hybridMemory struct {
	nonces [16]uint32
	step   [16]uint32
	top    [16]uint32
	swap   [64]byte
	odd    [16]uint32 // 1, 3, 5 and so on
	known  [rowsWords]uint32
	_      [-rowsWords & 15]uint32

	// These only the kernels use.
	states [16][4]uint32     // of the header, when the nonce comes in
	header [23][2][16]uint32 // K + W of two rounds
	digest [2][16][4]uint32  // abef, and cdgh
	nonce  [4][16]uint32     // for many midstates, as they are in states
	buffer digestBuffer
	other  digestBuffer
	last   [16][2]uint32
	spill  [spillsHybrid][16]uint32
}

// digestBuffer is what a second hash begins with.
type digestBuffer struct {
	states [16][4]uint32     // after the first round
	words  [27][2][16]uint32 // K + W of two rounds
}

//go:noescape
func scanHybrid(m *hybridMemory, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanHybridVersions(m *hybridMemory, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scanBoth(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.hybrid == nil {
		s.hybrid = aligned[hybridMemory]()
		for i := range s.hybrid.odd {
			s.hybrid.odd[i] = uint32(2*i + 1)
		}
	}
	prepareRows(&s.hybrid.known, &s.heads[0].mid, &s.tail)
	if len(s.heads) > 1 {
		return scanShared(s, start, count, hits, 16, versionsHybrid)
	}
	return scanEach(s, start, count, hits, 16, passHybrid)
}

func versionsHybrid(s *Search, _ int, start uint32, batches, room int) (found, done int) {
	m := s.hybrid
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanHybridVersions(m, s.midsOf(0), len(s.heads), batches, &s.records[0], room)
}

func passHybrid(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.hybrid
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanHybrid(m, s.midsOf(midstate), 1, batches, &s.records[0], room)
}

func (s *Search) midsOf(midstate int) *uint32 {
	if len(s.mids) == 0 {
		s.mids = slices.Grow(s.mids, len(s.heads))[:len(s.heads)]
		for i := range s.mids {
			prepareHybrid(&s.mids[i], &s.heads[i].mid, &s.tail)
		}
	}
	return &s.mids[midstate][0]
}

// setRows sets the rows for a scan from start on.
func setRows(nonces, step, top []uint32, swap []byte, start, limit uint32) {
	for i := range nonces {
		nonces[i] = start + uint32(i)
		step[i] = uint32(len(nonces))
		top[i] = limit
	}
	for i := range swap {
		swap[i] = byte(i ^ 3)
	}
}
