package amlogic_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board/amlogic"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/gpio"
)

// event is a line of a chain's trace.
type event struct {
	at    time.Duration
	what  string
	value any
}

func events(t *testing.T, trace []byte) (list []event) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(trace))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e [3]any
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // the first line is the chain's configuration
		}
		list = append(list, event{time.Duration(e[0].(float64)), e[1].(string), e[2]})
	}
	return list
}

// nobody has no work.
type nobody struct{}

func (nobody) Work(hashing.Traits) (hashing.Work, time.Duration, bool) {
	return hashing.Work{}, time.Hour, false
}

// The machine comes up in the order of the S19k Pro whose vendor firmware was
// logged: held, 15.2 V, released 200 ms later at least, 2 s of rest, the log's
// frames in their order; and the voltage goes down in steps when the chips hash.
func TestBringUpAsLogged(t *testing.T) {
	text, err := os.ReadFile("../../drivers/bm13xx/testdata/captures/s19kpro-bringup.json")
	if err != nil {
		t.Fatal(err)
	}
	var log struct{ Vectors []struct{ Hex, Note string } }
	if err := json.Unmarshal(text, &log); err != nil || len(log.Vectors) < 10 {
		t.Fatalf("%d frames, %v", len(log.Vectors), err)
	}
	var trace bytes.Buffer
	var dacs []byte
	synctest.Test(t, func(t *testing.T) {
		v, err := virtual.NewAmlogic(virtual.Config{Board: "s19kpro", HashBudget: 1000})
		if err != nil {
			t.Fatal(err)
		}
		v.Chips[0].Trace(&trace)
		ctx, stop := context.WithCancel(t.Context())
		unkeep := v.KeepAlways(ctx, nil)
		time.Sleep(v.Rest)
		if err := v.Up(ctx); err != nil {
			t.Fatal(err)
		}
		if v.Enable.Read() != gpio.Low {
			t.Error("the supply is on with a low pin on this machine")
		}
		dacs = append(dacs, v.Supply.DAC())
		done := make(chan error)
		go func() { done <- v.Chains[0].Run(ctx, hashing.NewFeed(nobody{}), func(hashing.Solution) {}) }()
		time.Sleep(30 * time.Second)
		supply := v.Rails[0]
		for to := supply.Start; to > supply.Output; {
			to = max(supply.Output, to-supply.Step)
			if err := supply.Walk(ctx, to); err != nil {
				t.Fatal(err)
			}
			dacs = append(dacs, v.Supply.DAC())
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		unkeep()
		if err := v.Down(); err != nil || !v.State().Off() || v.Enable.Read() != gpio.High {
			t.Errorf("Down = %v, %+v", err, v.State())
		}
		for _, r := range v.Reports() {
			t.Error(r)
		}
	})
	// 15.2 V is beyond a type 71's range, and becomes its most; then 14.7, 14.2, 13.9.
	if want := []byte{9, 33, 72, 96}; !slices.Equal(dacs, want) {
		t.Errorf("voltages %v, want %v", dacs, want)
	}
	checkOrder(t, events(t, trace.Bytes()))
	sent := ""
	for _, e := range events(t, trace.Bytes()) {
		if e.what == "tx" {
			sent += e.value.(string)
		}
	}
	for _, f := range log.Vectors {
		what := f.Hex
		if ownValue(what[10:12]) && what[5] == '1' {
			what = what[:12]
		}
		at := strings.Index(sent, what)
		if at < 0 {
			t.Errorf("%s (%s) was not sent after what comes before it in the log", f.Hex, f.Note)
			continue
		}
		if f.Hex[10:12] != "58" { // the log goes from the last domain to the first
			sent = sent[at+len(what):]
		}
	}
}

// ownValue are registers whose values are that machine's, or one of several that
// mean the same: pin drive, a PLL setting of 50 MHz, the line's rate.
func ownValue(reg string) bool { return reg == "58" || reg == "08" || reg == "28" }

// checkOrder looks at what is no frame.
func checkOrder(t *testing.T, list []event) {
	t.Helper()
	var powered, held, released, first time.Duration
	for _, e := range list {
		switch {
		case e.what == "volts" && powered == 0:
			powered = e.at
		case e.what == "reset" && e.value == true && powered > 0:
			held = e.at
		case e.what == "reset" && e.value == false && released == 0:
			released = e.at
		case e.what == "tx" && first == 0:
			first = e.at
		}
		if e.what == "reset" && e.value == false && powered == 0 {
			t.Error("released without power")
		}
		if first != 0 && released == 0 {
			t.Fatal("talked to in reset")
		}
		if first != 0 {
			break
		}
	}
	if powered == 0 || released-max(held, powered) < 200*time.Millisecond || first-released < 2*time.Second {
		t.Errorf("power at %v, reset until %v, first frame at %v", powered, released, first)
	}
}

// plain are the parts of a virtual machine, to be opened once more.
func plain(v *virtual.Antminer) amlogic.Parts {
	p := amlogic.Parts{I2C: v.Bus, Supply: v.SupplyBus, Enable: v.Enable, EnableLow: true, PWM: []antminer.Duty{v}}
	for range v.Chips {
		p.Resets = append(p.Resets, &pin{})
	}
	for _, c := range v.Chips {
		p.Lines = append(p.Lines, c.Port())
	}
	return p
}

type pin struct {
	gpio.PinIO
	level gpio.Level
}

func (p *pin) Out(l gpio.Level) error { p.level = l; return nil }
func (p *pin) Read() gpio.Level       { return p.level }
func (p *pin) String() string         { return "pin" }

// What is missing is named.
func TestMissing(t *testing.T) {
	for _, c := range []struct {
		name string
		hurt func(*virtual.Antminer, *amlogic.Parts)
		says []string
	}{
		{"sensor", func(v *virtual.Antminer, _ *amlogic.Parts) { v.Bus.Add(0x4d, nil) }, []string{"hash board 2", "0x4d"}},
		{"supply", func(v *virtual.Antminer, _ *amlogic.Parts) { v.SupplyBus.Add(0x10, nil) }, []string{"no supply at address 0x10"}},
		{"supply of another type", func(v *virtual.Antminer, _ *amlogic.Parts) {
			v.SupplyBus.Add(0x10, &i2csim.APW{Kind: 0x62})
		}, []string{"type is 0x62"}},
		{"supply and sensor", func(v *virtual.Antminer, _ *amlogic.Parts) {
			v.Bus.Add(0x4a, nil)
			v.SupplyBus.Add(0x10, nil)
		}, []string{"hash board 3", "no supply"}},
		{"hash board", unplug(2), []string{"hash board 3 does not answer", "uarts=straight", "uarts=reversed"}},
		{"all hash boards", unplug(0, 1, 2), []string{"no hash board answers", "flat cables"}},
		{"level", func(v *virtual.Antminer, p *amlogic.Parts) { p.EnableLow = false }, []string{"psu-enable the other way round"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, err := virtual.NewAmlogic(virtual.Config{Board: "s19kpro", Chips: 3})
				if err != nil {
					t.Fatal(err)
				}
				p := plain(v)
				c.hurt(v, &p)
				_, err = amlogic.New(t.Context(), p, v.Kind, antminer.Options{Chips: 3})
				for _, says := range c.says {
					if err == nil || !strings.Contains(err.Error(), says) {
						t.Errorf("New = %v, want %q", err, says)
					}
				}
				if !v.State().Off() || v.Enable.Read() != gpio.High {
					t.Errorf("left behind: %+v, enable pin %v", v.State(), v.Enable.Read())
				}
			})
		})
	}
}

