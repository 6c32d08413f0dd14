package sha256d

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/internal/vectors"
)

// reference does what a kernel does, without any of its tricks.
func reference(headers [][80]byte, target *[32]byte, start, count uint32) []Hit {
	var hits []Hit
	for i := range count {
		for m, h := range headers {
			binary.LittleEndian.PutUint32(h[76:], start+i)
			first := sha256.Sum256(h[:])
			hash := sha256.Sum256(first[:])
			if binary.LittleEndian.Uint32(hash[28:]) <= binary.LittleEndian.Uint32(target[28:]) {
				hits = append(hits, Hit{Nonce: start + i, Midstate: m})
			}
		}
	}
	return hits
}

// scanAll calls the kernel until all nonces are done, with room for so many hits
// at a time.
func scanAll(t testing.TB, k Kernel, s *Search, start, count uint32, room int) []Hit {
	var all []Hit
	hits := make([]Hit, room)
	for done := uint32(0); done < count; {
		n, d := k.Scan(s, start+done, count-done, hits)
		if d == 0 || d > count-done || n > room {
			t.Fatalf("%s: Scan = %d hits, %d of %d done", k.Name, n, d, count-done)
		}
		all = append(all, hits[:n]...)
		done += d
	}
	slices.SortFunc(all, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Nonce-start, b.Nonce-start), cmp.Compare(a.Midstate, b.Midstate))
	})
	return all
}

// eachKernel runs a test for every kernel that this machine has, and says which
// it has not.
func eachKernel(t *testing.T, test func(t *testing.T, k Kernel)) {
	for _, k := range Kernels() {
		if !k.Available() {
			t.Logf("kernel %s is not available here: needs %s", k.Name, k.Needs)
			continue
		}
		t.Run(k.Name, func(t *testing.T) { test(t, k) })
	}
}

// withTop is a target of which only the top 32 bits are set.
func withTop(top uint32) *[32]byte {
	var target [32]byte
	binary.LittleEndian.PutUint32(target[28:], top)
	return &target
}

func TestGenesis(t *testing.T) {
	header := parse(t, "01000000"+
		"0000000000000000000000000000000000000000000000000000000000000000"+
		"3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"+
		"29ab5f49ffff001d00000000")
	const nonce = 2083236893
	eachKernel(t, func(t *testing.T, k Kernel) {
		var s Search
		s.Prepare(&header, nil, withTop(0))
		got := scanAll(t, k, &s, nonce-5000, 10000, MaxStep)
		if want := []Hit{{Nonce: nonce}}; !slices.Equal(got, want) {
			t.Fatalf("hits %v, want %v", got, want)
		}
	})
}

func parse(t testing.TB, text string) (header [80]byte) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 80 {
		t.Fatalf("header of %d bytes: %v", len(b), err)
	}
	return [80]byte(b)
}

type headerVector struct {
	Header   vectors.Hex `json:"header"`
	First64  vectors.Hex `json:"header_first_64"`
	Midstate vectors.Hex `json:"midstate_be_words"`
	HashBE   vectors.Hex `json:"hash_be"`
}

func TestMidstate(t *testing.T) {
	for _, category := range []string{"block_headers", "header_extras"} {
		vectors.Each(t, category, func(t *testing.T, v headerVector) {
			var header [80]byte
			copy(header[:], append(v.First64, v.Header...))
			if m := Midstate(&header); !bytes.Equal(bigEndian(m), v.Midstate) {
				t.Errorf("Midstate = %08x, want %x", m, v.Midstate)
			}
		})
	}
}

// Each known block is found wherever it lies in the range, and at its ends.
func TestKnownBlocks(t *testing.T) {
	vectors.Each(t, "block_headers", testKnownBlock)
}

func testKnownBlock(t *testing.T, v headerVector) {
	header := [80]byte(v.Header)
	nonce := binary.LittleEndian.Uint32(header[76:])
	first := sha256.Sum256(header[:])
	hash := sha256.Sum256(first[:])
	if !bytes.Equal(hash[:], reversed(slices.Clone(v.HashBE))) {
		t.Fatalf("hash %x, want %x reversed", hash, v.HashBE)
	}
	eachKernel(t, func(t *testing.T, k Kernel) {
		var s Search
		s.Prepare(&header, nil, &hash) // as hard as can be: equality
		for _, before := range []uint32{0, 1, 15, 16, 31, 400} {
			got := scanAll(t, k, &s, nonce-before, before+1, MaxStep)
			if !slices.Contains(got, Hit{Nonce: nonce}) {
				t.Errorf("not found %d from the start of the range, the last in it", before)
			}
			if got := scanAll(t, k, &s, nonce-before-1, before+1, MaxStep); slices.Contains(got, Hit{Nonce: nonce}) {
				t.Errorf("found behind the end of a range of %d", before+1)
			}
		}
	})
}

func reversed(b []byte) []byte {
	slices.Reverse(b)
	return b
}

func bigEndian(s State) (b []byte) {
	for _, w := range s {
		b = binary.BigEndian.AppendUint32(b, w)
	}
	return b
}

