//go:build !purego

package sha256d

//lint:file-ignore U1000 assembly uses fields that Go does not

import (
	"slices"

	"golang.org/x/sys/cpu"
)

func assembly() []Kernel {
	return []Kernel{
		{Name: "neon", Needs: "NEON", Versions: 16, Available: hasNEON, Scan: scan4},
	}
}

func hasNEON() bool { return cpu.ARM64.HasASIMD }

// memory is what kernels in assembly work on. A kernel's part is made when it
// first scans.
type memory struct {
	records []record
	whole   [][wholeWords]uint32 // of each midstate
	version [][versionWords]uint32
	neon    *lanes128
}

// renew makes the memory ready for another header with so many midstates.
func (m *memory) renew(midstates int) {
	if need := 32 + midstates; len(m.records) < need {
		m.records = make([]record, need)
	}
	m.whole = m.whole[:0]
	m.version = m.version[:0]
}

// wholeOf returns the words of a midstate for kernels that take them one by one,
// versionsOf those of all for kernels that take them all.
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

// lanes128 is the memory of the NEON kernels.
type lanes128 struct {
	nonces [4]uint32 // of the next step
	step   [4]uint32
	top    [4]uint32 // limit of the hash's top word
	bits   [4]uint32 // one for each lane
	known  [rowsWords]uint32
	_      [-rowsWords & 3]uint32

	// These only the kernels use.
	nonce [4]uint32               // of a batch, in the order of bytes that is hashed
	rows  [scheduleRows][4]uint32 // its message schedule
	spill [spillsNEON][4]uint32   // what there are no registers for
}

//go:noescape
func scanNEON(m *lanes128, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanNEONVersions(m *lanes128, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scan4(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.neon == nil {
		s.neon = aligned[lanes128]()
	}
	if len(s.heads) > 1 {
		prepareRows(&s.neon.known, &s.heads[0].mid, &s.tail)
		return scanShared(s, start, count, hits, 4, versionsNEON)
	}
	return scanEach(s, start, count, hits, 4, passNEON)
}

func passNEON(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	s.neon.set(start, s.top)
	return scanNEON(s.neon, s.wholeOf(midstate), 1, batches, &s.records[0], room)
}

func versionsNEON(s *Search, _ int, start uint32, batches, room int) (found, done int) {
	s.neon.set(start, s.top)
	return scanNEONVersions(s.neon, s.versionsOf(), len(s.heads), batches, &s.records[0], room)
}

// set sets the rows for a scan from start on.
func (m *lanes128) set(start, top uint32) {
	for i := range uint32(4) {
		m.nonces[i] = start + i
		m.step[i] = 4
		m.top[i] = top
		m.bits[i] = 1 << i
	}
}
