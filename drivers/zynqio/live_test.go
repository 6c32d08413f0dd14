package zynqio_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/tinytest/chipsim"
)

// A new tip drops what waits in the core: the next work that the chips get is of it.
func TestTip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Chips: 2, Seed: 3})
		r.start()
		time.Sleep(5*time.Second + 1234*time.Microsecond)
		for tip := uint32(1); tip < 20; tip++ {
			r.works.set(func() { r.works.tip = tip })
			r.feed.Change()
			synctest.Wait()
			before := r.sim.Status().Chips[0].Jobs
			time.Sleep(4 * time.Millisecond) // one WORK_TIME, and a frame
			if r.sim.Status().Chips[0].Jobs == before {
				t.Errorf("tip %d: no work in 4 ms", tip)
			}
			r.mu.Lock()
			found := len(r.found)
			r.mu.Unlock()
			time.Sleep(2 * time.Second)
			r.mu.Lock()
			for _, s := range r.found[min(found+1, len(r.found)):] { // one may be on its way
				r.works.set(func() {
					if w := r.works.given[s.Work]; w.Header.NBits != tip {
						t.Errorf("tip %d: a solution of tip %d", tip, w.Header.NBits)
					}
				})
			}
			r.mu.Unlock()
		}
		if s := r.chain.Status(); s.Switch > time.Millisecond || s.Lost > 2 {
			t.Errorf("%+v, switch %v", s.Tally, s.Switch)
		}
		r.end()
	})
}

// Without work the chips rest, and go on with the next; nobody takes them for dead.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Chips: 2, Seed: 5})
		r.start()
		time.Sleep(10 * time.Second)
		r.works.set(func() { r.works.dry = true })
		r.feed.Change()
		time.Sleep(time.Second)
		rest := r.chain.Status()
		time.Sleep(2 * time.Minute)
		if s := r.chain.Status(); s.Good != rest.Good || s.Jobs != rest.Jobs {
			t.Errorf("%d results and %d jobs in the rest", s.Good-rest.Good, s.Jobs-rest.Jobs)
		}
		r.works.set(func() { r.works.dry = false })
		r.feed.Change()
		time.Sleep(10 * time.Second)
		s := r.chain.Status()
		if s.Good <= rest.Good || s.ChipStatus[1].Health != bm13xx.Alive || strings.Contains(r.log.String(), "level=ERROR") {
			t.Errorf("after the rest: %+v\n%s", s.Tally, r.log)
		}
		r.end()
	})
}

// The clock walks while the chain mines, and the core's pace with it.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Chips: 2, Seed: 5})
		r.start()
		time.Sleep(2 * time.Second)
		if err := r.chain.SetFrequency(t.Context(), 500*physic.MegaHertz); err != nil {
			t.Fatal(err)
		}
		before := r.chain.Status()
		time.Sleep(20 * time.Second)
		s := r.chain.Status()
		want := 20 / (0.9 * 4 * (1 << 19) / 500e6)
		if got := float64(s.Jobs - before.Jobs); got < want*0.95 || got > want*1.05 || s.Duplicates+s.HardwareErrors > 0 {
			t.Errorf("%v jobs in 20 s, want %.0f; %+v", got, want, s.Tally)
		}
		got, err := r.chain.ReadAll(t.Context(), bm13xx.Reg(0x0c))
		if err != nil || len(got) != 2 {
			t.Errorf("the chips' PLL: %v, %v", got, err)
		}
		r.end()
	})
}

// What goes wrong with chips and line is named within a minute, and the rest goes on.
func TestFaults(t *testing.T) {
	for name, f := range map[string]struct {
		fault chipsim.Fault
		log   string
		check func(s bm13xx.Status) bool
	}{
		"mute chip": {chipsim.Fault{Kind: chipsim.MuteChip, Chip: 2}, "chips do not answer any more",
			func(s bm13xx.Status) bool {
				return s.ChipStatus[2].Health == bm13xx.Dead && s.ChipStatus[3].Health == bm13xx.Alive
			}},
		"dead domain": {chipsim.Fault{Kind: chipsim.DeadDomain, Chip: 1}, "domains=1",
			func(s bm13xx.Status) bool {
				return s.ChipStatus[3].Health == bm13xx.Dead && s.ChipStatus[0].Health == bm13xx.Alive
			}},
		"wrong CRCs": {chipsim.Fault{Kind: chipsim.WrongCRC, Rate: 0.2}, "", func(s bm13xx.Status) bool { return s.Noise > 100 }},
		"lost bytes": {chipsim.Fault{Kind: chipsim.LoseByte, Rate: 0.02}, "", func(s bm13xx.Status) bool { return s.Noise > 10 }},
		"wrong hashes": {chipsim.Fault{Kind: chipsim.HashErrors, Chip: 1, Rate: 0.3}, "",
			func(s bm13xx.Status) bool {
				return s.ChipStatus[1].HardwareErrors > 10 && s.ChipStatus[0].HardwareErrors == 0
			}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chipsim.Config{Chips: 4, Domains: 2, Seed: 5})
				r.start()
				time.Sleep(5 * time.Second)
				before := r.chain.Status().Good
				if err := r.sim.Inject(f.fault); err != nil {
					t.Fatal(err)
				}
				for range 5 { // a minute at most
					if time.Sleep(11 * time.Second); f.check(r.chain.Status()) {
						break
					}
				}
				s := r.chain.Status()
				if !f.check(s) || !strings.Contains(r.log.String(), f.log) || s.Good <= before {
					t.Errorf("%+v, noise %d, chips %+v\n%s", s.Tally, s.Noise, s.ChipStatus, r.log)
				}
				r.quiet = f.fault.Kind == chipsim.DeadDomain // its chips hear at their first rate again
				r.end()
			})
		})
	}
}

// A chain that is gone, and a core that is, end Run with a reason.
func TestGone(t *testing.T) {
	for name, f := range map[string]struct {
		hurt func(r *rig)
		want string
	}{
		"unplugged":     {func(r *rig) { _ = r.sim.Inject(chipsim.Fault{Kind: chipsim.Unplugged}) }, "no chip answers"},
		"bitstream off": {func(r *rig) { r.fpga.Stop(true) }, "has no core"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, chipsim.Config{Chips: 2, Seed: 5})
			r.start()
			time.Sleep(12 * time.Second) // the clock walks no more: nothing is written
			f.hurt(r)
			begin := time.Now()
			err := <-r.done
			r.stop()
			if err == nil || !strings.Contains(err.Error(), f.want) || time.Since(begin) > time.Minute {
				t.Errorf("%s: Run = %v after %v, want %q", name, err, time.Since(begin), f.want)
			}
		})
	}
}
