//go:build !purego

package sha256d

//lint:file-ignore U1000 assembly uses fields that Go does not

import "golang.org/x/sys/cpu"

func assembly() []Kernel {
	return []Kernel{
		{Name: "neon", Needs: "NEON", Versions: 16, Available: hasNEON, Scan: scan4},
		{Name: "sha2", Needs: "SHA2 instructions", Versions: 16, Available: hasSHA2, Scan: scan2},
	}
}

func hasNEON() bool { return cpu.ARM64.HasASIMD }

func hasSHA2() bool { return cpu.ARM64.HasASIMD && cpu.ARM64.HasSHA2 }

// memory is what kernels in assembly work on. A kernel's part is made when it
// first scans.
type memory struct {
	records []record
	whole   [][wholeWords]uint32 // of each midstate
	version [][versionWords]uint32
	neon    *lanes128
	sha2    *sha128
	quads   [][sha2Words]uint32 // of each midstate
	rolled  [][sha2VersionWords]uint32
}

// renew makes the memory ready for another header with so many midstates.
func (m *memory) renew(midstates int) {
	if need := 32 + midstates; len(m.records) < need {
		m.records = make([]record, need)
	}
	m.whole = m.whole[:0]
	m.version = m.version[:0]
	m.quads = m.quads[:0]
	m.rolled = m.rolled[:0]
}

// sha128 is the memory of the kernels with SHA2 instructions.
type sha128 struct {
	known [sha2RowsWords]uint32
	nonce uint32 // the first
	top   uint32 // limit of the hash's top word

	rows [24][4]uint32 // of a batch: K + W of four rounds of the first nonce, and of the second
}

//go:noescape
func scanSHA2(m *sha128, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanSHA2Versions(m *sha128, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scan2(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.sha2 == nil {
		s.sha2 = aligned[sha128]()
	}
	s.sha2.top = s.top
	if len(s.midstates) > 1 {
		prepareSHA2Rows(&s.sha2.known, &s.midstates[0], &s.tail)
		return scanShared(s, start, count, hits, 2, versionsSHA2)
	}
	return scanEach(s, start, count, hits, 2, passSHA2)
}

func passSHA2(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	s.sha2.nonce = start
	return scanSHA2(s.sha2, &of(s, &s.quads, midstate, prepareSHA2)[0], 1, batches, &s.records[0], room)
}

func versionsSHA2(s *Search, _ int, start uint32, batches, room int) (found, done int) {
	s.sha2.nonce = start
	return scanSHA2Versions(s.sha2, &of(s, &s.rolled, 0, prepareSHA2Version)[0], len(s.midstates), batches, &s.records[0], room)
}
