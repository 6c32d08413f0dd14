package sha256d

import "time"

// Each kernel is timed for trials times trial before one is chosen, in turns: a
// moment in which the machine is busy with something else then does not decide.
const (
	trials = 4
	trial  = 5 * time.Millisecond
)

// fastest is the fastest of one or more kernels.
func fastest(kernels []Kernel) Kernel {
	if len(kernels) == 1 {
		return kernels[0]
	}
	rates := make([]float64, len(kernels))
	for range trials {
		for i, k := range kernels {
			rates[i] = max(rates[i], k.Measure(trial, k.Versions))
		}
	}
	best := 0
	for i, rate := range rates {
		if rate > rates[best] {
			best = i
		}
	}
	return kernels[best]
}

// enough hashes end a measurement, also when the clock stands still.
const enough = 1 << 24

// Measure scans under so many midstates for about d and returns the rate in
// hashes per second. It looks at the wall clock: on a busy machine the rate is
// what is left for us.
func (k Kernel) Measure(d time.Duration, versions int) float64 {
	var s Search
	var header [80]byte
	var target [32]byte // zero: next to no candidates
	versions = max(1, versions)
	s.Prepare(&header, make([]State, versions), &target)
	hits := make([]Hit, MaxStep*versions)
	hashes := 0.0
	count, start := uint32(MaxStep), uint32(0)
	k.Scan(&s, start, count, hits) // makes the kernel's memory
	for begin := time.Now(); ; {
		_, done := k.Scan(&s, start, count, hits)
		start += done
		hashes += float64(done) * float64(versions)
		spent := time.Since(begin)
		if spent >= d || hashes >= enough {
			return hashes / max(spent, time.Microsecond).Seconds()
		}
		if spent < d/8 {
			count *= 2
		}
	}
}

// Clock measures the clock of the core that we run on, in Hz: how often in about
// d it does an addition that waits for the one before, which takes one cycle on
// every processor that we know. A core changes its clock with its work, so measure
// it close to what it is compared with.
func Clock(d time.Duration) float64 {
	const atOnce = 1 << 10
	additions := 0.0
	a, b := uint(1), uint(1)
	for begin := time.Now(); ; {
		a, b = fibonacci(a, b, atOnce)
		additions += atOnce * 16
		if spent := time.Since(begin); spent >= d || additions >= 1<<32 {
			return additions / max(spent, time.Microsecond).Seconds()
		}
	}
}

// fibonacci does 16 n additions, each of which needs the last one's result.
//
//go:noinline
func fibonacci(a, b, n uint) (uint, uint) {
	for range n {
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
	}
	return a, b
}
