package bm13xx

import (
	"math/bits"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/hashing"
)

// idSpace is how many job ids there are: every firmware wraps at 128.
const idSpace = 128

// slot is a job that the chips may still answer for.
type slot struct {
	used     bool
	sequence uint32 // counts jobs: tells apart who used the slot
	work     hashing.Work
	mask     uint32    // version bits that the chips roll
	n        int       // midstates
	versions [4]uint32 // of the midstates
	bytes    int       // that it took on the line; 0 if a queue sends it
}

// jobs are the jobs that were sent, by their id, and what came back of them.
type jobs struct {
	slots     [idSpace]slot
	id        uint8
	sequence  uint32
	midstates midstates
	seen      seen
}

// next takes the next id in turn for a work. The oldest job loses its slot.
func (j *jobs) next(step uint8) *slot {
	j.id = (j.id + step) % idSpace
	j.sequence++
	s := &j.slots[j.id]
	*s = slot{used: true, sequence: j.sequence}
	return s
}

// clear forgets all jobs, after a reset of the chips.
func (j *jobs) clear() {
	j.id = 0
	for i := range j.slots {
		j.slots[i].used = false
	}
}

// idOf is the job id in the job byte of a response.
func (s *spec) idOf(job uint8) uint8 {
	return job >> s.idShift & s.idMask & (idSpace - 1)
}

// midstateOf is the number of the midstate in the job byte of a response.
func midstateOf(job uint8) int { return int(job & 3) }

// header is the header that a response is about, and false if no chip can have
// hashed it: a midstate that was not sent, version bits that are not to be rolled.
func (s *slot) header(r Response) (bitcoin.Header, bool) {
	h := s.work.Header
	h.Nonce = r.Nonce
	if s.n > 0 {
		i := midstateOf(r.Slot)
		if i >= s.n {
			return h, false
		}
		h.Version = s.versions[i]
		return h, true
	}
	// The job went out with these bits clear, so that it does not matter
	// whether a chip sets them or replaces them.
	h.Version = h.Version&^s.mask | uint32(r.Version)<<rolledShift
	return h, (h.Version^s.work.Header.Version)&^s.mask == 0
}

// rolling is how many version bits the chips roll in this job.
func (s *slot) rolling() int { return bits.OnesCount32(s.mask) }

// seen remembers the last results, to tell when one comes again: after a sweep
// has wrapped, or from a neighbour whose slice is too long. It is a cache of
// four ways, so that it is small and takes the same time always.
type seen struct {
	sets [1024][4]result
	turn uint8
}

type result struct {
	sequence uint32
	nonce    uint32
	version  uint32
}

// add says whether the result is new, and remembers it.
func (s *seen) add(r result) bool {
	h := (r.nonce ^ r.version*0x9e3779b1 ^ r.sequence*0x85ebca6b) * 0xc2b2ae35
	set := &s.sets[h>>22]
	for i := range set {
		if set[i] == r {
			return false
		}
	}
	s.turn++
	set[s.turn%4] = r
	return true
}
