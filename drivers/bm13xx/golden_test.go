package bm13xx

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/physic"
)

// event is one line of a trace: ["tx", hex], ["delay_ms", n], ["baud", n] ...
type event struct {
	kind string
	data hexBytes
	n    float64
}

func (e *event) UnmarshalJSON(b []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	if err := json.Unmarshal(parts[0], &e.kind); err != nil || len(parts) < 2 {
		return err
	}
	if e.kind == "tx" || e.kind == "rx" {
		return json.Unmarshal(parts[1], &e.data)
	}
	if e.kind == "note" || e.kind == "junk" {
		return nil
	}
	return json.Unmarshal(parts[1], &e.n)
}

type initTrace struct {
	Chip    string
	Chips   int
	Target  any    `json:"target_mhz"`
	Ticket  uint64 `json:"ticket_difficulty"`
	Domains int    `json:"voltage_domains"`
	Result  struct {
		Init int
		MHz  float64
	}
	Events []event
}

// sending is what was sent: frames, changes of the host's rate, and the pause
// before each.
type sending struct {
	frame  string
	baud   int
	before time.Duration
}

func (tr *initTrace) sendings() (all []sending) {
	var pause time.Duration
	for _, e := range tr.Events {
		switch e.kind {
		case "delay_ms":
			pause += time.Duration(e.n) * ms
		case "tx":
			all = append(all, sending{frame: string(e.data), before: pause})
			pause = 0
		case "baud":
			all = append(all, sending{baud: int(e.n), before: pause})
			pause = 0
		}
	}
	return all
}

func (f *fakeLine) sendings() (all []sending) {
	var last time.Time
	for _, s := range f.sent {
		one := sending{frame: string(s.frame), baud: s.baud}
		if !last.IsZero() {
			one.before = s.at.Sub(last)
		}
		last = s.at
		all = append(all, one)
	}
	return all
}

// forced leaves out what a driver is free to do more often: reading the ids after
// the first time, setting a rate that is set already.
func forced(all []sending) (out []sending) {
	read, pause, baud, line := false, time.Duration(0), 0, ""
	for _, s := range all {
		again := s.baud != 0 && s.baud == baud
		if c, err := WireFramed.Parse([]byte(s.frame)); err == nil {
			isRead := c.Op == OpRead && c.Reg == RegChipID
			again = read && isRead || c.Reg == RegFastUART && s.frame == line
			read = read || isRead
			if c.Reg == RegFastUART {
				line = s.frame
			}
		}
		if again {
			pause += s.before
			continue
		}
		if s.baud != 0 {
			baud = s.baud
		}
		s.before += pause
		pause = 0
		out = append(out, s)
	}
	return out
}