// unplug takes hash boards off.
func unplug(slots ...int) func(*virtual.Antminer, *amlogic.Parts) {
	return func(v *virtual.Antminer, _ *amlogic.Parts) {
		for _, i := range slots {
			s := antminer.Slots()[i]
			for _, addr := range append(s.Thermometers, s.EEPROM) {
				v.Bus.Add(addr, nil)
			}
		}
	}
}

// With the order of lines told, a machine mines on with the hash boards that it has,
// and the lines of missing ones are released with the first.
func TestMissingHashBoard(t *testing.T) {
	for order, line := range map[amlogic.Order]int{amlogic.Straight: 0, amlogic.Reversed: 2} {
		synctest.Test(t, func(t *testing.T) {
			v, err := virtual.NewAmlogic(virtual.Config{Board: "s19kpro", Chips: 3})
			if err != nil {
				t.Fatal(err)
			}
			p := plain(v)
			p.Order = order
			unplug(1, 2)(v, &p)
			wrote := new(bytes.Buffer)
			v.Chips[line].Trace(wrote)
			b, err := amlogic.New(t.Context(), p, v.Kind, antminer.Options{Chips: 3})
			if err != nil || len(b.Chains) != 1 || len(b.Thermometers) != 2 {
				t.Fatalf("%v: %v", order, err)
			}
			stop := b.KeepAlways(t.Context(), nil)
			defer stop()
			time.Sleep(b.Rest)
			if err := b.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.Resets[0].Set(false)
			for i, r := range p.Resets {
				if r.(*pin).level != gpio.High {
					t.Errorf("reset %d is low: no chain would answer", i+1)
				}
			}
			if err := b.Chains[0].Run(t.Context(), hashing.NewFeed(nobody{}), nil); err == nil {
				t.Error("the chips were never reset, and answered")
			}
			if !strings.Contains(wrote.String(), `"tx"`) {
				t.Errorf("%s: hash board 1 is not on line %d", order, line+1)
			}
			if err := b.Down(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestKinds(t *testing.T) {
	if _, err := amlogic.KindOf("s17"); err == nil || !strings.Contains(err.Error(), "s19kpro") {
		t.Errorf("KindOf = %v", err)
	}
	for _, k := range amlogic.Kinds() {
		if k.Chips%k.Domains != 0 {
			t.Errorf("%s: %d chips in %d domains", k.Name, k.Chips, k.Domains)
		}
		if f, err := k.Model.PLL(k.Clock); err != nil || f.Frequency() != k.Clock {
			t.Errorf("%s: %v is no clock of a %v: %v, %v", k.Name, k.Clock, k.Model, f, err)
		}
		if v := float64(k.Output) / float64(k.Domains) / 1e9; v < 1.1 || v > 1.3 {
			t.Errorf("%s: chips get %.3f V", k.Name, v)
		}
	}
}

// jobs gives out work that differs.
type jobs struct{ n atomic.Uint64 }

func (j *jobs) Work(hashing.Traits) (hashing.Work, time.Duration, bool) {
	w := hashing.Work{ID: j.n.Add(1), VersionMask: 0x1fffe000}
	for i := range w.Target {
		w.Target[i] = 0xff
	}
	w.Header.Version, w.Header.NTime = 0x20000000, uint32(w.ID)
	return w, time.Hour, true
}

// A whole hash board of each machine comes up and finds something, and its chips
// have nothing to complain about.
func TestWholeChain(t *testing.T) {
	for _, k := range amlogic.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, err := virtual.NewAmlogic(virtual.Config{Board: k.Name, HashBudget: 1000})
				if err != nil {
					t.Fatal(err)
				}
				stop := v.KeepAlways(t.Context(), nil)
				time.Sleep(v.Rest)
				if err := v.Up(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, end := context.WithTimeout(t.Context(), 25*time.Second)
				defer end()
				var found atomic.Uint64
				err = v.Chains[1].Run(ctx, hashing.NewFeed(&jobs{}), func(hashing.Solution) { found.Add(1) })
				stop()
				if err != nil || found.Load() < 20 {
					t.Errorf("found %d, %v", found.Load(), err)
				}
				if err := v.Down(); err != nil || !v.State().Off() {
					t.Errorf("Down = %v, %+v", err, v.State())
				}
				for _, r := range v.Reports() {
					t.Error(r)
				}
			})
		})
	}
}
