package emberone_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/board/emberone"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/internal/usbtest"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

// works gives new work for ever.
type works struct{ n uint64 }

func (w *works) Work(hashing.Traits) (hashing.Work, time.Duration, bool) {
	w.n++
	work := hashing.Work{ID: w.n, VersionMask: 0x1fffe000, Target: bitcoin.MaxTarget()}
	work.Header.NTime = uint32(w.n)
	return work, 0, true
}

// The board on its cable mines, with both formats of answers.
func TestOverUSB(t *testing.T) {
	for _, name := range []string{"emberone", "emberone-v4"} {
		for _, old := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " old format ", old), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { overUSB(t, name, old) })
			})
		}
	}
}

func overUSB(t *testing.T, name string, old bool) {
	cfg := virtual.Config{Board: name, HashBudget: 20e3, Seed: 3}
	v, err := virtual.NewEmberOne(cfg)
	if err != nil {
		t.Fatal(err)
	}
	v.USB.OldFormat, v.USB.Work = old, time.Millisecond
	b, err := emberone.FromUSB(usbtest.Plug(t, v.USB), v.Chip.Port(), v.Options(cfg))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := b.Chains[0].Run(ctx, hashing.NewFeed(&works{}), func(hashing.Solution) {}); err != nil {
		t.Error(err)
	}
	if s := b.Chains[0].Status(); s.Good < 20 || s.Alive() != emberone.Chips || s.HardwareErrors > s.Good/20 {
		t.Errorf("after a minute: %+v", s)
	}
	b.Measure(time.Now()) // a first reading waits to be confirmed
	for i, r := range b.Measure(time.Now()).Temperatures {
		if live := b.Thermometers[i].Live; r.Err != nil && !live {
			t.Errorf("%s: %v", b.Thermometers[i].Name, r.Err)
		}
	}
	if err := b.Down(); err != nil || !v.State().Off() {
		t.Errorf("Down = %v, %+v", err, v.State())
	}
	for _, r := range v.Reports() {
		t.Error(r)
	}
}

// The order of power, as it is seen at pins and regulator.
func TestPowerUp(t *testing.T) {
	for name, want := range map[string]string{
		"emberone":    "reset true; 24: 0100; enable false; pins false; 24: 03; 24: 213307; pins true; enable true; 24: 0180",
		"emberone-v4": "reset true; enable false; pins false; 48: f800; pins true; enable true",
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := virtual.Config{Board: name, Seed: 1}
			v, err := virtual.NewEmberOne(cfg)
			if err != nil {
				t.Fatal(err)
			}
			var did []string
			note := func(what string, f func(bool) error) func(bool) error {
				return func(on bool) error { did = append(did, fmt.Sprint(what, " ", on)); return f(on) }
			}
			p := v.Parts()
			p.Reset, p.Enable, p.PinsOn = note("reset", p.Reset), note("enable", p.Enable), note("pins", p.PinsOn)
			couple := v.Bus.Trace
			v.Bus.Trace = func(io i2csim.IO) {
				if (io.Addr == emberone.AddrRegulator || io.Addr == emberone.AddrDAC) && len(io.R) == 0 {
					did = append(did, fmt.Sprintf("%02x: %x", io.Addr, io.W))
				}
				couple(io)
			}
			b, err := emberone.New(p, v.Options(cfg))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(strings.Join(did, "; "), "reset true; enable false; pins false") {
				t.Errorf("%s: New begins with %q", name, did)
			}
			did = nil
			if err := b.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(did, "; "); got != want {
				t.Errorf("%s: up: %s\nwant %s", name, got, want)
			}
			if err := b.Down(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