// walk takes the clock to its goal, as Run does.
func walk(t *testing.T, c *Chain) {
	t.Helper()
	r := newRunner(c, hashing.NewFeed(newWorks()), nil)
	err := r.accept(t.Context(), request{chip: allChips, clock: c.opts.Frequency, done: make(chan error, 1)})
	for err == nil && r.walk.done != nil {
		<-r.ramp.C
		err = r.rampOn(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// unwalked takes the clock's steps but the first out of a bring-up, which then has
// the same hash count wherever one is written. It returns the last of these, too.
func unwalked(m Model, all []sending) (rest, steps []sending, count uint32) {
	s := m.spec()
	frames := 1 // of a step
	if s.divider != 0 {
		frames = 4
	}
	var pause time.Duration
	for _, one := range all {
		pause += one.before
		c, err := s.wire.Parse([]byte(one.frame))
		switch {
		case err != nil || c.Op != OpWrite:
		case c.Reg == s.regs.pll || s.divider != 0 && c.Reg == RegPLL0Divider:
			steps = append(steps, sending{frame: one.frame, before: pause})
			pause = 0
			if len(steps) > frames {
				continue
			}
		case s.rolls && c.Reg == s.regs.count:
			again := count != 0
			if count, one.frame = c.Value, "count"; again {
				continue
			}
		}
		rest = append(rest, one)
	}
	steps = steps[frames:]
	same := func(a, b sending) bool { return a.frame == b.frame }
	if n := len(steps) - frames; n >= frames && slices.EqualFunc(steps[n:], steps[n-frames:n], same) {
		steps = steps[:n] // the PLL has nothing nearer to the goal
	}
	return rest, steps, count
}

// Every bring-up of ESP-Miner's: the same frames in the same order, pauses no
// shorter, a host rate that the chips can read. But the clock's steps come last.
func TestBringUpCaptures(t *testing.T) {
	eachFile(t, "esp-init-bm", func(t *testing.T, tr initTrace) {
		model, err := ParseModel(tr.Chip)
		if err != nil {
			t.Fatal(err)
		}
		opts := Options{Chips: tr.Chips, Domains: tr.Domains, Ticket: tr.Ticket}
		opts.Frequency = physic.Frequency(tr.Result.MHz*1e6) * physic.Hertz
		if target, ok := tr.Target.(float64); ok {
			opts.Frequency = physic.Frequency(target*1e6) * physic.Hertz
		}
		synctest.Test(t, func(t *testing.T) {
			line := newFakeLine(model, tr.Chips)
			c, err := New(t.Context(), line, model, opts)
			if err != nil {
				t.Fatal(err)
			}
			if tr.Result.Init == 0 {
				return // one BM1372: ESP-Miner reads too much and gives up
			}
			if c.Chips() != tr.Result.Init {
				t.Errorf("%d chips, want %d", c.Chips(), tr.Result.Init)
			}
			walk(t, c)
			got, gotSteps, gotCount := unwalked(model, forced(line.sendings()))
			want, wantSteps, wantCount := unwalked(model, forced(tr.sendings()))
			compare(t, got, want)
			compare(t, gotSteps, wantSteps)
			if gotCount != wantCount {
				t.Errorf("the hash count is %x at last, want %x", gotCount, wantCount)
			}
		})
	})
}

func compare(t *testing.T, got, want []sending) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) {
			t.Fatalf("%d frames were sent, want %d; one is %x", len(got), len(want), append(got, want...)[i].frame)
		}
		g, w := got[i], want[i]
		if g.frame != w.frame {
			t.Fatalf("frame %d is %x, want %x", i, g.frame, w.frame)
		}
		if w.baud != 0 && math.Abs(float64(g.baud)/float64(w.baud)-1) > maxBaudError {
			t.Errorf("frame %d: host at %d baud, want %d", i, g.baud, w.baud)
		}
		if g.before < w.before {
			t.Errorf("frame %d (%x) comes after %v, want %v", i, g.frame, g.before, w.before)
		}
	}
}

// A chain that is not as it should be: the same frames as ESP-Miner until it gives
// up, and an error that has both numbers.
func TestBringUpFaults(t *testing.T) {
	type vector struct {
		Chip     string
		Expected int `json:"expected_chips"`
		Fault    string
		TX       []hexBytes `json:"tx"`
	}
	found := map[string]int{"no-chip-answers": -2, "one-chip-too-many": 1, "one-chip-missing": -1}
	eachFile(t, "esp-init-faults", func(t *testing.T, file vectors[vector]) {
		for _, v := range file.Vectors {
			model, err := ParseModel(v.Chip)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				line := newFakeLine(model, v.Expected+found[v.Fault])
				_, err := New(t.Context(), line, model, Options{Chips: v.Expected})
				var count *CountError
				if !errors.As(err, &count) || count.Want != v.Expected || count.Found != len(line.ids) {
					t.Errorf("%s, %s: %v", v.Chip, v.Fault, err)
				}
				var want []sending
				for _, f := range v.TX {
					want = append(want, sending{frame: string(f)})
				}
				got := line.sendings()[1:] // without the rate
				compare(t, got[:min(len(got), len(want))], want)
				checkHalted(t, model, got[len(want):])
			})
		}
	})
}

