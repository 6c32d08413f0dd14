//go:build !purego

package sha256d

//lint:file-ignore U1000 assembly uses fields that Go does not

// streams is the memory of the kernels with the SHA extensions, which have four
// nonces side by side.
type streams struct {
	known  [max(shaniWords, shaniRowsWords)]uint32
	_      [-max(shaniWords, shaniRowsWords) & 3]uint32
	nonces [4]uint32 // of the next step
	step   [4]uint32
	top    [4]uint32 // limit of the hash's top word
	swap   [16]byte  // reverses the bytes of words

	// What several midstates share.
	nonce [4][4]uint32     // each where it is in a state
	rows  [4][12][4]uint32 // message schedules from word 16 on

	spill [spillsSHANI][4]uint32 // what there are no registers for
}

//go:noescape
func scanSHANI(m *streams, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanSHANIVersions(m *streams, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scanStreams(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.shani == nil {
		s.shani = aligned[streams]()
	}
	if len(s.midstates) == 1 {
		return scanEach(s, start, count, hits, 4, passSHANI)
	}
	return scanShared(s, start, count, hits, 4, passSHANI)
}

func passSHANI(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.shani
	counters{m.nonces[:], m.step[:], m.top[:], m.swap[:]}.set(start, s.top)
	mid := &s.midstates[midstate]
	if len(s.midstates) == 1 {
		prepareSHANI((*[shaniWords]uint32)(m.known[:]), mid, &s.tail)
		return scanSHANI(m, nil, 1, batches, &s.records[0], room)
	}
	prepareSHANIRows((*[shaniRowsWords]uint32)(m.known[:]), mid, &s.tail)
	words := &of(s, &s.shaniVersion, 0, prepareSHANIVersion)[0]
	return scanSHANIVersions(m, words, len(s.midstates), batches, &s.records[0], room)
}

// both is the memory of the hybrid kernels: sixteen lanes for schedules, and as
// many states for rounds.
type both struct {
	nonces [16]uint32
	step   [16]uint32
	top    [16]uint32
	swap   [64]byte
	odd    [16]uint32        // 1, 3, 5 and so on
	known  [rowsWords]uint32 // that the header's schedule is made of
	_      [-rowsWords & 15]uint32

	states [16][4]uint32            // of the header, when the nonce comes in: f, e, b, a
	header [scheduleRows][16]uint32 // its schedule; of two rows the words for two rounds are mixed
	digest [2][16][4]uint32         // f, e, b, a; and h, g, d, c
	nonce  [4][16]uint32            // for several midstates, as they are in states
	buffer second
	other  second // for several midstates
	last   [16][2]uint32
	spill  [spillsHybrid][16]uint32
}

// second is what the second hash begins with.
type second struct {
	states [16][4]uint32      // after round 0
	rows   [2 * 27][16]uint32 // the schedule, where it is not known
}

//go:noescape
func scanHybrid(m *both, words *uint32, versions, steps int, records *record, room int) (found, done int)

//go:noescape
func scanHybridVersions(m *both, words *uint32, versions, steps int, records *record, room int) (found, done int)

func scanBoth(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.hybrid == nil {
		s.hybrid = aligned[both]()
		for i := range s.hybrid.odd {
			s.hybrid.odd[i] = uint32(2*i + 1)
		}
	}
	prepareRows(&s.hybrid.known, &s.midstates[0], &s.tail)
	if len(s.midstates) == 1 {
		return scanEach(s, start, count, hits, 16, passHybrid)
	}
	return scanShared(s, start, count, hits, 16, passHybrid)
}

func passHybrid(s *Search, midstate int, start uint32, batches, room int) (found, done int) {
	m := s.hybrid
	counters{m.nonces[:], m.step[:], m.top[:], m.swap[:]}.set(start, s.top)
	if len(s.midstates) == 1 {
		return scanHybrid(m, &of(s, &s.mids, midstate, prepareHybrid)[0], 1, batches, &s.records[0], room)
	}
	return scanHybridVersions(m, &of(s, &s.mids, 0, prepareHybrid)[0], len(s.midstates), batches, &s.records[0], room)
}
