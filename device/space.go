package device

import (
	"math"
	"math/bits"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// space is what may be searched of one job: each of its seconds has all values
// of the version bits, each of those all nonces. It is given out from the first
// second on, and never twice.
//
//	second 0:  | 0 | 1 | 2 | 3 | 4 ..7 | ...  2^bits
//	             one work each   a hasher that rolls two bits itself
//	second 1:  | ...
type space struct {
	job    *channel.Job
	mask   uint32 // version bits that may be rolled
	second uint32 // of which values are given out now, from job.NTime
	next   uint64 // first value that is free there
}

func newSpace(j *channel.Job, mask uint32) space {
	return space{job: j, mask: mask & j.VersionMask}
}

// part is one piece of a space: a version and a time for all nonces.
type part struct {
	version uint32
	ntime   uint32
	mask    uint32 // version bits that its owner rolls
}

// take gives out the next part, for a hasher that rolls so many bits itself,
// unless it is later than elapsed seconds after the job's start. Values that do
// not fit its alignment are left out.
func (s *space) take(rollBits int, elapsed uint32) (p part, ok bool) {
	p.mask = hashing.LowBits(s.mask, rollBits)
	size := uint64(1) << bits.OnesCount32(p.mask)
	second, first := s.second, (s.next+size-1)&^(size-1)
	if first+size > 1<<bits.OnesCount32(s.mask) {
		second, first = second+1, 0
	}
	if second > elapsed || second > math.MaxUint32-s.job.NTime {
		return part{}, false
	}
	s.second, s.next = second, first+size
	p.version = hashing.RollVersion(s.job.Version, s.mask, uint32(first))
	p.ntime = s.job.NTime + second
	return p, true
}