// random makes headers that differ in the version only, and a target that is
// met about once in so many hashes.
func random(r *rand.Rand, versions, once int) (headers [][80]byte, mids []State, target *[32]byte) {
	var h [80]byte
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	for range versions {
		binary.LittleEndian.PutUint32(h[:], r.Uint32())
		headers = append(headers, h)
		mids = append(mids, Midstate(&h))
	}
	return headers, mids, withTop(uint32(math.MaxUint32 / uint64(once)))
}

// Many midstates, more than any kernel likes and numbers that are not round.
func TestVersions(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		r := rand.New(rand.NewPCG(9, 10))
		var s Search
		for _, versions := range []int{2, 3, 7, 16, 64, 67, 128} {
			for _, once := range []int{1, 1000} {
				headers, mids, target := random(r, versions, once)
				start, count := r.Uint32(), 1+r.Uint32N(80)
				s.Prepare(&headers[0], mids, target)
				want := reference(headers, target, start, count)
				got := scanAll(t, k, &s, start, count, (MaxStep+5)*versions)
				if !slices.Equal(got, want) {
					t.Fatalf("%d versions, %d nonces from %#x: %d hits, want %d", versions, count, start, len(got), len(want))
				}
			}
		}
	})
}

// A hit in each lane alone, at each place in the range, and no other.
func TestEveryLane(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		headers, mids, _ := random(rand.New(rand.NewPCG(11, 12)), 1, 1)
		var s Search
		const nonce = 0xfffffff5
		h := headers[0]
		binary.LittleEndian.PutUint32(h[76:], nonce)
		first := sha256.Sum256(h[:])
		hash := sha256.Sum256(first[:])
		target := withTop(binary.LittleEndian.Uint32(hash[28:]))
		s.Prepare(&h, mids, target)
		for lane := range uint32(2 * MaxStep) {
			want := reference(headers, target, nonce-lane, 3*MaxStep) // over the wrap
			if got := scanAll(t, k, &s, nonce-lane, 3*MaxStep, MaxStep); !slices.Equal(got, want) {
				t.Fatalf("hit in lane %d of the range: %v, want %v", lane, got, want)
			}
		}
	})
}

// A range that is longer than any kernel does at once.
func TestLongRange(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		headers, mids, target := random(rand.New(rand.NewPCG(15, 16)), 2, 1<<11)
		var s Search
		s.Prepare(&headers[0], mids, target)
		const count = 1<<16 + 1000
		got := scanAll(t, k, &s, 0xffff8000, count, 8*MaxStep)
		if len(got) < 32 || len(got) > 128 { // 64 are expected
			t.Fatalf("%d hits", len(got))
		}
		for i, h := range got {
			if i > 0 && h == got[i-1] {
				t.Fatalf("%v twice", h)
			}
			if want := reference(headers, target, h.Nonce, 1); !slices.Contains(want, h) {
				t.Fatalf("%v is no hit", h)
			}
		}
	})
}

// Searches of one worker follow each other with other headers and numbers of
// versions, by several kernels in the same memory.
func TestMixed(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	var s Search
	for range 30 {
		headers, mids, target := random(r, 1+r.IntN(20), 50)
		s.Prepare(&headers[0], mids, target)
		start := r.Uint32()
		want := reference(headers, target, start, 100)
		for _, k := range Kernels() {
			if !k.Available() {
				continue
			}
			if got := scanAll(t, k, &s, start, 100, MaxStep*len(headers)); !slices.Equal(got, want) {
				t.Fatalf("%s: hits %v, want %v", k.Name, got, want)
			}
		}
	}
}

func TestAgainstReference(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		r := rand.New(rand.NewPCG(1, 2))
		var s Search
		for i := range 200 {
			versions := 1 + i%5
			headers, mids, target := random(r, versions, 1<<(i%9))
			start, count := r.Uint32(), 1+r.Uint32N(300)
			if i%4 == 0 {
				start = -r.Uint32N(count) // over the wrap
			}
			s.Prepare(&headers[0], mids, target)
			if s.Midstates() != versions {
				t.Fatalf("Midstates = %d, want %d", s.Midstates(), versions)
			}
			want := reference(headers, target, start, count)
			got := scanAll(t, k, &s, start, count, MaxStep*versions+i%7)
			if !slices.Equal(got, want) {
				t.Fatalf("search %d, %d nonces from %#x, %d versions:\nhits %v\nwant %v", i, count, start, versions, got, want)
			}
		}
	})
}

// The limit is exact: a target of the hash's top word finds it, one less does not.
func TestEquality(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		r := rand.New(rand.NewPCG(3, 4))
		var s Search
		hits := make([]Hit, MaxStep)
		for range 100 {
			headers, mids, _ := random(r, 1, 1)
			nonce := r.Uint32()
			h := headers[0]
			binary.LittleEndian.PutUint32(h[76:], nonce)
			first := sha256.Sum256(h[:])
			hash := sha256.Sum256(first[:])
			top := binary.LittleEndian.Uint32(hash[28:])
			s.Prepare(&h, mids, withTop(top))
			if n, done := k.Scan(&s, nonce, 1, hits); n != 1 || done != 1 || hits[0].Nonce != nonce {
				t.Fatalf("target equals hash: %d hits, %d done", n, done)
			}
			s.Prepare(&h, mids, withTop(top-1))
			if n, done := k.Scan(&s, nonce, 1, hits); n != 0 || done != 1 {
				t.Fatalf("target below hash: %d hits, %d done", n, done)
			}
		}
	})
}

