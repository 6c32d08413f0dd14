package bm13xx

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// A line that loses, adds and flips bytes costs results, never the chain: all that
// is reported is right, the rest is counted, and every chip is taken for alive.
func TestLineFaults(t *testing.T) {
	for _, kind := range []chipsim.FaultKind{
		chipsim.LoseByte, chipsim.AddByte, chipsim.FlipBit, chipsim.CutFrame, chipsim.WrongCRC, chipsim.Repeat,
		chipsim.FlipCommand, chipsim.LoseCommand, chipsim.Spam, chipsim.HashErrors, chipsim.LowTicket, chipsim.WrongAnswer,
	} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chipsim.Config{Model: "BM1370", Chips: 6, Seed: 7}, Options{Chips: 6})
				fault := chipsim.Fault{Kind: kind, Chip: -1}
				if kind == chipsim.LowTicket {
					fault.Chip = 2
				}
				if err := r.sim.Inject(fault); err != nil {
					t.Fatal(err)
				}
				s := r.run(60 * time.Second)
				t.Logf("%+v, %d unasked, %d bytes of noise", s.Tally, s.Unasked, s.Noise)
				if want := float64(6*60*time.Second) / float64(r.chain.resultEvery(BM1370.spec().nominal)); float64(s.Good) < want/2 {
					t.Errorf("%d good results of %.0f", s.Good, want)
				}
				for i, c := range s.ChipStatus {
					if c.Health != Alive && (kind != chipsim.LowTicket || i != fault.Chip) {
						t.Errorf("chip %d is %s", i, c.Health)
					}
				}
				wantCounted(t, kind, s)
			})
		})
	}
}

func wantCounted(t *testing.T, kind chipsim.FaultKind, s Status) {
	t.Helper()
	counted := map[chipsim.FaultKind]uint64{
		chipsim.LoseByte: s.Noise, chipsim.AddByte: s.Noise, chipsim.FlipBit: s.Noise, chipsim.CutFrame: s.Noise,
		chipsim.WrongCRC: s.Noise, chipsim.Repeat: s.Duplicates, chipsim.Spam: s.Unasked,
		chipsim.HashErrors: s.HardwareErrors, chipsim.LowTicket: s.HardwareErrors,
	}
	if n, ok := counted[kind]; ok && n == 0 {
		t.Errorf("%s is not counted: %+v", kind, s.Tally)
	}
}

// A chip or domain that dies is named within a minute, and the others go on.
func TestDeaths(t *testing.T) {
	for _, c := range []struct {
		fault chipsim.Fault
		log   string
		dead  []int
	}{
		{chipsim.Fault{Kind: chipsim.MuteChip, Chip: 3}, "chips=3 ", []int{3}},
		{chipsim.Fault{Kind: chipsim.DeadChip, Chip: 9}, "chips=9-11 domains=3", []int{9, 10, 11}},
		{chipsim.Fault{Kind: chipsim.DeadDomain, Chip: 2}, "domains=", []int{6, 7, 8, 9, 10, 11}},
	} {
		t.Run(string(c.fault.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, chipsim.Config{Model: "BM1366", Chips: 12, Domains: 4, Seed: 3}, Options{Chips: 12})
				r.start()
				time.Sleep(17 * time.Second)
				if err := r.sim.Inject(c.fault); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				before := r.chain.Status()
				time.Sleep(30 * time.Second)
				after := r.chain.Status()
				r.end()
				r.check()
				if !strings.Contains(strings.ReplaceAll(r.log.String(), "\n", " "), c.log) {
					t.Errorf("log has no %q:\n%s", c.log, r.log)
				}
				for i, chip := range after.ChipStatus {
					dead := len(c.dead) > 0 && i >= c.dead[0] && i <= c.dead[len(c.dead)-1]
					if dead != (before.ChipStatus[i].Health == Dead) {
						t.Errorf("chip %d is %s", i, before.ChipStatus[i].Health)
					}
					if found := chip.Good - before.ChipStatus[i].Good; (found == 0) != dead {
						t.Errorf("chip %d found %d", i, found)
					}
				}
			})
		})
	}
}

// A cable that comes off ends Run within a minute, with an error that says so;
// and Run begins anew when it is back.
func TestUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Model: "BM1370", Chips: 4, Seed: 3}, Options{Chips: 4})
		r.start()
		time.Sleep(10 * time.Second)
		if err := r.sim.Inject(chipsim.Fault{Kind: chipsim.Unplugged, For: 2 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := <-r.done; !errors.Is(err, errSilent) || time.Since(begin) > time.Minute {
			t.Errorf("Run = %v after %v", err, time.Since(begin))
		}
		r.start()
		var count *CountError
		if err := <-r.done; !errors.As(err, &count) || count.Found != 0 {
			t.Errorf("Run without a cable = %v", err)
		}
		time.Sleep(2 * time.Minute)
		was := r.chain.Status().Good
		if s := r.run(30 * time.Second); s.Good <= was {
			t.Errorf("%d results after the cable is back, %d before", s.Good, was)
		}
	})
}

// Chips that are wrong from the start are refused, with what they are.
func TestBadChains(t *testing.T) {
	for _, c := range []struct {
		fault chipsim.Fault
		want  string
	}{
		{chipsim.Fault{Kind: chipsim.DeadChip, Chip: 2}, "2 BM1368 answer after reset, want 4: nothing from chip 2 on"},
		{chipsim.Fault{Kind: chipsim.ExtraChip}, "chip 4 is one too many"},
		{chipsim.Fault{Kind: chipsim.WrongID, Chip: 1}, "chip 1 is a "},
		{chipsim.Fault{Kind: chipsim.Unchained, Chip: -1}, "4 chips answer as chip 0 (address 0)"},
		{chipsim.Fault{Kind: chipsim.Unplugged}, "0 BM1368 answer after reset, want 4: check supply"},
	} {
		synctest.Test(t, func(t *testing.T) {
			sim, err := chipsim.New(chipsim.Config{Model: "BM1368", Chips: 4, Faults: []chipsim.Fault{c.fault}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = New(t.Context(), sim.Port(), BM1368, Options{Chips: 4, Reset: sim.Reset})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.fault.Kind, err, c.want)
			}
		})
	}
}
