package bitaxe_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/physic"
)

// record writes down what is done to a board: the reset, and what is written to its
// regulator and DAC.
func record(b *virtual.Bitaxe) (p bitaxe.Parts, did *[]string) {
	did = new([]string)
	p = b.Parts()
	reset := p.Reset
	p.Reset = func(low bool) error {
		*did = append(*did, fmt.Sprintf("reset %v", low))
		return reset(low)
	}
	couple := b.Bus.Trace
	b.Bus.Trace = func(io i2csim.IO) {
		power := io.Addr == bitaxe.AddrRegulator || io.Addr == bitaxe.AddrDAC
		if power && len(io.R) == 0 && len(io.W) > 0 {
			*did = append(*did, fmt.Sprintf("%02x: %x", io.Addr, io.W))
		}
		couple(io)
	}
	return p, did
}

// The order of power, as it is seen on the wires.
func TestPowerUp(t *testing.T) {
	for _, c := range []struct{ board, kind, up, down string }{
		// Off, a voltage, on; the chip stays in reset until its driver wants it.
		{"bitaxe-gamma", "bitaxe-gamma", "reset true; 24: 0100; 24: 03; 24: 214d02; 24: 0180", "reset true; 24: 0100"},
		// Three chips' voltage: 3.6 V.
		{"bitaxe-hex", "bitaxe-hex", "reset true; 24: 0100; 24: 03; 24: 213307; 24: 0180", "reset true; 24: 0100"},
		{"bitaxe-supra-hex", "bitaxe-supra-hex", "reset true; 24: 0100; 24: 03; 24: 21ff06; 24: 0180", "reset true; 24: 0100"},
		// 1.1 V, then 1.2 V, which is C6 in boards.md; there is no switch.
		{"bitaxe-ultra-205", "bitaxe-ultra", "reset true; 48: f8e1; 48: f8c6", "reset true; 48: f8e1"},
		{"bitaxe-max", "bitaxe-max", "reset true; 48: f8e1; 48: f890", "reset true; 48: f8e1"},
	} {
		t.Run(c.board, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, err := virtual.NewBitaxe(virtual.Config{Board: c.board, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				p, did := record(v)
				k, err := bitaxe.KindOf(c.kind)
				if err != nil {
					t.Fatal(err)
				}
				b, err := bitaxe.New(p, k, bitaxe.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if (*did)[0] != "reset true" {
					t.Errorf("New begins with %s", (*did)[0])
				}
				*did = nil
				if err := b.Up(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(*did, "; "); got != c.up {
					t.Errorf("up: %s\nwant %s", got, c.up)
				}
				*did = nil
				if err := b.Down(); err != nil {
					t.Fatal(err)
				}
				slices.Sort(*did) // the parts are turned off side by side
				if got := strings.Join(*did, "; "); got != strings.Join(sorted(c.down), "; ") {
					t.Errorf("down: %s\nwant %s", got, c.down)
				}
			})
		})
	}
}

func sorted(list string) []string {
	parts := strings.Split(list, "; ")
	slices.Sort(parts)
	return parts
}

// A board of another kind is told by what it has, and nothing is written to its
// regulator.
func TestWrongBoard(t *testing.T) {
	for _, c := range []struct{ board, kind, says string }{
		{"bitaxe-gamma", "bitaxe-hex", "this is no bitaxe-hex, or not all of it has power: found TPS546 at 0x24, EMC2101 at 0x4c; no EMC2302 at 0x2f, two TMP1075"},
		{"bitaxe-hex", "bitaxe-gamma", "found TPS546 at 0x24, EMC2302 at 0x2f, TMP1075 at 0x4a, TMP1075 at 0x4b; no EMC2101 at 0x4c"},
		{"bitaxe-gamma-turbo", "bitaxe-supra", "EMC2103 at 0x2e; no EMC2101"},
		{"bitaxe-max", "bitaxe-gamma", "found INA260 at 0x40, DS4432U at 0x48, EMC2101 at 0x4c; no TPS546 at 0x24"},
		{"bitaxe-gamma", "bitaxe-max", "no DS4432U at 0x48 and INA260 at 0x40"},
	} {
		v, err := virtual.NewBitaxe(virtual.Config{Board: c.board, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		p, did := record(v)
		k, err := bitaxe.KindOf(c.kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bitaxe.New(p, k, bitaxe.Options{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s as %s: %v\nwant %q", c.board, c.kind, err, c.says)
		}
		if got := strings.Join(*did, "; "); got != "reset true" {
			t.Errorf("%s as %s: %s", c.board, c.kind, got)
		}
	}
}

func TestNothingThere(t *testing.T) {
	v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-gamma"})
	if err != nil {
		t.Fatal(err)
	}
	p := v.Parts()
	p.I2C = i2csim.New()
	if _, err := bitaxe.Ask(t.Context(), p, bitaxe.Options{}); err == nil || !strings.Contains(err.Error(), "found nothing on the I²C bus") {
		t.Errorf("Ask = %v", err)
	}
}

// What the user wants is held against the board's limits.
func TestOptions(t *testing.T) {
	v, err := virtual.NewBitaxe(virtual.Config{Board: "bitaxe-hex"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := bitaxe.KindOf("bitaxe-hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := bitaxe.New(v.Parts(), k, bitaxe.Options{Clock: 500 * physic.MegaHertz, Voltage: 1250 * physic.MilliVolt})
	if err != nil || b.Rails[0].Wanted() != 3.75 {
		t.Errorf("%v, %v", b.Rails[0].Wanted(), err)
	}
	for _, o := range []bitaxe.Options{{Clock: 700 * physic.MegaHertz}, {Voltage: 1400 * physic.MilliVolt}} {
		if _, err := bitaxe.New(v.Parts(), k, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// A board that had no power has forgotten all that New has told it: Renew tells it again.
func TestRenew(t *testing.T) {
	for _, c := range []struct{ board, kind string }{
		{"bitaxe-gamma", "bitaxe-gamma"}, {"bitaxe-gamma-turbo", "bitaxe-gamma-turbo"}, {"bitaxe-hex", "bitaxe-hex"},
		{"bitaxe-ultra-205", "bitaxe-ultra"}, {"bitaxe-max", "bitaxe-max"},
	} {
		synctest.Test(t, func(t *testing.T) {
			v, err := virtual.NewBitaxe(virtual.Config{Board: c.board, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			p, did := record(v)
			k, err := bitaxe.KindOf(c.kind)
			if err != nil {
				t.Fatal(err)
			}
			b, err := bitaxe.New(p, k, bitaxe.Options{})
			if err != nil {
				t.Fatal(err)
			}
			first := slices.Clone(*did)
			if err := b.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			v.PowerCycle()
			*did = nil
			if news, err := b.Renew(t.Context()); news != "" || err != nil {
				t.Fatalf("%s: %q, %v", c.board, news, err)
			}
			if !slices.Equal(*did, first) {
				t.Errorf("%s: Renew did %v\nNew did %v", c.board, *did, first)
			}
			for i, f := range b.Measure(time.Now()).Fans {
				if f.Err != nil || f.RPM < 5000 {
					t.Errorf("%s: fan %d: %+v, want full speed", c.board, i, f)
				}
			}
			if err := b.Up(t.Context()); err != nil {
				t.Errorf("%s: %v", c.board, err)
			}
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if _, err := b.Renew(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: called off: %v", c.board, err)
			}
		})
	}
}
