package tinytest

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/drivers/bm13xx"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/tinytest/chipsim"
	"periph.io/x/conn/v3/physic"
)

// fresh is a chain of virtual chips that is brought up, and whose clock walks, when the
// device starts.
type fresh struct {
	sim  *chipsim.Chain
	opts bm13xx.Options
}

func newFresh(t *testing.T, seed uint64) *fresh {
	sim, err := chipsim.New(chipsim.Config{Model: "BM1366", Chips: 3, Seed: seed, HashBudget: 50e3})
	if err != nil {
		t.Fatal(err)
	}
	return &fresh{sim, bm13xx.Options{Chips: 3, Frequency: 485 * physic.MegaHertz, Baud: 115200, WiredZeros: sim.Zeros()}}
}

func (c *fresh) String() string { return "fresh chain" }

// HashRate is that of the full clock.
func (c *fresh) HashRate() float64 {
	hz := float64(c.opts.Frequency) / float64(physic.Hertz)
	return hz * float64(bm13xx.BM1366.HashesPerClock()*c.opts.Chips) / float64(uint64(1)<<(32-c.opts.WiredZeros))
}

// Run is part of hashing.Hasher.
func (c *fresh) Run(ctx context.Context, feed *hashing.Feed, found func(hashing.Solution)) error {
	chain, err := bm13xx.New(ctx, c.sim.Port(), bm13xx.BM1366, c.opts)
	if err != nil {
		return err
	}
	return chain.Run(ctx, feed, found)
}

// A chain's clock takes seven seconds to its goal. The pool hears how fast the chips are
// meanwhile, in few messages: the first share comes soon, and those after it not too often.
func TestPoolFollowsTheClock(t *testing.T) {
	var first, minute []float64
	for seed := range uint64(9) {
		synctest.Test(t, func(t *testing.T) {
			c := newFresh(t, seed+1)
			var log bytes.Buffer // its handler has a lock
			r := New(t, Options{
				Hasher: func(int) hashing.Hasher { return c }, Rate: c.HashRate(),
				Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			d, begin := r.Devices[0], time.Now()
			r.Until("a share", time.Minute, func() bool { return d.Status().Pool.Accepted > 0 })
			first = append(first, time.Since(begin).Seconds())
			time.Sleep(time.Minute - time.Since(begin))
			minute = append(minute, float64(d.Status().Pool.Accepted))
			r.honest()
			r.Pools[0].Kill()
			if err := d.Stop(); err != nil {
				t.Error(err)
			}
			told := rates(log.String(), c.HashRate())
			if len(told) < 3 || len(told) > 8 || told[0] != 0.25 || !slices.IsSorted(told[:3]) || told[2] < 0.5 {
				t.Errorf("seed %d: the pool was told %.2f of the full rate", seed, told)
			}
		})
	}
	slices.Sort(first)
	slices.Sort(minute)
	t.Logf("the first share after %.1f s, shares in the first minute %.0f", first, minute)
	if middle := minute[len(minute)/2]; middle < 40 || middle > 95 {
		t.Errorf("%.0f shares in the first minute, 60 are wanted", middle)
	}
}

// rates are what the log says that the pool was told, as parts of the full one.
func rates(log string, full float64) (list []float64) {
	for _, text := range strings.Split(log, " hashes_per_second=")[1:] {
		text, _, _ = strings.Cut(text, "\n")
		rate, _ := strconv.ParseFloat(text, 64)
		list = append(list, rate/full)
	}
	return list
}