// Too little room stops the scan at a whole nonce, without loss.
func TestFullHits(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		headers, mids, target := random(rand.New(rand.NewPCG(5, 6)), 3, 1)
		var s Search
		s.Prepare(&headers[0], mids, target)
		hits := make([]Hit, 3*MaxStep+1)
		n, done := k.Scan(&s, 7, 1000, hits)
		if done == 0 || done > MaxStep || n != int(3*done) {
			t.Fatalf("Scan = %d hits, %d done", n, done)
		}
		if n, done := k.Scan(&s, 7, 0, hits); n != 0 || done != 0 {
			t.Fatalf("Scan of nothing = %d hits, %d done", n, done)
		}
	})
}

func TestNoAllocation(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		headers, mids, target := random(rand.New(rand.NewPCG(7, 8)), 4, 10)
		var s Search
		hits := make([]Hit, 4*MaxStep)
		run := func() {
			s.Prepare(&headers[0], mids, target)
			k.Scan(&s, 0, 200, hits)
		}
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%v allocations for a search", n)
		}
	})
}

func FuzzKernels(f *testing.F) {
	f.Add(make([]byte, 80), uint32(0), uint32(0), uint32(1<<28), uint8(3))
	f.Add(bytes.Repeat([]byte{0xff}, 80), uint32(0xffffffff), uint32(math.MaxUint32-20), uint32(math.MaxUint32), uint8(40))
	f.Fuzz(func(t *testing.T, b []byte, version, start, top uint32, count uint8) {
		var h [80]byte
		copy(h[:], b)
		rolled := h
		binary.LittleEndian.PutUint32(rolled[:], version)
		headers, mids := [][80]byte{h, rolled}, []State{Midstate(&h), Midstate(&rolled)}
		var s Search
		for versions := 1; versions <= 2; versions++ {
			want := reference(headers[:versions], withTop(top), start, uint32(count))
			s.Prepare(&h, mids[:versions], withTop(top))
			for _, k := range Kernels() {
				if !k.Available() {
					continue
				}
				if got := scanAll(t, k, &s, start, uint32(count), 2*MaxStep); !slices.Equal(got, want) {
					t.Errorf("%s, %d versions: hits %v, want %v", k.Name, versions, got, want)
				}
			}
		}
	})
}

func TestChoose(t *testing.T) {
	if k, err := Choose("generic"); err != nil || k.Name != "generic" {
		t.Errorf("Choose(generic) = %v, %v", k.Name, err)
	}
	if k, err := Choose(""); err != nil || !k.Available() {
		t.Errorf("Choose() = %v, %v", k.Name, err)
	}
	for _, k := range Kernels() {
		chosen, err := Choose(k.Name)
		if k.Available() && (err != nil || chosen.Name != k.Name) {
			t.Errorf("Choose(%s) = %v, %v", k.Name, chosen.Name, err)
		}
		if !k.Available() && (err == nil || !strings.Contains(err.Error(), k.Needs)) {
			t.Errorf("Choose(%s), which needs %s: %v", k.Name, k.Needs, err)
		}
	}
	if _, err := Choose("abacus"); err == nil {
		t.Error("Choose takes a kernel that is not there")
	}
}

func TestFastest(t *testing.T) {
	slow := Kernel{Name: "slow", Scan: func(s *Search, start, count uint32, hits []Hit) (int, uint32) {
		for range 100 {
			scanGeneric(s, start, min(count, 4), hits)
		}
		return 0, min(count, 4)
	}}
	generic := Kernels()[0]
	for _, kernels := range [][]Kernel{{generic, slow}, {slow, generic}} {
		if k := fastest(kernels); k.Name != "generic" {
			t.Errorf("%s is the fastest", k.Name)
		}
	}
}

func TestMeasure(t *testing.T) {
	eachKernel(t, func(t *testing.T, k Kernel) {
		for _, versions := range []int{0, 1, k.Versions} {
			const least = 1000
			rate := best(least, func() float64 { return k.Measure(time.Millisecond, versions) })
			if rate < least {
				t.Errorf("%v hashes per second of %d versions", rate, versions)
			}
		}
	})
	const least = 1e6
	if hz := best(least, func() float64 { return Clock(time.Millisecond) }); hz < least || hz > 1e11 {
		t.Errorf("a clock of %v Hz", hz)
	}
}

// best is the highest of some measurements, of many if it is below what it should be:
// this machine may stand still in one, and a busy one in several in a row.
func best(least float64, measure func() float64) (rate float64) {
	for i := 0; i < trials || i < 100 && rate < least; i++ {
		rate = max(rate, measure())
	}
	return rate
}
