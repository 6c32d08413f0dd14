//go:build !purego && (arm || mips || mipsle)

package sha256d

//lint:file-ignore U1000 assembly uses fields that Go does not

import "math/bits"

// scalar is the memory of the kernels that hash one nonce at a time. They are on
// 32-bit processors with few registers, so one register has to reach all of it.
type scalar struct {
	nonce   uint32 // of the next hash, in the order of bytes that is hashed
	end     uint32 // the nonce to stop before
	top     uint32 // limit of the hash's top word
	found   uint32
	version uint32
	known   [scalarWords]uint32 // of the midstate with index now-1
	now     int

	// For many midstates under one schedule.
	scheduled [scalarRowsWords]uint32
	rows      [scalarRows]uint32

	spill [scalarSpills]uint32 // what there are no registers for
}

// scanScalar hashes nonces until end and writes a record, with the nonce for its
// step, for each that hits, until there is no room.
//
//go:noescape
func scanScalar(m *scalar, records *record, room int) (found int)

//go:noescape
func scheduleScalar(m *scalar)

// scanScalarVersions hashes one nonce under each version, which is a record's step.
//
//go:noescape
func scanScalarVersions(m *scalar, words *uint32, versions int, records *record) (found int)

// scalarMemory is what scalar kernels add to memory.
type scalarMemory struct {
	one     *scalar
	version [][scalarVersionWords]uint32 // of each midstate
}

func (m *scalarMemory) renew() {
	m.version = m.version[:0]
	if m.one != nil {
		m.one.now = 0
	}
}

func scan1(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if s.one == nil {
		s.one = aligned[scalar]()
	}
	s.one.top = s.top
	if len(s.midstates) > 1 {
		prepareScalarRows(&s.one.scheduled, &s.midstates[0], &s.tail)
		return scanShared(s, start, count, hits, 1, versionsScalar)
	}
	return scanEach(s, start, count, hits, 1, passScalar)
}

// passScalar lets the kernel run while only the nonce's low byte changes. That is
// the top one in the order that is hashed: no carry from one byte to another.
func passScalar(s *Search, midstate int, start uint32, nonces, room int) (found, done int) {
	m := s.one
	if m.now != midstate+1 {
		prepareScalar(&m.known, &s.midstates[midstate], &s.tail)
		m.now = midstate + 1
	}
	for done < nonces && found < room {
		nonce := start + uint32(done)
		run := min(uint32(nonces-done), 256-nonce&255)
		m.nonce = bits.ReverseBytes32(nonce)
		m.end = m.nonce + run<<24
		n := scanScalar(m, &s.records[found], room-found)
		for i := range s.records[found : found+n] {
			r := &s.records[found+i]
			r.step = bits.ReverseBytes32(r.step) - start
		}
		found += n
		// At least one nonce is done; if all bytes are as before, 256 are.
		done += int(bits.ReverseBytes32(m.nonce)-nonce-1)&255 + 1
	}
	return found, done
}

func versionsScalar(s *Search, _ int, start uint32, nonces, room int) (found, steps int) {
	versions := len(s.midstates)
	words := of(s, &s.scalarMemory.version, 0, prepareScalarVersion)
	for i := range nonces {
		if found+versions > room {
			break
		}
		s.one.nonce = bits.ReverseBytes32(start + uint32(i))
		scheduleScalar(s.one)
		n := scanScalarVersions(s.one, &words[0], versions, &s.records[found])
		for j := range s.records[found : found+n] {
			s.records[found+j].step += uint32(steps)
		}
		found += n
		steps += versions
	}
	return found, steps
}
