package bm13xx

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// Whatever goes wrong, in whatever order: nothing false is reported, Run goes on
// or says why not, it ends when told to, and a new Run on a chain that is well
// again mines with every chip.
func TestFaultSchedules(t *testing.T) {
	models := Models()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				m := models[int(seed)%len(models)]
				const chips = 8
				r := newRig(t, chipsim.Config{Model: m.String(), Chips: chips, Domains: 4, Seed: seed, HashBudget: 5e3}, Options{Chips: chips})
				r.start()
				for range 8 {
					time.Sleep(time.Duration(random.IntN(15000)) * time.Millisecond)
					fault := randomFault(random, chips)
					t.Logf("%+v", fault)
					if err := r.sim.Inject(fault); err != nil {
						t.Fatal(err)
					}
					if len(r.done) > 0 {
						break // the chain has given up, which it may
					}
				}
				time.Sleep(40 * time.Second)
				r.stop()
				if err := <-r.done; err != nil {
					t.Logf("Run = %v", err)
				}
				r.check()
				r.sim.Heal()
				time.Sleep(time.Second)
				before := r.chain.Status()
				r.start()
				time.Sleep(60 * time.Second)
				r.end()
				r.check()
				for i, c := range r.chain.Status().ChipStatus {
					if c.Health != Alive || !m.spec().unsure && c.Good == before.ChipStatus[i].Good {
						t.Errorf("chip %d is %s and has found %d of %d after all is well", i, c.Health, c.Good-before.ChipStatus[i].Good, c.Good)
					}
				}
			})
		})
	}
}

func randomFault(random *rand.Rand, chips int) chipsim.Fault {
	kinds := chipsim.FaultKinds()
	f := chipsim.Fault{Kind: kinds[random.IntN(len(kinds))]}
	f.For = time.Duration(random.IntN(30000)) * time.Millisecond
	switch f.Kind {
	case chipsim.DeadDomain, chipsim.BrownOut:
		f.Chip = random.IntN(4)
	case chipsim.Impostor:
		f.Chip, f.Other = random.IntN(chips), random.IntN(chips)
	default:
		f.Chip = random.IntN(chips)
	}
	return f
}
