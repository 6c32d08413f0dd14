//go:build !purego

package sha256d

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

func assembly() []Kernel {
	return []Kernel{
		{Name: "avx2", Needs: "AVX2", Available: hasAVX2, Scan: scan8},
		{Name: "avx512", Needs: "AVX-512 F and BW", Available: hasAVX512, Scan: scan16},
	}
}

func hasAVX2() bool   { return cpu.X86.HasAVX2 }
func hasAVX512() bool { return cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW }

// memory is what kernels in assembly work on. A kernel's part is made when it
// first scans.
type memory struct {
	records []record
	whole   wholeTable
	avx2    *lanes256
	avx512  *lanes512
}

// renew makes the memory ready for another header with so many midstates.
func (m *memory) renew(midstates int) {
	if need := 32 + midstates; len(m.records) < need {
		m.records = make([]record, need)
	}
	m.whole.words = m.whole.words[:0]
}

// wholeTable has the prepared words of each midstate for kernels that do the
// whole of the search in every lane.
type wholeTable struct {
	words [][wholeWords]uint32
}

func (t *wholeTable) of(s *Search, midstate int) *[wholeWords]uint32 {
	if len(t.words) == 0 {
		t.words = append(t.words, make([][wholeWords]uint32, len(s.heads))...)
		for i := range t.words {
			prepareWhole(&t.words[i], &s.heads[i].mid, &s.tail)
		}
	}
	return &t.words[midstate]
}

// lanes512 is the memory of the AVX-512 kernels. All of it is rows of 64 bytes, and
// it lies at a multiple of that.
type lanes512 struct {
	nonces [16]uint32 // of the next step
	step   [16]uint32
	top    [16]uint32 // limit of the hash's top word
	swap   [64]byte   // reverses the bytes of words
	//lint:ignore U1000 only the kernel uses it
	spill [spills512][16]uint32
}

// lanes256 is the same for AVX2, in rows of 32 bytes.
type lanes256 struct {
	nonces [8]uint32
	step   [8]uint32
	top    [8]uint32
	swap   [32]byte
	//lint:ignore U1000 only the kernel uses it
	spill [spills256][8]uint32
}

//go:noescape
func scanAVX512(m *lanes512, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanAVX2(m *lanes256, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scan16(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	return scanEach(s, start, count, hits, 16, pass512)
}

func scan8(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	return scanEach(s, start, count, hits, 8, pass256)
}

func pass512(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	if s.avx512 == nil {
		s.avx512 = aligned[lanes512]()
	}
	m := s.avx512
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanAVX512(m, &s.whole.of(s, midstate)[0], 1, batches, &s.records[0], room)
}

func pass256(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	if s.avx2 == nil {
		s.avx2 = aligned[lanes256]()
	}
	m := s.avx2
	setRows(m.nonces[:], m.step[:], m.top[:], m.swap[:], start, s.top)
	return scanAVX2(m, &s.whole.of(s, midstate)[0], 1, batches, &s.records[0], room)
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

// aligned returns a T at a multiple of 64 bytes. T has no pointers.
func aligned[T any]() *T {
	const line = 64
	var t T
	b := make([]byte, unsafe.Sizeof(t)+line)
	skip := -uintptr(unsafe.Pointer(&b[0])) % line
	return (*T)(unsafe.Pointer(&b[skip]))
}
