package bm13xx

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// tap notes the jobs that are written to a port: when, and under which id.
type tap struct {
	Port
	jobs []tapped
}

type tapped struct {
	at time.Time
	id uint8
}

func (p *tap) Write(b []byte) (int, error) {
	if len(b) > 20 {
		p.jobs = append(p.jobs, tapped{time.Now(), b[4]})
	}
	return p.Port.Write(b)
}

// 126 chips at 3.125 Mbaud, with one core for driver and chips: each chip takes
// every job and finds its share, none is through with a job before the next
// comes, and no slot is taken while its job can still be answered. Blocks come
// regularly, and once twenty of them in 40 ms.
func TestLongChainIsFed(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	length := 70 * time.Second
	if testing.Short() {
		length = 20 * time.Second
	}
	synctest.Test(t, func(t *testing.T) {
		const chips = 126
		r := newRig(t, chipsim.Config{Model: "BM1362", Chips: chips, Domains: 42, Seed: 3}, Options{Chips: chips, Baud: 3125000})
		port := &tap{Port: r.chain.port}
		r.chain.port = port
		r.start()
		r.walked() // breaches looks at the jobs until then
		begin := time.Now()
		for time.Since(begin) < length {
			time.Sleep(9700 * time.Millisecond)
			r.feed.Change()
		}
		for range 20 {
			time.Sleep(2 * time.Millisecond)
			r.feed.Change()
		}
		time.Sleep(3 * time.Second)
		stats := r.sim.Status()
		r.end()
		r.check()
		port.jobs = slices.DeleteFunc(port.jobs, func(j tapped) bool { return j.at.Before(begin) })
		checkJobs(t, r.chain, port.jobs)
		checkShares(t, r.chain, stats)
		// A group of versions takes a little longer than its count: a hundredth of the
		// nonces is the next chip's too.
		if s := r.chain.Status(); s.HardwareErrors+s.Lost+s.Noise > 0 || s.Duplicates+s.Stray.Good > s.Good/100 {
			t.Errorf("%+v, stray %+v, %d bytes of noise", s.Tally, s.Stray, s.Noise)
		}
		r.breaches() // among them a sweep that is over before the next job
	})
}

// checkJobs wants each job within the sweep of the one before, and an id again
// only when all others have been used since.
func checkJobs(t *testing.T, c *Chain, jobs []tapped) {
	t.Helper()
	sweep := c.spec.sweep(c.count, 16, 0, c.spec.hashCount(c.spec.slice(c.count), c.spec.nominal), c.spec.nominal)
	last := make(map[uint8]int)
	for i, j := range jobs {
		if i > 0 && j.at.Sub(jobs[i-1].at) > sweep*95/100 {
			t.Errorf("job %d comes %v after the one before, a sweep takes %v", i, j.at.Sub(jobs[i-1].at), sweep)
		}
		if before, ok := last[j.id]; ok && i-before < idSpace/int(c.spec.idStep) {
			t.Errorf("jobs %d and %d have id %02x", before, i, j.id)
		}
		last[j.id] = i
	}
	t.Logf("%d jobs, %d ids, a sweep takes %v", len(jobs), len(last), sweep)
}

// checkShares wants every chip to have had all jobs, and each to have found as
// much as the others, but for chance.
func checkShares(t *testing.T, c *Chain, stats chipsim.Status) {
	t.Helper()
	s := c.Status()
	mean := float64(s.Good) / float64(c.count)
	least, most := math.Inf(1), 0.0
	for i, chip := range s.ChipStatus {
		n := float64(chip.Good)
		least, most = min(least, n), max(most, n)
		if math.Abs(n-mean) > 5*math.Sqrt(mean)+1 || chip.Health != Alive {
			t.Errorf("chip %d is %v and found %v, the others %.1f", i, chip.Health, n, mean)
		}
		if sim := stats.Chips[i]; sim.Jobs != s.Jobs || !sim.Up || sim.HashRate < 0.9*stats.Chips[0].HashRate {
			t.Errorf("chip %d took %d jobs of %d and makes %.3g hashes a second", i, sim.Jobs, s.Jobs, sim.HashRate)
		}
	}
	t.Logf("%d results, %.1f a chip, %v to %v", s.Good, mean, least, most)
}

// A change of the feed: the last byte of the first new job is on the wire when
// one frame's time has passed, not a microsecond later, at any rate.
func TestChangeWithinAFrame(t *testing.T) {
	for _, c := range []struct {
		model string
		baud  int
		bits  int // of the job's frame
	}{{"BM1362", 3125000, 880}, {"BM1366", 1041667, 880}, {"BM1370", 115200, 880}, {"BM1397", 3125000, 1520}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Model: c.model, Chips: 4}, Options{Chips: 4, Baud: c.baud})
			port := &tap{Port: r.chain.port}
			r.chain.port = port
			r.start()
			r.walked()
			frame := time.Duration(c.bits) * time.Second / time.Duration(c.baud)
			taken := func() uint64 { return r.sim.Status().Chips[3].Jobs }
			for range 10 {
				time.Sleep(2300 * time.Millisecond)
				synctest.Wait()
				// The last job has left the line, the next renewal is far.
				time.Sleep(time.Until(port.jobs[len(port.jobs)-1].at.Add(frame + 100*time.Microsecond)))
				before := taken()
				r.feed.Change()
				time.Sleep(frame - 20*time.Microsecond)
				early := taken()
				time.Sleep(40 * time.Microsecond)
				if now := taken(); early != before || now != before+1 {
					t.Errorf("%s at %d baud: %d jobs shortly before a frame's time, %d shortly after, %d before", c.model, c.baud, early, now, before)
				}
			}
			r.end()
			r.check()
		})
	}
}
