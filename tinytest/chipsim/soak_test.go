package chipsim

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// A device of three chains (77, 126 and 65 chips, as three products have them)
// runs for an hour of simulated time in bounded memory.
func TestSoak(t *testing.T) {
	hours := 1 // LODE_SOAK_HOURS for more
	if n, err := strconv.Atoi(os.Getenv("LODE_SOAK_HOURS")); err == nil {
		hours = n
	}
	synctest.Test(t, func(t *testing.T) {
		var chains []*Chain
		for _, cfg := range []Config{
			{Model: "BM1366", Chips: 77, Domains: 11, Zeros: 1},
			{Model: "BM1362", Chips: 126, Domains: 42, Zeros: 1},
			{Model: "BM1370", Chips: 65, Domains: 13, Zeros: 1},
		} {
			cfg.Seed = 4
			cfg.Faults = []Fault{{Kind: LoseByte}, {Kind: FlipBit}, {Kind: FlipCommand, Rate: 1e-5}, {Kind: Repeat, Rate: 0.01}}
			c := newChain(t, cfg)
			h := host{t, c.Port()}
			h.bringUp(cfg.Chips, 2, 0x40a80265, 0x1381, 0x000000ff)
			chains = append(chains, c)
		}
		heap := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		start := heap()
		for i := range hours * 60 {
			for k, c := range chains {
				p := c.Port()
				p.Write(headerJob(byte(i%16)<<3, someHeader(byte(i+k))))
				readFor(t, p, 19*time.Second)
			}
		}
		if end := heap(); end > start+(4<<20) {
			t.Errorf("the heap grew from %d to %d bytes", start, end)
		}
		for _, c := range chains {
			found := uint64(0)
			for _, ch := range c.Status().Chips {
				found += ch.Found
			}
			if found == 0 || len(c.rx.host) > hostQueue || len(c.check.reports) > 40*maxReports {
				t.Errorf("%s: %d results, %d bytes, %d reports", c.cfg.Model, found, len(c.rx.host), len(c.check.reports))
			}
		}
	})
}

// What a simulated second of a full board costs: jobs at 3.125 Mbaud and all that
// the chips say, with hardly a hash.
func BenchmarkSecond126(b *testing.B) {
	c, err := New(Config{Model: "BM1362", Chips: 126, Domains: 42, Zeros: 1})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Duration(0)
	send := func(f ...byte) { c.tx.write(now, append([]byte{0x55, 0xaa}, append(f, crc5(f, 8*len(f)))...)) }
	send(0x51, 9, 0, regVersion, 0x90, 0, 0xff, 0xff)
	send(0x53, 5, 0, 0)
	for i := range 126 {
		send(0x40, 5, byte(2*i), 0)
	}
	for _, r := range [][]byte{{0x18, 0xb0, 0, 0xc1, 0}, {0x14, 0, 0, 0, 0xff}, {0x08, 0x40, 0xa0, 2, 0x30}, {0x10, 0, 0, 0x13, 0x81}, {0x28, 1, 0x30, 0, 0}} {
		send(append([]byte{0x51, 9, 0}, r...)...)
	}
	now += time.Second
	c.advance(now)
	c.tx.baud = 3125000
	b.ResetTimer()
	for i := range b.N {
		for k := range 10 {
			c.tx.write(now, headerJob(byte(k)<<3, someHeader(byte(i))))
			now += 100 * time.Millisecond
			c.advance(now)
			c.rx.host = c.rx.host[:0]
		}
	}
}
