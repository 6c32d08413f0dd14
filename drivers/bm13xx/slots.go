package bm13xx

import (
	"time"

	"github.com/lodefw/lode/hashing"
)

// slots is how many job ids are in use: the id field wraps at 128.
const idSpace = 128

// slot is a job that the chips may still answer for.
type slot struct {
	used     bool
	sequence uint32 // counts jobs, tells a slot's users apart
	work     hashing.Work
	versions [4]uint32 // of midstate jobs
	sent     time.Time
}

// idOf is the job id in the job byte of a response.
func (s *spec) idOf(job uint8) uint8 {
	return job >> s.idShift & s.idMask & (idSpace - 1)
}

// midstateOf is the number of the midstate in the job byte of a response.
func midstateOf(job uint8) int { return int(job & 3) }
