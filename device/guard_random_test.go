package device

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lodefw/lode/board/virtual"
)

// Faults at random moments, in every state, one after the other and two at a time:
// the chip never gets hot, a board that is called off is safe, and when all is over
// it mines again.
func TestRandomFaults(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		synctested(t, fmt.Sprint(seed), func(t *testing.T) {
			v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-gamma", HashBudget: 20e3, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			b := runBench(t, v)
			stop := b.oversee()
			r := rand.New(rand.NewPCG(seed, 0))
			list := faults()
			for range 6 {
				b.pass(r, 40*time.Second)
				first, second := list[r.IntN(len(list))], list[r.IntN(len(list))]
				t.Log(first.name)
				first.hurt(v)
				if r.IntN(3) == 0 {
					t.Log("and", second.name)
					second.hurt(v)
				}
				b.pass(r, 90*time.Second)
				for _, f := range list {
					if f.heal != nil {
						f.heal(v)
					}
				}
				v.SetAmbient(25)
			}
			time.Sleep(time.Second)
			b.guard.clearTrips()
			b.until("it mines again", 20*time.Minute, is(PowerMining))
			stop()
		})
	}
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
