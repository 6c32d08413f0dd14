package bm13xx

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
	"periph.io/x/conn/v3/physic"
)

// noting is a port that notes when jobs are written.
type noting struct {
	Port
	job func()
}

func (n *noting) Write(b []byte) (int, error) {
	if len(b) > 20 {
		n.job()
	}
	return n.Port.Write(b)
}

// A change of the feed is on the line at once: no timer and no older work is in
// its way.
func TestChangeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Model: "BM1370", Chips: 2}, Options{Chips: 2})
		var last time.Time
		r.chain.port = &noting{Port: r.chain.port, job: func() { last = time.Now() }}
		r.start()
		time.Sleep(1700 * time.Millisecond)
		for range 20 {
			time.Sleep(123 * time.Millisecond)
			change := time.Now()
			r.feed.Change()
			synctest.Wait()
			if !last.Equal(change) {
				t.Fatalf("the job after the change of %v was sent at %v", change, last)
			}
		}
		r.end()
		r.check()
		r.breaches()
	})
}

// Without work the chips rest within a second, and go on with the next work.
func TestRest(t *testing.T) {
	for _, model := range []string{"BM1370", "BM1397"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Model: model, Chips: 2, Seed: 5}, Options{Chips: 2})
			r.start()
			time.Sleep(20 * time.Second)
			r.works.setDry(true)
			r.feed.Change()
			time.Sleep(time.Second)
			rest := r.chain.Status()
			time.Sleep(2 * time.Minute)
			if s := r.chain.Status(); s.Good != rest.Good || s.Jobs != rest.Jobs {
				t.Errorf("%s: %d results and %d jobs while there was no work", model, s.Good-rest.Good, s.Jobs-rest.Jobs)
			}
			for i, c := range r.chain.Status().ChipStatus {
				if c.Health != Alive {
					t.Errorf("%s: chip %d is %s while it rests", model, i, c.Health)
				}
			}
			r.works.setDry(false)
			r.feed.Change()
			time.Sleep(20 * time.Second)
			r.end()
			r.check()
			if s := r.chain.Status(); s.Good <= rest.Good {
				t.Errorf("%s: nothing found after the rest", model)
			}
			r.breaches()
		})
	}
}

// When a job is through and no other follows, the chips rest too, and nobody takes
// them for dead.
func TestRestAfterSweep(t *testing.T) {
	for _, model := range []string{"BM1372", "BM1387"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Model: model, Chips: 4, Seed: 5}, Options{Chips: 4})
			r.start()
			time.Sleep(20 * time.Second)
			r.works.setDry(true)
			time.Sleep(5 * time.Second)
			rest := r.chain.Status()
			time.Sleep(5 * time.Minute)
			if s := r.chain.Status(); s.Good+s.Duplicates != rest.Good+rest.Duplicates {
				t.Errorf("%s: %+v in the rest, %+v before", model, s.Tally, rest.Tally)
			}
			r.works.setDry(false)
			r.feed.Change()
			time.Sleep(30 * time.Second)
			r.end()
			r.check()
			for i, c := range r.chain.Status().ChipStatus {
				if c.Health != Alive || c.Good == rest.ChipStatus[i].Good {
					t.Errorf("%s: chip %d is %s and has found %d in all", model, i, c.Health, c.Good)
				}
			}
			if strings.Contains(r.log.String(), "level=ERROR") {
				t.Errorf("%s:\n%s", model, r.log)
			}
		})
	}
}

// The clock can be changed while mining; the hash count follows, and nothing is
// found twice for it.
func TestSetFrequency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Model: "BM1366", Chips: 3, Seed: 5}, Options{Chips: 3, Frequency: 400 * mhz})
		r.start()
		r.walked()
		begin := time.Now()
		if err := r.chain.SetFrequency(t.Context(), 500*mhz); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begin); d < 1500*time.Millisecond || d > 1700*time.Millisecond {
			t.Errorf("100 MHz took %v, want 16 steps of 100 ms", d)
		}
		if s := r.chain.Status(); s.ChipStatus[2].Clock != 500*mhz {
			t.Errorf("clock %v", s.ChipStatus[2].Clock)
		}
		time.Sleep(20 * time.Second)
		if err := r.chain.SetFrequency(t.Context(), 450*mhz); err != nil {
			t.Fatal(err)
		}
		if err := r.chain.SetFrequency(t.Context(), 5000*mhz); err == nil {
			t.Error("5 GHz is taken")
		}
		if err := r.chain.SetChipFrequency(t.Context(), 1, 475*mhz); err != nil {
			t.Fatal(err)
		}
		if err := r.chain.SetChipFrequency(t.Context(), 3, 475*mhz); err == nil {
			t.Error("chip 3 of 3 has a clock")
		}
		for i, chip := range r.sim.Status().Chips {
			if want := []float64{450, 475, 450}[i]; chip.MHz != want || r.chain.Status().ChipStatus[i].Clock != physic.Frequency(want)*mhz {
				t.Errorf("chip %d runs at %v MHz, want %v", i, chip.MHz, want)
			}
		}
		r.endsClean()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.chain.SetFrequency(ctx, 400*mhz); err == nil {
			t.Error("the clock of a chain that does not run was changed")
		}
	})
}

