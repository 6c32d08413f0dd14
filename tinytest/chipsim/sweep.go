package chipsim

import (
	"math/bits"
	"slices"
	"time"
)

// A sweep is a chip's way through a job's search space, the law measured on a
// BM1366 over eleven minutes:
//
//	groups of parallel versions follow each other every period = (HCN+70)/12.5 MHz;
//	within a group every core counts from the chip's first nonce, one each clock;
//	after the last version it starts over, with the same results.
//
// Positions are numbers q = group*counters + counter in one lap.
type sweep struct {
	start    time.Duration // of lap 0, group 0
	first    uint32        // where the counter starts
	counters int64         // tested in each group; 0: not hashing
	groups   int64
	period   float64 // ns
	nsEach   float64 // ns for each counter: 1000/MHz
	once     bool    // midstate jobs end; header jobs repeat

	mask   uint32 // version bits that roll, 16 bits
	stride int64  // of the positions that are really hashed
	phase  int64
	known  []known // replay: all positions with a solution, in order

	lap, q int64 // the next position to look at
	next   int   // of known
}

type known struct {
	q int64
	hit
}

// at is when position q of a lap is tested.
func (s *sweep) at(lap, q int64) time.Duration {
	group, counter := q/s.counters, q%s.counters
	return s.start + time.Duration(float64(lap*s.groups+group)*s.period+float64(counter)*s.nsEach)
}

// due is when the next position to look at is tested.
func (s *sweep) due() (time.Duration, bool) {
	if s.counters == 0 || s.once && s.lap > 0 || s.q >= s.groups*s.counters {
		return 0, false
	}
	return s.at(s.lap, s.q), true
}

// step goes to the position after the current one.
func (s *sweep) step() {
	if s.stride > 0 {
		s.q += s.stride
		if s.q >= s.groups*s.counters {
			s.lap, s.q = s.lap+1, s.phase
		}
		return
	}
	if s.next++; s.next >= len(s.known) {
		s.lap, s.next = s.lap+1, 0
	}
	s.q = s.known[s.next].q
}

// seek goes to the first position that is tested after now.
func (s *sweep) seek(now time.Duration) {
	s.lap, s.q, s.next = 0, s.phase, 0
	if s.stride == 0 {
		s.q = s.groups * s.counters // none
		if len(s.known) > 0 {
			s.q = s.known[0].q
		}
	}
	if s.counters == 0 || now <= s.start {
		return
	}
	gone := float64(now - s.start)
	group := int64(gone / s.period)
	s.lap = group / s.groups
	q := group%s.groups*s.counters + min(s.counters, int64((gone-float64(group)*s.period)/s.nsEach))
	switch {
	case s.stride > 0:
		s.q += max(0, (q-s.phase+s.stride-1)/s.stride) * s.stride
		if s.q >= s.groups*s.counters {
			s.lap, s.q = s.lap+1, s.phase
		}
	case len(s.known) > 0:
		s.next, _ = slices.BinarySearchFunc(s.known, q, func(k known, q int64) int { return int(k.q - q) })
		if s.next == len(s.known) {
			s.lap, s.next = s.lap+1, 0
		}
		s.q = s.known[s.next].q
	}
}

// lapTime is how long a sweep takes.
func (s *sweep) lapTime() time.Duration { return time.Duration(float64(s.groups) * s.period) }

// take starts a new job.
func (ch *chip) take(j *job) {
	ch.settle(j.at)
	ch.job, ch.count = j, 0
	if start := ch.m.startPLL(); start != 0 && ch.reg[ch.m.reg.pll] == start {
		ch.mhz = ch.m.clock(start) * ch.ratio // the first job wakes it
	}
	ch.status.Jobs++
	if j.null && ch.opened < ch.m.cores {
		ch.opened++
	}
	ch.sweep = ch.plan()
	ch.sweep.start = j.at
	ch.sweep.seek(j.at)
}

// replan goes on with the job after a change of clock or counting number; the
// group under way keeps the time at which it began.
func (ch *chip) replan(now time.Duration) {
	if ch.job == nil {
		return
	}
	ch.settle(now)
	old := ch.sweep
	ch.sweep = ch.plan()
	ch.sweep.start = now
	if old.counters > 0 && ch.sweep.counters > 0 {
		groups := float64(int64(float64(now-old.start) / old.period))
		ch.sweep.start = old.start + time.Duration(groups*old.period-groups*ch.sweep.period)
	}
	ch.sweep.seek(now)
}

// settle makes found complete up to now, and drops what was looked up beyond.
func (ch *chip) settle(now time.Duration) {
	for {
		t, ok := ch.sweep.due()
		if !ok || t > now {
			break
		}
		ch.lookUp(t)
	}
	end := len(ch.found)
	for end > 0 && ch.found[end-1].at-ch.c.cfg.StartUp > now {
		end--
	}
	ch.found = ch.found[:end]
}

// plan makes the sweep that job and registers give; its start is not set.
func (ch *chip) plan() sweep {
	m, s := ch.m, sweep{stride: ch.c.stride}
	if ch.mhz == 0 {
		return s
	}
	size := int64(1) << m.counterBits()
	s.nsEach = 1000 / ch.mhz
	s.first = uint32(ch.address) << (m.counterBits() - 8)
	if m.even {
		s.first = uint32(ch.index*(256/len(ch.c.chips))) << (m.counterBits() - 8)
	}
	switch {
	case m.midstates:
		// Each nonce is tried with all midstates, one a clock, before the next. The
		// 2^19 of a BM1387 are where its neighbour begins if addresses are 4 apart;
		// two on a stick, 128 apart, report from all of their halves (real).
		s.nsEach *= float64(len(ch.job.mids))
		s.counters, s.groups, s.once = size-int64(s.first), 1, true
		s.period = float64(s.counters) * s.nsEach
	default:
		hcn := ch.reg[m.reg.hcn]
		if ch.rolling {
			s.mask = ch.reg[regVersion] & 0xffff
		}
		s.groups = max(1, 1<<bits.OnesCount32(s.mask)/int64(m.parallel))
		s.period = float64(hcn+70) * 80
		if offset := ch.reg[regNonceOffset]; offset>>31 != 0 {
			s.first = offset & 0xffff << 9
		} else {
			size -= int64(s.first)
		}
		if hcn > 0 {
			s.counters = min(int64(s.period/s.nsEach), size)
		}
	}
	ch.choose(&s)
	return s
}

// choose sets which positions are looked at.
func (ch *chip) choose(s *sweep) {
	if ch.c.cfg.Zeros == 32 {
		s.stride, s.known = 0, ch.knownOf(s)
		return
	}
	x := ch.job.content ^ uint64(ch.index+1)*0x9e3779b97f4a7c15 // spread the chips
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	s.phase = int64((x ^ x>>27) % uint64(s.stride))
}
