//go:build !purego

package sha256d

//lint:file-ignore U1000 assembly uses fields that Go does not

// lanes128 is the memory of the SSE kernel, which does the whole search in each of
// four lanes.
type lanes128 struct {
	known  [wholeWords][4]uint32 // each word in all lanes
	nonces [4]uint32             // of the next step
	step   [4]uint32
	top    [4]uint32            // limit of the hash's top word
	swap   [16]byte             // reverses the bytes of words
	spill  [spillsSSE][4]uint32 // what there are no registers for
}

//go:noescape
func scanSSE(m *lanes128, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scanLanes4(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.sse == nil {
		s.sse = aligned[lanes128]()
	}
	return scanEach(s, start, count, hits, 4, passSSE)
}

func passSSE(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.sse
	for i, w := range of(s, &s.whole, midstate, prepareWhole) {
		m.known[i] = [4]uint32{w, w, w, w}
	}
	counters{m.nonces[:], m.step[:], m.top[:], m.swap[:]}.set(start, s.top)
	return scanSSE(m, &m.known[0][0], 1, batches, &s.records[0], room)
}

// lanes256 is the memory of the AVX2 kernels.
type lanes256 struct {
	nonces [8]uint32
	step   [8]uint32
	top    [8]uint32
	swap   [32]byte
	known  [rowsWords]uint32 // that the schedule is made of
	_      [-rowsWords & 7]uint32

	// What several midstates share.
	nonce [8]uint32               // in the order of bytes that is hashed
	rows  [scheduleRows][8]uint32 // the message schedule

	spill [spillsAVX2][8]uint32
}

//go:noescape
func scanAVX2(m *lanes256, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanAVX2Versions(m *lanes256, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scanLanes8(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.avx2 == nil {
		s.avx2 = aligned[lanes256]()
	}
	if len(s.midstates) == 1 {
		return scanEach(s, start, count, hits, 8, passAVX2)
	}
	prepareRows(&s.avx2.known, &s.midstates[0], &s.tail)
	return scanShared(s, start, count, hits, 8, passAVX2)
}

func passAVX2(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.avx2
	counters{m.nonces[:], m.step[:], m.top[:], m.swap[:]}.set(start, s.top)
	if len(s.midstates) == 1 {
		return scanAVX2(m, &of(s, &s.whole, midstate, prepareWhole)[0], 1, batches, &s.records[0], room)
	}
	return scanAVX2Versions(m, &of(s, &s.version, 0, prepareVersion)[0], len(s.midstates), batches, &s.records[0], room)
}

// lanes512 is the memory of the AVX-512 kernels, as lanes256.
type lanes512 struct {
	nonces [16]uint32
	step   [16]uint32
	top    [16]uint32
	swap   [64]byte
	known  [rowsWords]uint32
	_      [-rowsWords & 15]uint32

	nonce [16]uint32
	rows  [scheduleRows][16]uint32

	spill [spillsAVX512][16]uint32
}

//go:noescape
func scanAVX512(m *lanes512, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanAVX512Versions(m *lanes512, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scanLanes16(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.avx512 == nil {
		s.avx512 = aligned[lanes512]()
	}
	if len(s.midstates) == 1 {
		return scanEach(s, start, count, hits, 16, passAVX512)
	}
	prepareRows(&s.avx512.known, &s.midstates[0], &s.tail)
	return scanShared(s, start, count, hits, 16, passAVX512)
}

func passAVX512(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.avx512
	counters{m.nonces[:], m.step[:], m.top[:], m.swap[:]}.set(start, s.top)
	if len(s.midstates) == 1 {
		return scanAVX512(m, &of(s, &s.whole, midstate, prepareWhole)[0], 1, batches, &s.records[0], room)
	}
	return scanAVX512Versions(m, &of(s, &s.version, 0, prepareVersion)[0], len(s.midstates), batches, &s.records[0], room)
}
