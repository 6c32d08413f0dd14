//go:build !purego && (arm || arm64)

package sha256d

//lint:file-ignore U1000 assembly uses fields that Go does not

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

	// These too, on 32-bit arm: it needs its core registers for addresses.
	found, done, versions, batches int
}

//go:noescape
func scanNEON(m *lanes128, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanNEONVersions(m *lanes128, words *uint32, versions, steps int, records *record, room int) (found, done int)

// scan4 scans with NEON.
func scan4(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.neon == nil {
		s.neon = aligned[lanes128]()
	}
	if len(s.midstates) > 1 {
		prepareRows(&s.neon.known, &s.midstates[0], &s.tail)
		return scanShared(s, start, count, hits, 4, versionsNEON)
	}
	return scanEach(s, start, count, hits, 4, passNEON)
}

func passNEON(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	s.neon.set(start, s.top)
	return scanNEON(s.neon, &of(s, &s.whole, midstate, prepareWhole)[0], 1, batches, &s.records[0], room)
}

func versionsNEON(s *Search, _ int, start uint32, batches, room int) (found, done int) {
	s.neon.set(start, s.top)
	return scanNEONVersions(s.neon, &of(s, &s.version, 0, prepareVersion)[0], len(s.midstates), batches, &s.records[0], room)
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
