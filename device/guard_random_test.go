package device

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/tinytest/chipsim"
)

// Environment variables: seedVar has a single seed tried again, seedsVar says how
// many are tried in place of the few that each run has time for.
const (
	seedVar  = "LODE_SEED"
	seedsVar = "LODE_SEEDS"
)

// seeds lists those to try: n of them from the first on, few in a hurry.
func seeds(t *testing.T, first, n uint64) (list []uint64) {
	if seed, ok := number(t, seedVar); ok {
		return []uint64{seed}
	}
	if testing.Short() {
		n = (n + 5) / 6
	}
	if more, ok := number(t, seedsVar); ok {
		n = more
	}
	for i := range n {
		list = append(list, first+i)
	}
	return list
}

// number reads an environment variable.
func number(t *testing.T, name string) (uint64, bool) {
	text := os.Getenv(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n, true
}

// again says how to see a failure once more.
func again(t *testing.T, seed uint64) {
	if t.Failed() {
		t.Logf("again with %s=%d go test -run '%s' ./device", seedVar, seed, t.Name())
	}
}

// Faults at random moments, in every state, one after the other and two at a time:
// the chip never gets hot, a board that is called off is safe, and when all is over
// it mines again.
func TestRandomFaults(t *testing.T) {
	for _, seed := range seeds(t, 0, 30) {
		synctested(t, fmt.Sprint(seed), func(t *testing.T) {
			defer again(t, seed)
			v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			var list []virtual.Fault
			for _, f := range faults() {
				heal := func() {}
				if f.heal != nil {
					heal = func() { f.heal(v) }
				}
				list = append(list, virtual.Fault{Break: virtual.Break(f.name), Hurt: func() { f.hurt(v) }, Heal: heal})
			}
			list = append(list, virtual.Fault{Break: "cool air", Hurt: func() {}, Heal: func() { v.SetAmbient(25) }})
			runBench(t, v).schedule(seed, list)
		})
	}
}

// The same on every virtual board, with what can break on it and on its chips.
func TestRandomFaultsOfBoards(t *testing.T) {
	for i, name := range virtual.Names() {
		for _, seed := range seeds(t, uint64(i), 1) {
			synctested(t, fmt.Sprintf("%s-%d", name, seed), func(t *testing.T) {
				defer again(t, seed)
				v, err := virtual.New(virtual.Config{Board: name, Chips: 3, HashBudget: 5e3, Seed: seed})
				if err != nil {
					t.Fatal(err)
				}
				if name == "s9" && testing.Short() {
					slow(t, v)
				}
				runBench(t, &virtual.Bitaxe{Board: v}).schedule(seed, append(randomChipFaults(v, seed), v.Faults...))
			})
		}
	}
}

// randomChipFaults are some of what chips can have, at chips chosen by the seed.
func randomChipFaults(v *virtual.Board, seed uint64) (list []virtual.Fault) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i, c := range v.Chips {
		for _, k := range []chipsim.FaultKind{
			chipsim.LoseByte, chipsim.FlipBit, chipsim.WrongCRC, chipsim.Repeat, chipsim.DeadChip, chipsim.MuteChip,
			chipsim.HashErrors, chipsim.Spam, chipsim.Unplugged, chipsim.SlowChip,
		} {
			chip := r.IntN(max(1, len(c.Status().Chips)))
			list = append(list, virtual.Fault{
				Break: virtual.Break(fmt.Sprintf("%s at chain %d, chip %d", k, i+1, chip)),
				Hurt:  func() { c.Inject(chipsim.Fault{Kind: k, Chip: chip}) }, Heal: c.Heal,
			})
		}
	}
	return list
}

// rounds is how often something breaks in a schedule.
func rounds() int {
	if testing.Short() {
		return 2
	}
	return 6
}

// schedule has one or two faults at a time, for a while each.
func (b *bench) schedule(seed uint64, list []virtual.Fault) {
	stop := b.oversee()
	defer stop()
	r := rand.New(rand.NewPCG(seed, 0))
	for range rounds() {
		b.pass(r, 40*time.Second)
		for range 1 + r.IntN(3)/2 {
			f := list[r.IntN(len(list))]
			b.t.Log("fault:", f.Break, f.Part)
			f.Hurt()
		}
		b.pass(r, 90*time.Second)
		for _, f := range list {
			f.Heal()
		}
	}
	time.Sleep(time.Second)
	b.guard.clearTrips()
	b.until("all mines again", 20*time.Minute, allMine)
}

func (b *bench) pass(r *rand.Rand, d time.Duration) { time.Sleep(time.Duration(r.Int64N(int64(d)))) }

// hottest is what a chip may get to with two faults at once: when its own sensor
// lies in hot air, the regulator's limit is what is left.
const hottest = 106

// oversee looks at the true state of the board ten times a second. A chip in
// reset is as safe as it gets when fan and regulator fail together.
func (b *bench) oversee() (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var wrong time.Duration
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
			st := b.board.State()
			if st.Celsius() > hottest {
				b.t.Errorf("the chip is at %.1f °C: %+v", st.Celsius(), b.guard.Status().Reason)
				return
			}
			if wrong += 100 * time.Millisecond; !off(b.guard.Status()) || st.Safe() || st.MHz() == 0 {
				wrong = 0
			}
			if wrong > 2*time.Second {
				b.t.Errorf("off, and not safe for %v: %+v", wrong, st)
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}
