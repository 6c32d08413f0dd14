package chipsim

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/internal/captures"
)

// frames finds answers as a receiver that goes on one byte after an error does.
func frames(b []byte, size int) (list []string) {
	for i := 0; i+size <= len(b); {
		if f := b[i : i+size]; f[0] == 0xaa && f[1] == 0x55 && crc5(f[2:], 8*(size-2)) == 0 {
			list = append(list, fmt.Sprintf("%d %x", i, f))
			i += size
			continue
		}
		i++
	}
	return list
}

// The CRC rules hold for real streams: a receiver that uses them finds exactly
// the frames that are known to be in them.
func TestDesyncStreams(t *testing.T) {
	for _, file := range captures.Files(t, "streams-", ".json") {
		var f struct {
			Vectors []struct {
				Name, Stream string
				Frames_found [][]any
			}
		}
		load(t, file, &f)
		for _, v := range f.Vectors {
			var want []string
			for _, w := range v.Frames_found {
				want = append(want, fmt.Sprint(w[0], " ", w[1]))
			}
			if got := frames(unhex(t, v.Stream), 11); !slices.Equal(got, want) {
				t.Errorf("%s: found %v, want %v", v.Name, got, want)
			}
		}
	}
}

// Every captured command parses, and every captured answer has our CRC.
func TestCapturedFrames(t *testing.T) {
	n := 0
	for _, file := range captures.Files(t, "frames-", ".json") {
		var f struct{ Vectors []map[string]any }
		load(t, file, &f)
		for _, v := range f.Vectors {
			text, _ := v["hex"].(string)
			b := unhex(t, text)
			switch {
			case len(b) > 2 && b[0] == 0xaa && crc5(b[2:], 8*(len(b)-2)) != 0:
				t.Errorf("answer %x: wrong CRC", b)
			case len(b) > 2 && b[0] == 0x55:
				parses(t, b)
			}
			n++
		}
	}
	if n < 100 {
		t.Errorf("%d frames only", n)
	}
}

func parses(t *testing.T, b []byte) {
	t.Helper()
	for _, m := range models() {
		p := parser{m: m, report: func(Kind, int64, string, ...any) {}}
		for i, v := range b {
			if _, ok := p.push(v, int64(i)); ok && i == len(b)-1 {
				return
			}
		}
	}
	t.Errorf("command %x: no model takes it", b)
}

// A discovery takes as long as it did on a real chain of 24 chips.
func TestDiscoveryTiming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, Config{Model: "BM1397", Chips: 24})
		h := host{t, c.Port()}
		start := time.Now()
		h.cmd(0x52, 5, 0, 0)
		end := start.Add(bitTimes(70, 115200)) // of the command
		first := readN(h.p, 9, time.Second)
		at := time.Since(end)
		rest := readN(h.p, 23*9, time.Second)
		if len(first) != 9 || len(rest) != 23*9 {
			t.Fatalf("%d and %d bytes", len(first), len(rest))
		}
		if want := 141*time.Microsecond + bitTimes(98, 25e6/8/27); at < want-5*time.Microsecond || at > want+5*time.Microsecond {
			t.Errorf("first answer complete after %v, want %v", at, want)
		}
		pitch := time.Since(end.Add(at)) / 23
		if pitch < 855*time.Microsecond || pitch > 856*time.Microsecond {
			t.Errorf("answers every %v, want 855.4 µs", pitch)
		}
	})
}

// run mines for a while with faults and a trace.
func run(t *testing.T, cfg Config, seconds int) (trace string, c *Chain, got []byte) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c = newChain(t, cfg)
		c.Trace(&out)
		h := host{t, c.Port()}
		h.bringUp(cfg.Chips, 256/max(1, cfg.Chips), 0x40a00230, uint32(1<<25/cfg.Chips*25/1000), 0x000000f0)
		c.SetFan(0.8)
		for i := range seconds {
			h.p.Write(headerJob(byte(i)<<3, someHeader(byte(i))))
			got = append(got, readFor(t, h.p, time.Second)...)
		}
		c.Status()
		if err := c.TraceErr(); err != nil {
			t.Error(err)
		}
		trace = out.String()
	})
	return trace, c, got
}

