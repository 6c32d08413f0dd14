package chipsim

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
)

// outcome sorts what a chain of four chips reports in ten seconds.
type outcome struct {
	good, wrong, low, twice, other int
	perChip                        [4]int
	first                          time.Duration
}

func observe(t *testing.T, text string) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		faults, err := ParseFaults(text)
		if err != nil {
			t.Fatal(err)
		}
		c := newChain(t, Config{Model: "BM1366", Chips: 4, Zeros: 7, Seed: 2, Faults: faults})
		h := host{t, c.Port()}
		h.bringUp(4, 64, 0x40a00230, 0x6666, 0x000000f0)
		h.p.Write([]byte{0x55, 0xaa, 0x51, 9, 0, 0x28, 0x01, 0x30, 0, 0, 0x1a})
		h.p.SetBaud(3125000)
		header := someHeader(9)
		start := time.Now()
		h.p.Write(headerJob(8, header))
		seen := map[string]bool{}
		for {
			f := readN(h.p, 11, time.Until(start.Add(10*time.Second)))
			if len(f) < 11 {
				return
			}
			o.add(f, header, seen)
			if o.first == 0 {
				o.first = time.Since(start)
			}
		}
	})
	return o
}

func (o *outcome) add(f []byte, h [80]byte, seen map[string]bool) {
	if f[10]>>7 == 0 {
		o.other++
		return
	}
	binary.LittleEndian.PutUint32(h[:], 0x20000000|uint32(binary.BigEndian.Uint16(f[8:]))<<13)
	copy(h[76:], f[2:6])
	sum := bitcoin.DoubleHash(h[:])
	_, ticket := meets(sum, 7, 0xf0000000)
	_, any := meets(sum, 7, 0)
	switch {
	case seen[string(f)]:
		o.twice++
	case ticket:
		o.good++
		o.perChip[binary.BigEndian.Uint32(f[2:])>>17&0xff>>6]++
	case any:
		o.low++
	default:
		o.wrong++
	}
	seen[string(f)] = true
}

// Faults of results do what they say, to whom they say.
func TestResultFaults(t *testing.T) {
	clean := observe(t, "")
	if clean.good < 200 || clean.wrong+clean.low+clean.twice+clean.other > 0 {
		t.Fatalf("without a fault: %+v", clean)
	}
	for _, c := range []struct {
		faults string
		ok     func(o outcome) bool
	}{
		{"hash-errors chip=-1 rate=0.2", func(o outcome) bool { return o.wrong > clean.good/8 && o.wrong < clean.good*2/7 }},
		{"hash-errors chip=1 rate=1", func(o outcome) bool { return o.perChip[1] == 0 && o.perChip[0] == clean.perChip[0] }},
		{"low-ticket chip=-1", func(o outcome) bool { return o.low > 3*o.good }},
		{"repeat rate=0.5", func(o outcome) bool { return o.twice > clean.good/3 && o.good > clean.good*9/10 }},
		{"spam chip=2 rate=20", func(o outcome) bool { return o.other > 100 && o.good == clean.good }},
		{"slow-chip chip=3 rate=0.5", func(o outcome) bool { return o.perChip[3] > 0 && o.perChip[3] < clean.perChip[3]*2/3 }},
		{"no-lock chip=0", func(o outcome) bool { return o.perChip[0] == 0 && o.perChip[1] == clean.perChip[1] }},
		{"quarter-off chip=-1", func(o outcome) bool { return o.good < clean.good*7/8 && o.good > clean.good*5/8 }},
		{"late chip=-1 rate=0.5", func(o outcome) bool { return o.first > clean.first+400*time.Millisecond && o.good > clean.good*8/10 }},
		{"mute-chip chip=2", func(o outcome) bool { return o.perChip[2] == 0 && o.perChip[3] == clean.perChip[3] }},
		{"dead-chip chip=2 at=5s", func(o outcome) bool {
			return o.perChip[3] < clean.perChip[3]*3/4 && o.perChip[2] > 0 && o.perChip[1] == clean.perChip[1]
		}},
		{"unplugged at=5s", func(o outcome) bool { return o.good > clean.good/3 && o.good < clean.good*2/3 }},
		{"unplugged at=3s for=1s", func(o outcome) bool { return o.good > clean.good*8/10 && o.good < clean.good }},
		{"unchained", func(o outcome) bool { return o.perChip[1]+o.perChip[2]+o.perChip[3] == 0 }},
		{"brown-out at=5s for=1s", func(o outcome) bool { return o.good < clean.good*2/3 }},
	} {
		if o := observe(t, c.faults); !c.ok(o) {
			t.Errorf("%q: %+v; without %+v", c.faults, o, clean)
		}
	}
}

// An impostor answers for the other chip too.
func TestImpostor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, Config{Model: "BM1366", Chips: 4, Faults: []Fault{{Kind: Impostor, Chip: 3, Other: 1}}})
		h := host{t, c.Port()}
		h.bringUp(4, 64, 0x40a00230, 0x6666, 0)
		for address, want := range map[byte]int{0: 1, 64: 2, 128: 1, 192: 1} {
			h.cmd(0x42, 5, address, 0)
			if got := frames(readFor(t, h.p, 100*time.Millisecond), 11); len(got) != want {
				t.Errorf("chip %02x: answers %v, want %d", address, got, want)
			}
		}
	})
}
