package device

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/tinytest/chipsim"
	"periph.io/x/conn/v3/physic"
)

// selfTest runs a self-test on a virtual board.
func selfTest(t *testing.T, cfg virtual.Config, hurt func(*virtual.Board)) ([]Check, *virtual.Board) {
	t.Helper()
	v, err := virtual.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if hurt != nil {
		hurt(v)
	}
	begin := time.Now()
	checks, err := (&SelfTest{Board: v.Board}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d checks in %v", cfg.Board, len(checks), time.Since(begin))
	if !v.State().Off() {
		t.Errorf("%s: the board is left with power: %+v", cfg.Board, v.State())
	}
	return checks, v
}

// Good boards pass, are looked at everywhere, and are left cool.
func TestSelfTestPasses(t *testing.T) {
	for _, c := range []struct {
		board string
		chips int
	}{{"bitaxe-gamma", 0}, {"bitaxe-hex", 0}, {"bitaxe-max", 0}, {"emberone-v4", 0}, {"s19kpro", 11}} {
		synctested(t, c.board, func(t *testing.T) {
			checks, v := selfTest(t, virtual.Config{Board: c.board, Chips: c.chips, HashBudget: 5e3, Seed: 3}, nil)
			seen := make(map[string]int)
			for _, c := range checks {
				seen[c.Name]++
				if !c.OK || c.Part == "" || c.Measured == "" || c.Wanted == "" || c.Advice != "" {
					t.Errorf("%+v", c)
				}
			}
			for _, name := range []string{"temperature", "fan", "voltage", "supply", "chips", "hash rate", "errors", "cooling"} {
				if seen[name] == 0 && !(name == "fan" && len(v.Fans) == 0) {
					t.Errorf("%s was not looked at", name)
				}
			}
			if seen["chips"] != len(v.Chains) {
				t.Errorf("%d chains, checks %v", len(v.Chains), seen)
			}
			if s := v.State(); s.Celsius() > 50 {
				t.Errorf("left at %.0f °C", s.Celsius())
			}
		})
	}
}

// Whatever is broken is named, and gets no power where that would hurt.
func TestSelfTestNames(t *testing.T) {
	broken := func(what virtual.Break) func(*virtual.Board) {
		return func(b *virtual.Board) {
			for _, f := range b.Faults {
				if f.Break == what {
					f.Hurt()
					return
				}
			}
			t.Errorf("%s has no fault %q", b.Name, what)
		}
	}
	inject := func(f chipsim.Fault) func(*virtual.Board) {
		return func(b *virtual.Board) {
			if err := b.Chips[0].Inject(f); err != nil {
				t.Error(err)
			}
		}
	}
	for _, c := range []struct {
		name, board string
		hurt        func(*virtual.Board)
		check, part string // of what is not good
		power       bool   // the chips get it
	}{
		{"fan stopped", "bitaxe-gamma", broken(virtual.FanStops), "fan", "fan", false},
		{"no tachometer", "bitaxe-gamma", broken(virtual.TachLost), "fan", "fan", false},
		{"sensor lost", "bitaxe-gamma", broken(virtual.SensorLost), "temperature", "chip", false},
		{"input low", "bitaxe-gamma", broken(virtual.SupplyLow), "supply", "core regulator", false},
		{"input high", "bitaxe-gamma", broken(virtual.SupplyHigh), "supply", "core regulator", false},
		{"regulator silent", "bitaxe-gamma", broken(virtual.RegulatorNAK), "supply", "core regulator", false},
		{"short", "bitaxe-gamma", broken(virtual.OverCurrent), "", "", true},
		{"dead chip", "bitaxe-gamma", inject(chipsim.Fault{Kind: chipsim.DeadChip}), "power", "", true},
		{"dead chip of six", "bitaxe-hex", inject(chipsim.Fault{Kind: chipsim.DeadChip, Chip: 3}), "power", "", true},
		{"dead domain", "bitaxe-hex", inject(chipsim.Fault{Kind: chipsim.DeadDomain, Chip: 1}), "power", "", true},
		{"slow chip", "bitaxe-hex", inject(chipsim.Fault{Kind: chipsim.SlowChip, Chip: 2, Rate: 0.4}), "hash rate", "domain 1", true},
		{"wrong results", "bitaxe-hex", inject(chipsim.Fault{Kind: chipsim.HashErrors, Chip: 4, Rate: 0.5}), "errors", "", true},
	} {
		synctested(t, c.name, func(t *testing.T) {
			checks, v := selfTest(t, virtual.Config{Board: c.board, HashBudget: 5e3, Seed: 4}, c.hurt)
			named := false
			for _, k := range checks {
				if k.OK {
					continue
				}
				t.Logf("%+v", k)
				named = named || (c.check == "" || k.Name == c.check) && strings.Contains(k.Part, c.part)
				if k.Advice == "" && k.Name != "cooling" {
					t.Errorf("no advice: %+v", k)
				}
			}
			if !named {
				t.Errorf("%s of %s is not named: %+v", c.check, c.part, checks)
			}
			if had := v.Chips[0].Status().Chips[0].Jobs > 0; had && !c.power {
				t.Error("the chips have hashed")
			}
		})
	}
}

// A slowFan takes long to answer for a moment, as a computer that has much to do.
type slowFan struct {
	board.FanDriver
	from, to time.Time
}

func (f *slowFan) Speed() (physic.Frequency, error) {
	if now := time.Now(); now.After(f.from) && now.Before(f.to) {
		time.Sleep(200 * time.Millisecond)
	}
	return f.FanDriver.Speed()
}

// A part that was not asked in time is asked again, and not called bad.
func TestSelfTestOnBusyComputer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks, _ := selfTest(t, virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3}, func(v *virtual.Board) {
			now := time.Now()
			v.Fans[0].Driver = &slowFan{v.Fans[0].Driver, now.Add(senseFor - time.Second), now.Add(senseFor + time.Second)}
		})
		for _, c := range checks {
			if !c.OK {
				t.Errorf("%+v", c)
			}
		}
	})
}

// Whoever ends it early gets the board off, too.
func TestSelfTestEnds(t *testing.T) {
	for after := time.Second; after < 80*time.Second; after += 9 * time.Second {
		synctest.Test(t, func(t *testing.T) {
			v, err := virtual.New(virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), after)
			defer stop()
			_, err = (&SelfTest{Board: v.Board}).Run(ctx)
			if !v.State().Off() || err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v, %+v", after, err, v.State())
			}
		})
	}
}