// The same seed gives the same trace, another seed another one, and a replay of
// the trace finds no difference.
func TestDeterminism(t *testing.T) {
	faults, err := ParseFaults("lose-byte rate=0.01; flip-command; hash-errors chip=2 at=3s for=2s; repeat at=4s; spam chip=1 at=5s; " +
		"brown-out domain=1 at=8s for=100ms; late chip=0 at=2s; add-byte; flip-bit; wrong-answer chip=-1; slow-chip chip=3 at=1s")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Model: "BM1366", Chips: 4, Domains: 2, Seed: 7, Zeros: 7, Faults: faults}
	first, c, _ := run(t, cfg, 10)
	second, _, _ := run(t, cfg, 10)
	if first != second {
		t.Errorf("the same seed gave another trace:\n%s", firstDifference(first, second))
	}
	cfg.Seed = 8
	if other, _, _ := run(t, cfg, 10); other == first {
		t.Error("another seed gave the same trace")
	}
	if n := strings.Count(first, `"rx"`); n < 100 {
		t.Errorf("%d answers only", n)
	}
	if err := Replay(strings.NewReader(first)); err != nil {
		t.Error(err)
	}
	changed := strings.Replace(first, `"seed":7`, `"seed":9`, 1)
	if err := Replay(strings.NewReader(changed)); !errors.Is(err, ErrTrace) {
		t.Errorf("replay with another seed: %v, want ErrTrace", err)
	}
	_ = c
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("line %d\n%s\n%s", i+1, x[i], y[i])
		}
	}
	return "one is longer"
}

// Damage on the line costs the frames it hits and no others.
func TestLineFaults(t *testing.T) {
	cfg := Config{Model: "BM1370", Chips: 2, Zeros: 7, Seed: 3}
	_, _, clean := run(t, cfg, 5)
	all := frames(clean, 11)
	if len(all) < 100 || len(all)*11 != len(clean) {
		t.Fatalf("%d frames in %d clean bytes", len(all), len(clean))
	}
	for _, kind := range []FaultKind{LoseByte, AddByte, FlipBit, WrongCRC, CutFrame, Repeat} {
		cfg.Faults = []Fault{{Kind: kind, Rate: 0.02}}
		_, c, b := run(t, cfg, 5)
		got := frames(b, 11)
		n := len(all)
		lost := map[FaultKind]float64{LoseByte: 0.2, AddByte: 0.18, FlipBit: 0.2, WrongCRC: 0.02, CutFrame: 0.02, Repeat: -0.02}[kind]
		want := float64(n) * (1 - lost)
		if off := float64(len(got)) - want; off > 0.1*want || off < -0.1*want || len(got) == n {
			t.Errorf("%s: %d of %d frames, want about %.0f (%+v)", kind, len(got), n, want, c.rx.stats)
		}
	}
}

// enumerate reads register 0 of all chips.
func enumerate(t *testing.T, c *Chain) []string {
	h := host{t, c.Port()}
	h.p.Flush()
	h.cmd(0x52, 5, 0, 0)
	var ids []string
	for _, f := range frames(readFor(t, h.p, 300*time.Millisecond), 9) {
		ids = append(ids, strings.Fields(f)[1])
	}
	return ids
}

// Faults of chips and board show at enumeration as they do in the field.
func TestChipFaults(t *testing.T) {
	for _, f := range []struct {
		faults string
		want   int
		bad    int // answers with a wrong id
	}{
		{"", 12, 0},
		{"dead-chip chip=5", 5, 0},
		{"dead-chip chip=0", 0, 0},
		{"mute-chip chip=5", 11, 0},
		{"dead-domain domain=1", 6, 0},
		{"brown-out domain=0", 0, 0},
		{"brown-out domain=1 rate=0.1", 12, 0},
		{"unplugged", 0, 0},
		{"extra-chip", 13, 0},
		{"wrong-id chip=3", 12, 1},
		{"slow-start", 12, 0},
		{"dead-chip chip=5 at=1h", 12, 0},
		{"dead-chip chip=5 for=10ms", 12, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			faults, err := ParseFaults(f.faults)
			if err != nil {
				t.Fatal(err)
			}
			c := newChain(t, Config{Model: "BM1362", Chips: 12, Domains: 2, Faults: faults})
			time.Sleep(time.Second)
			ids := enumerate(t, c)
			bad := 0
			for _, id := range ids {
				if !strings.HasPrefix(id, "aa551362") {
					bad++
				}
			}
			if len(ids) != f.want || bad != f.bad {
				t.Errorf("%q: %d answers, %d of them wrong; want %d and %d", f.faults, len(ids), bad, f.want, f.bad)
			}
		})
	}
}

func TestSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, Config{Model: "BM1362", Faults: []Fault{{Kind: SlowStart}}})
		c.Reset(true)
		time.Sleep(100 * time.Millisecond)
		c.Reset(false)
		if n := len(enumerate(t, c)); n != 0 {
			t.Errorf("%d answers at once", n)
		}
		time.Sleep(2 * time.Second)
		if n := len(enumerate(t, c)); n != 1 {
			t.Errorf("%d answers after two seconds", n)
		}
	})
}

func TestFaultErrors(t *testing.T) {
	for _, text := range []string{"nonsense", "dead-chip chip=x", "dead-chip colour=3", "spam rate=", "late at=5"} {
		if _, err := ParseFaults(text); err == nil {
			t.Errorf("ParseFaults(%q) is no error", text)
		}
	}
	for _, f := range []Fault{{Kind: DeadChip, Chip: 2}, {Kind: DeadDomain, Chip: 1}, {Kind: Spam, Rate: -1}, {Kind: "x"}, {Kind: Impostor, Other: 9}} {
		if _, err := New(Config{Model: "BM1370", Chips: 2, Faults: []Fault{f}}); err == nil {
			t.Errorf("New with %+v is no error", f)
		}
	}
	for _, cfg := range []Config{{}, {Model: "BM1", Chips: 1}, {Model: "BM1370", Chips: 257}, {Model: "BM1370", Zeros: 40}, {Model: "BM1370", Domains: 2}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("New(%+v) is no error", cfg)
		}
	}
}