// checkHalted wants what is sent after a failure to leave the chips idle.
func checkHalted(t *testing.T, m Model, rest []sending) {
	t.Helper()
	stopped, slow := !m.spec().rolls, false
	low, err := m.PLL(m.spec().minClock)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rest {
		c, err := m.spec().wire.Parse([]byte(s.frame))
		stopped = stopped || err == nil && c.All && c.Reg == RegHashCount && c.Value == 0
		slow = slow || err == nil && c.All && c.Reg == m.spec().regs.pll && c.Value == low.Register()
	}
	if !stopped || !slow {
		t.Errorf("%v after the failure: stopped %v, slow %v", m, stopped, slow)
	}
}

func TestBringUpErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(*fakeLine)
		want   string
	}{
		{"other chip", func(f *fakeLine) { f.ids[1] = 0x13660000 }, "chip 1 is a BM1366 (id 13660000), want a BM1370"},
		{"not chained", func(f *fakeLine) { f.address = make([]uint8, 0, 3)[:3]; f.next = 3 }, "not wired as a chain"},
		{"silence", func(f *fakeLine) { f.ids = nil }, "0 BM1370 answer after reset, want 3: check supply"},
	} {
		synctest.Test(t, func(t *testing.T) {
			line := newFakeLine(BM1370, 3)
			c.damage(line)
			var port Port = line
			if c.name == "not chained" {
				port = unchained{line}
			}
			_, err := New(t.Context(), port, BM1370, Options{Chips: 3})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		})
	}
	for _, o := range []Options{
		{Chips: -1}, {Chips: 300}, {Chips: 4, Domains: 3}, {WiredZeros: 33},
		{Frequency: 20 * mhz}, {Frequency: 2000 * mhz}, {Baud: 9600}, {Ticket: 1 << 40},
	} {
		if _, err := New(t.Context(), newFakeLine(BM1370, 4), BM1370, o); err == nil {
			t.Errorf("New takes %+v", o)
		}
	}
	if _, err := New(t.Context(), nil, 0x1234, Options{}); err == nil {
		t.Error("New takes a BM1234")
	}
}

// unchained never gives its chips an address.
type unchained struct{ *fakeLine }

func (u unchained) Write(b []byte) (int, error) {
	n, err := u.fakeLine.Write(b)
	clear(u.address)
	return n, err
}

// Long chains: stock firmware's relays, pin drives and offsets, from bm13xx-rs.
func TestDomainCaptures(t *testing.T) {
	type file struct {
		Sequences []struct {
			Chip, Fn, Args string
			Steps          []struct {
				Hex     hexBytes
				Comment bool `json:"commented_out"`
			}
		}
	}
	for _, c := range []struct {
		model          Model
		args           string
		chips, domains int
	}{
		{BM1366, "1_000_000, 11, 10, 2", 110, 11}, {BM1370, "3_125_000, 13, 7, 2", 91, 13}, {BM1370, "65, 2", 65, 13},
	} {
		eachFile(t, "sequences-bm13xx-rs", func(t *testing.T, f file) {
			ours := longBringUp(t, c.model, c.chips, c.domains)
			for _, s := range f.Sequences {
				if !strings.EqualFold(s.Chip, c.model.String()) || s.Args != c.args {
					continue
				}
				for _, st := range s.Steps {
					cmd, err := WireFramed.Parse(st.Hex)
					wanted := err == nil && !cmd.All && (cmd.Reg == RegUARTRelay || cmd.Reg == RegNonceOffset)
					if wanted && !st.Comment && !ours[string(st.Hex)] {
						t.Errorf("%v: %x was not sent", c.model, st.Hex)
					}
				}
			}
		})
	}
}

// The S19k Pro has 77 chips; its own firmware gives out addresses two apart.
func TestS19kPro(t *testing.T) {
	type vector struct {
		Hex  hexBytes
		Note string
	}
	eachFile(t, "s19kpro-bringup", func(t *testing.T, file vectors[vector]) {
		ours := longBringUp(t, BM1366, 77, 11)
		for _, v := range file.Vectors {
			if c, err := WireFramed.Parse(v.Hex); err != nil || c.Op == OpWrite && (c.Reg == RegPinStrength || c.Reg == RegPLL0) {
				continue // that machine's pin drive, and a PLL setting of 50 MHz
			}
			if v.Note != "UART to 3.125 M" && !ours[string(v.Hex)] {
				t.Errorf("%x (%s) was not sent", v.Hex, v.Note)
			}
		}
	})
}

