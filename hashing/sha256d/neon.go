//go:build !purego && (arm || arm64)

package sha256d

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
