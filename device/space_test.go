package device

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
)

// No two parts share a header, whatever is asked in which order; each stays
// within the job's mask and time.
func TestPartsNeverOverlap(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		mask := hashing.LowBits(r.Uint32(), r.IntN(11))
		j := &channel.Job{Version: r.Uint32(), VersionMask: mask | r.Uint32()&0xf0000000, NTime: 1_700_000_000}
		s := newSpace(j, mask&0x0fffffff)
		type header struct{ version, ntime uint32 }
		seen := make(map[header]bool)
		elapsed := uint32(0)
		for range 2000 {
			elapsed += r.Uint32N(2)
			p, ok := s.take(r.IntN(5), elapsed)
			if !ok {
				continue
			}
			if p.ntime < j.NTime || p.ntime > j.NTime+elapsed {
				t.Fatalf("seed %d: time %d after %d s, %d s elapsed", seed, p.ntime, j.NTime, elapsed)
			}
			for i := range uint32(1) << bits.OnesCount32(p.mask) {
				h := header{hashing.RollVersion(p.version, p.mask, i), p.ntime}
				if seen[h] {
					t.Fatalf("seed %d: %+v given out twice", seed, h)
				}
				if (h.version^j.Version)&^(mask&0x0fffffff) != 0 {
					t.Fatalf("seed %d: version %#x rolls more than %#x of %#x", seed, h.version, mask, j.Version)
				}
				seen[h] = true
			}
		}
	}
}

// Hashers that take one version at a time use up every second whole.
func TestSpaceIsUsedUp(t *testing.T) {
	j := &channel.Job{Version: 0x20000000, VersionMask: 0x1fffe000, NTime: 100}
	s := newSpace(j, 0x0000e000)
	for elapsed := range uint32(3) {
		for i := range 8 {
			p, ok := s.take(0, elapsed)
			if !ok || p.ntime != 100+elapsed {
				t.Fatalf("second %d, part %d = %+v, %v", elapsed, i, p, ok)
			}
			if i == 0 && p.version != j.Version {
				t.Errorf("first version %#x, want the job's own", p.version)
			}
		}
		if p, ok := s.take(0, elapsed); ok {
			t.Fatalf("second %d has a ninth part: %+v", elapsed, p)
		}
	}
}

func TestSpaceOfFixedVersion(t *testing.T) {
	s := newSpace(&channel.Job{Version: 4, NTime: 100}, 0x1fffe000)
	if p, ok := s.take(16, 0); !ok || p != (part{version: 4, ntime: 100}) {
		t.Errorf("first part %+v, %v", p, ok)
	}
	if _, ok := s.take(16, 0); ok {
		t.Error("a second part within the same second")
	}
}

func TestSpaceWithAllBits(t *testing.T) {
	s := newSpace(&channel.Job{VersionMask: math.MaxUint32, NTime: math.MaxUint32}, math.MaxUint32)
	p, ok := s.take(99, 0)
	if !ok || p.mask != math.MaxUint32 {
		t.Fatalf("part of everything %+v, %v", p, ok)
	}
	if p, ok := s.take(0, 100); ok {
		t.Errorf("time went over its end: %+v", p)
	}
}