// The S19j Pro has 126 chips. Mujina's reference tells what its stock firmware
// writes, in this order, from a capture of the line.
func TestS19jPro(t *testing.T) {
	all := func(reg Reg, value uint32) Command { return Command{Op: OpWrite, All: true, Reg: reg, Value: value} }
	want := []Command{
		all(0xa4, 0x9000ffff), {Op: OpRead, All: true}, all(0xa4, 0x9000ffff), all(0xa4, 0x9000ffff),
		all(0xa8, 0), all(0x18, 0xb000c100), {Op: OpInactive, All: true},
	}
	for i := range 126 {
		want = append(want, Command{Op: OpSetAddress, Chip: uint8(2 * i)})
	}
	want = append(want, all(0x3c, 0x80008540), all(0x3c, 0x80008008), all(0x14, 0xff), all(0x54, 3), all(0x58, 0x11111), all(0x28, 0x11300000))
	for i := range 126 {
		for _, w := range []write{{0xa8, 2}, {0x18, 0xb000c100}, {0x3c, 0x80008540}, {0x3c, 0x80008008}, {0x3c, 0x800082aa}} {
			want = append(want, Command{Op: OpWrite, Chip: uint8(2 * i), Reg: w.reg, Value: w.value})
		}
	}
	want = append(want, all(0xa4, 0x9000ffff))
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine(BM1362, 126)
		if _, err := New(t.Context(), line, BM1362, Options{Chips: 126, Domains: 42, Baud: 3125000, Ticket: 256}); err != nil {
			t.Fatal(err)
		}
		var got []Command
		read := false
		for _, s := range line.sent {
			c, err := WireFramed.Parse(s.frame)
			again := c.Op == OpRead && read // we look more often
			if err != nil || s.baud != 0 || again || c.Reg == RegPLL0 || c.Reg == RegHashCount {
				continue // clock and count are as this driver finds them
			}
			read = read || c.Op == OpRead
			got = append(got, c)
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("command %d: %+v, want %+v", i, got[min(i, len(got)):min(i+3, len(got))], want[min(i, len(want)):min(i+3, len(want))])
			}
		}
	})
}

// A nonce of a chain of 126 names its chip and core (Mujina's reference).
func TestS19jProNonce(t *testing.T) {
	r, ok := parseResponse([]byte{0xaa, 0x55, 0x6d, 0xb8, 0x8e, 0xe1, 0x01, 0x04, 0x03, 0x54, 0x94})
	if want := (Origin{Chip: 0x6e, Core: 0x36}); !ok || BM1362.Origin(r.Nonce, 126) != want {
		t.Errorf("%+v of %+v, want %+v", BM1362.Origin(r.Nonce, 126), r, want)
	}
}

// kano's cgminer divides the second nonce byte's low six bits among six BM1397, with
// addresses 42 apart.
func TestBM1397Nonce(t *testing.T) {
	for second := range 256 {
		chip := int(float64(second&0x3f) / 10.5)
		nonce := 0x12 | uint32(second)<<8
		if o := BM1397.Origin(nonce, 6); o.Core != 0x12 || o.Chip != chip {
			t.Errorf("second byte %02x: %+v, want chip %d", second, o, chip)
		}
	}
}

// longBringUp sends what stock firmware does, with addresses two apart.
func longBringUp(t *testing.T, m Model, chips, domains int) map[string]bool {
	t.Helper()
	frames := make(map[string]bool)
	synctest.Test(t, func(t *testing.T) {
		line := newFakeLine(m, chips)
		if _, err := New(t.Context(), line, m, Options{Chips: chips, Domains: domains, Frequency: 50 * mhz}); err != nil {
			t.Fatal(err)
		}
		for _, s := range line.sent {
			frames[string(s.frame)] = true
		}
	})
	return frames
}