// Chips can have a clock each; they walk there together, and back.
func TestSetFrequencies(t *testing.T) {
	for _, model := range []string{"BM1366", "BM1397"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Model: model, Chips: 4, Seed: 5}, Options{Chips: 4, Frequency: 400 * mhz})
			r.start()
			r.walked()
			is := func(want ...physic.Frequency) {
				t.Helper()
				for i, chip := range r.sim.Status().Chips {
					if near := chip.MHz - float64(want[i]/mhz); near < -3 || near > 3 {
						t.Errorf("%s: chip %d runs at %v MHz, want %v", model, i, chip.MHz, want[i])
					}
				}
			}
			begin := time.Now()
			want := []physic.Frequency{450 * mhz, 400 * mhz, 375 * mhz, 425 * mhz}
			if err := r.chain.SetFrequencies(t.Context(), want); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(begin); d < 800*time.Millisecond || model == "BM1366" && d > time.Second {
				t.Errorf("%s: 50 MHz took %v, want 8 steps of 100 ms", model, d)
			}
			is(want...)
			time.Sleep(20 * time.Second)
			if err := r.chain.SetFrequencies(t.Context(), want[1:]); err == nil {
				t.Error("clocks for three chips of four are taken")
			}
			if err := r.chain.SetFrequencies(t.Context(), []physic.Frequency{400 * mhz, 400 * mhz, 400 * mhz, 9000 * mhz}); err == nil {
				t.Error("9 GHz is taken")
			}
			if err := r.chain.SetFrequency(t.Context(), 400*mhz); err != nil {
				t.Fatal(err)
			}
			is(400*mhz, 400*mhz, 400*mhz, 400*mhz)
			time.Sleep(20 * time.Second)
			r.end()
			r.check()
			if s := r.chain.Status(); s.HardwareErrors+s.Lost > 0 || s.Good == 0 {
				t.Errorf("%s: %+v", model, s.Tally)
			}
			r.breaches()
		})
	}
}

// 126 chips at 3.125 Mbaud, in 42 domains: all are found, all are fed, all report.
func TestLongChain(t *testing.T) {
	for _, c := range []struct {
		model          string
		chips, domains int
	}{{"BM1362", 126, 42}, {"BM1370", 65, 13}, {"BM1366", 77, 11}} {
		t.Run(c.model, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chipsim.Config{Model: c.model, Chips: c.chips, Domains: c.domains, Seed: 2},
					Options{Chips: c.chips, Baud: 3125000})
				s := r.run(30 * time.Second)
				t.Logf("%d results, %+v, %d jobs", s.Good, s.Tally, s.Jobs)
				for i, chip := range s.ChipStatus {
					if chip.Good == 0 || chip.Health != Alive {
						t.Errorf("chip %d: %s, %+v", i, chip.Health, chip.Tally)
					}
				}
				if s.HardwareErrors+s.Lost+s.Stray.Good > 0 || s.Duplicates > s.Good/100 {
					t.Errorf("%+v, stray %+v", s.Tally, s.Stray)
				}
				r.breaches()
			})
		})
	}
}

// Registers are read while the chain mines: each chip's own, and not the dead one's.
func TestReadAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Model: "BM1366", Chips: 5, Seed: 5}, Options{Chips: 5})
		r.start()
		r.walked()
		if err := r.sim.Inject(chipsim.Fault{Kind: chipsim.MuteChip, Chip: 3}); err != nil {
			t.Fatal(err)
		}
		pll, err := BM1366.PLL(BM1366.spec().nominal)
		if err != nil {
			t.Fatal(err)
		}
		for reg, want := range map[Reg]uint32{RegPLL0: pll.Register(), RegTicketMask: r.chain.ticket.Register()} {
			got, err := r.chain.ReadAll(t.Context(), reg)
			if err != nil || len(got) != 4 {
				t.Fatalf("ReadAll(%02x) = %v, %v", reg, got, err)
			}
			for i, v := range got {
				if v.Chip != []int{0, 1, 2, 4}[i] || v.Value != want {
					t.Errorf("register %02x: %x, want %x", reg, v, want)
				}
			}
		}
		r.end()
		if s := r.chain.Status(); s.Unasked != 0 || s.Good == 0 {
			t.Errorf("%d unasked, %d good", s.Unasked, s.Good)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.chain.ReadAll(ctx, RegPLL0); err == nil {
			t.Error("a register of a chain that does not run was read")
		}
		r.breaches()
	})
}

// A BM1387 answers without its address and the register's: all of a chain are told
// apart by their order, so a missing one leaves none; one alone is known.
func TestReadNameless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Model: "BM1387", Chips: 5, Seed: 5}, Options{Chips: 5})
		r.start()
		r.walked()
		pll, err := BM1387.PLL(BM1387.spec().nominal)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.chain.ReadAll(t.Context(), reg87PLL)
		if err != nil || len(got) != 5 {
			t.Fatalf("ReadAll = %v, %v", got, err)
		}
		for i, v := range got {
			if v.Chip != i || v.Value != pll.Register()|1<<31 {
				t.Errorf("reading %d: %x, want %x", i, v, pll.Register()|1<<31)
			}
		}
		if err := r.sim.Inject(chipsim.Fault{Kind: chipsim.MuteChip, Chip: 3}); err != nil {
			t.Fatal(err)
		}
		if got, err := r.chain.ReadAll(t.Context(), reg87PLL); err != nil || len(got) != 0 {
			t.Errorf("ReadAll with a chip missing = %v, %v", got, err)
		}
		if got, err := r.chain.ReadAll(t.Context(), RegChipID); err != nil || len(got) != 4 || got[3].Chip != 4 {
			t.Errorf("ids = %v, %v", got, err)
		}
		if v, err := r.chain.readChip(t.Context(), 4, reg87PLL); err != nil || v != pll.Register()|1<<31 {
			t.Errorf("chip 4's PLL = %x, %v", v, err)
		}
		r.end()
		r.breaches()
	})
}
