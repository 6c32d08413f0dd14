package sha256d

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	minio "github.com/minio/sha256-simd"
)

// naive is the straightforward loop that kernels are measured against: midstate,
// then both compressions as the standard writes them.
func naive(mid State, tail [3]uint32, start, count, top uint32) (hits int) {
	var w, v [64]uint32
	for i := range count {
		copy(w[:], tail[:])
		w[3] = start + i
		w[4], w[15] = padding, bitsFirst
		clear(w[5:15])
		digest := compress(mid, &w)
		copy(v[:], digest[:])
		v[8], v[15] = padding, bitsSecond
		clear(v[9:15])
		if compress(initial(), &v)[7] <= top {
			hits++
		}
	}
	return hits
}

// rivals are ways to hash a header again and again that need no kernel.
func rivals() []struct {
	name string
	scan func(count int)
} {
	var header [80]byte
	return []struct {
		name string
		scan func(count int)
	}{
		{"loop", func(count int) { naive(initial(), [3]uint32{}, 0, uint32(count), 0) }},
		{"crypto-sha256-twice", func(count int) {
			for i := range count {
				binary.LittleEndian.PutUint32(header[76:], uint32(i))
				first := sha256.Sum256(header[:])
				sha256.Sum256(first[:])
			}
		}},
		{"minio-sha256-twice", func(count int) {
			for i := range count {
				binary.LittleEndian.PutUint32(header[76:], uint32(i))
				first := minio.Sum256(header[:])
				minio.Sum256(first[:])
			}
		}},
	}
}

func BenchmarkRivals(b *testing.B) {
	for _, r := range rivals() {
		b.Run(r.name, func(b *testing.B) {
			report(b, float64(b.N), timed(func() { r.scan(b.N) }))
		})
	}
}

// timed is the processor time that f takes.
func timed(f func()) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := threadTime()
	f()
	return threadTime() - begin
}

func report(b *testing.B, hashes float64, spent time.Duration) {
	b.ReportMetric(hashes/spent.Seconds()/1e6, "MH/s")
	b.ReportMetric(spent.Seconds()*1e9/hashes, "ns/op")
}

// BenchmarkKernels reports for each kernel, beside its rate, how many times as
// fast as the rivals it is. They take turns of about a millisecond; the figures
// are medians of all turns, in processor time of the thread, and the ratios are
// of one turn each, so that what disturbs the machine disturbs both.
func BenchmarkKernels(b *testing.B) {
	for _, k := range Kernels() {
		for _, versions := range slices.Compact([]int{1, max(1, k.Versions)}) {
			b.Run(fmt.Sprintf("%s/versions=%d", k.Name, versions), func(b *testing.B) {
				benchmarkKernel(b, k, versions)
			})
		}
	}
}

const turn = time.Millisecond

func benchmarkKernel(b *testing.B, k Kernel, versions int) {
	if !k.Available() {
		b.Skip(k.Reason())
	}
	headers, mids, _ := random(rand.New(rand.NewPCG(1, 1)), versions, 1)
	var s Search
	s.Prepare(&headers[0], mids, withTop(0))
	hits := make([]Hit, MaxStep*versions)
	count := max(MaxStep, int(k.Measure(turn, versions)*turn.Seconds())/versions&^(MaxStep-1))
	hashes := count * versions
	turns := b.N/hashes + 1
	times := make([]float64, turns)
	ratios := make([][]float64, len(rivals()))
	cycles := make([]float64, turns)
	for i := range turns {
		times[i] = timed(func() { k.Scan(&s, uint32(i*count), uint32(count), hits) }).Seconds() / float64(hashes)
		cycles[i] = times[i] * Clock(turn/10)
		for j, r := range rivals() {
			n := max(1, hashes/32)
			theirs := timed(func() { r.scan(n) }).Seconds() / float64(n)
			ratios[j] = append(ratios[j], theirs/times[i])
		}
	}
	ours := median(times)
	b.ReportMetric(ours*1e9, "ns/op")
	b.ReportMetric(1e-6/ours, "MH/s")
	b.ReportMetric(median(cycles), "cycles/hash")
	for j, r := range rivals() {
		b.ReportMetric(median(ratios[j]), "x_"+r.name)
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

func BenchmarkPrepare(b *testing.B) {
	headers, mids, target := random(rand.New(rand.NewPCG(1, 1)), 1, 1)
	var s Search
	for b.Loop() {
		s.Prepare(&headers[0], mids, target)
	}
}