// A host at the wrong rate neither understands nor is understood; a few percent
// do no harm.
func TestBaudMismatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, baud := range []int{115200, 113000, 120000, 111000, 125000, 57600, 1000000} {
			c := newChain(t, Config{Model: "BM1397", Chips: 20, Seed: 5})
			c.Port().SetBaud(baud)
			want := 20
			if off := float64(baud)/115740 - 1; off > 0.045 || off < -0.045 {
				want = 0
			}
			if n := len(enumerate(t, c)); n != want {
				t.Errorf("%d baud: %d answers, want %d", baud, n, want)
			}
		}
	})
}

func TestReadDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, Config{Model: "BM1370"})
		p := c.Port()
		start := time.Now()
		p.SetReadDeadline(start.Add(time.Second))
		if n, err := p.Read(make([]byte, 9)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Read = %d, %v after %v", n, err, time.Since(start))
		}
		p.SetReadDeadline(time.Time{})
		go func() {
			time.Sleep(time.Minute)
			p.Close()
		}()
		if n, err := p.Read(make([]byte, 9)); n != 0 || err == nil || time.Since(start) != time.Second+time.Minute {
			t.Errorf("Read = %d, %v after %v, want an error at Close", n, err, time.Since(start))
		}
	})
}

// The thermal model: more clock is hotter, more fan is colder, too hot is gone.
func TestHeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChain(t, Config{Model: "BM1370", Zeros: 4})
		h := host{t, c.Port()}
		settle := func() float64 {
			time.Sleep(2 * time.Minute)
			return c.Temperature(0)
		}
		cold := settle()
		h.bringUp(1, 1, 0x40a80230, 0xc0000, 0x0000ffff)
		h.p.Write(headerJob(8, someHeader(1)))
		warm := settle()
		c.SetFan(1)
		fanned := settle()
		c.SetVoltage(1250)
		volts := settle()
		if !(cold < 30 && warm > 50 && fanned < warm-5 && volts > fanned+2) {
			t.Errorf("cold %.1f, warm %.1f, more fan %.1f, more volts %.1f", cold, warm, fanned, volts)
		}
		c.SetFan(0)
		if hot := settle(); hot < 110 || len(enumerate(t, c)) != 0 {
			t.Errorf("%.1f °C without a fan, and it still answers", hot)
		}
	})
}

// Memory stays bounded however long nobody reads, and whatever is written.
func TestHostileHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, model := range Models() {
			c := newChain(t, Config{Model: model, Chips: 8, Seed: 1})
			p := c.Port()
			for range 200 {
				b := make([]byte, 1+r.IntN(200))
				for i := range b {
					b[i] = byte(r.Uint32())
					if r.IntN(3) == 0 {
						b[i] = []byte{0x55, 0xaa, 0x21, 0x52, 5, 9, 0x96, 0}[r.IntN(8)]
					}
				}
				p.Write(b)
				b = []byte{0x52, 5, 0, byte(r.Uint32())}
				p.Write(append([]byte{0x55, 0xaa}, append(b, crc5(b, 32))...))
			}
			time.Sleep(time.Minute)
			c.Status()
			if len(c.rx.host) > hostQueue || len(c.rx.queue) > 0 || len(c.tx.queue) > 0 || len(c.check.reports) > 40*maxReports {
				t.Errorf("%s keeps %d bytes, %d frames, %d reports", model, len(c.rx.host), len(c.rx.queue), len(c.check.reports))
			}
		}
	})
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{"55aa520500000a", "55aa5305000003", "55aa400500001c", "5405000019", "55aa5109000840bd026501", "55aa2156"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	for _, length := range []byte{0x36, 0x56, 0x96} { // jobs
		b := make([]byte, length-2)
		b[0], b[1] = cmdJob, length
		b = binary.BigEndian.AppendUint16(b, crc16(b))
		f.Add(b)
		f.Add(append([]byte{0x55, 0xaa}, b...))
	}
	all := models()
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range all {
			p := parser{m: m, report: func(Kind, int64, string, ...any) {}}
			for i, v := range b {
				cmd, ok := p.push(v, int64(i))
				if ok && cmd.kind == cmdJob {
					m.parseJob(cmd, 0)
				}
				if len(p.buf) > 256 || ok && int64(i) < cmd.offset {
					t.Fatalf("%s: %d bytes kept, offset %d at %d", m.name, len(p.buf), cmd.offset, i)
				}
			}
		}
	})
}
