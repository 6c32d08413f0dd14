package bm13xx

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// HashCount is the hash counting number: for how long a core tries one group of
// versions before it goes on to the next. The zero value stops the chip.
type HashCount struct{ n uint32 }

// Register is the value of the register.
func (h HashCount) Register() uint32 { return h.n }

// Group is how long one group of versions takes, whatever the clock: measured on
// a BM1366, exact to the 10 ms of the log (REFERENCE.md, "Sweep").
func (h HashCount) Group() time.Duration { return time.Duration(h.n+70) * 80 * time.Nanosecond }

// HashCount is the number with which the cores of a chain just cover their slice
// of the nonces at a frequency: more gives duplicates, less leaves nonces out.
// It is an error for a chip that does not roll versions.
func (m Model) HashCount(chips int, f physic.Frequency) (HashCount, error) {
	s := m.spec()
	if !s.rolls || chips < 1 || f <= 0 {
		return HashCount{}, fmt.Errorf("bm13xx: no hash count for %d %v at %v", chips, m, f)
	}
	return s.hashCount(s.slice(chips), f), nil
}

// hashCount covers slice nonces: they take slice/f, and the number counts halves
// of 25 MHz clocks.
func (s *spec) hashCount(slice uint32, f physic.Frequency) HashCount {
	if s.count != 0 {
		return HashCount{n: s.count}
	}
	n := uint32(uint64(slice) * uint64(crystal/2/physic.KiloHertz) / uint64(f/physic.KiloHertz))
	return HashCount{n: n - min(s.guard, n)}
}

// sweep is how long a chain needs for all of a job; after that it finds the same
// again, or nothing. rolled is how many version bits the chips roll, and midstates
// how many the job has, for chips that roll none.
func (s *spec) sweep(chips, rolled, midstates int, count HashCount, f physic.Frequency) time.Duration {
	if s.rolls {
		groups := max(1, 1<<rolled/s.parallel)
		return time.Duration(groups) * count.Group()
	}
	rounds := (max(midstates, 1) + s.parallel - 1) / s.parallel
	nonces := float64(rounds) * float64(s.slice(s.chipSlots(chips)))
	return time.Duration(nonces / (float64(f) / float64(physic.Hertz)) * float64(time.Second))
}

// chipSlots is in how many slices the nonces of a core are split. BM1387 always
// has 64; the others have as many as chips, to the next power of two.
func (s *spec) chipSlots(chips int) int {
	if s.wire == WireBare {
		return 64
	}
	return chips
}

// RollBits is how many version bits a chain of the chip rolls itself, as it says in
// hashing.Traits.
func (m Model) RollBits() int { return m.spec().rollBits() }

// rollBits is how many version bits a chain asks for. A chip that rolls has to
// have all sixteen: what it does with others that the job has set is not known
// (REFERENCE.md, "Version rolling"). Four midstates are two bits.
func (s *spec) rollBits() int {
	if s.rolls {
		return 16
	}
	return 2
}
