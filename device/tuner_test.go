package device

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/device/tuning"
)

// tuned is a bench with a tuner.
type tuned struct {
	*bench
	tuner *tuner
	stop  context.CancelFunc
	done  chan struct{}
}

func newTuned(t *testing.T, target, path string) *tuned {
	t.Helper()
	return tune(t, newBench(t), target, path)
}

func tune(t *testing.T, bench *bench, target, path string) *tuned {
	t.Helper()
	b := &tuned{bench: bench}
	goal, err := tuning.ParseTarget(target)
	if err != nil {
		t.Fatal(err)
	}
	b.tuner, err = newTuner(&Tuning{Target: goal, Profile: path}, b.guard, slog.New(slog.DiscardHandler), func(s string) { b.note(s) })
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	b.stop, b.done = stop, make(chan struct{})
	go func() {
		defer close(b.done)
		if err := b.tuner.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(b.endTuned)
	return b
}

// endTuned ends the tuner, and then the board.
func (b *tuned) endTuned() {
	b.stop()
	<-b.done
	b.bench.end()
}

// watch lets time go by, and fails when the board is outside of its clamps.
func (b *tuned) watch(d time.Duration) {
	b.t.Helper()
	c := b.board.Clamps
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		s := b.board.State()
		if v := s.Millivolts(); v != 0 && (v < float64(c.MinVolts)*1000-6 && c.MaxVolts < 2 || v > float64(c.MaxVolts)*1000+6) {
			b.t.Fatalf("%v mV at the chip, clamped to %v to %v V", v, c.MinVolts, c.MaxVolts)
		}
		if f := s.MHz(); f > float64(c.MaxClock)+3 {
			b.t.Fatalf("%v MHz, clamped to %v", f, c.MaxClock)
		}
	}
}

// A whole board comes to its targets, and a new start begins where the last one
// has ended.
func TestTunerReachesTargets(t *testing.T) {
	for _, c := range []struct {
		target string
		check  func(*TunerStatus) bool
	}{
		{"power=12W", func(s *TunerStatus) bool { return s.Watts > 11.6 && s.Watts < 12.3 }},
		{"hashrate=4kH", func(s *TunerStatus) bool { return s.HashRate > 3.9e3 && s.HashRate < 4.125e3 }},
		{"efficiency", func(s *TunerStatus) bool { return s.Efficiency > 0 && s.Volts[0] < 1.08 }},
	} {
		if testing.Short() && c.target != "power=12W" {
			continue
		}
		synctested(t, c.target, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "profile.json")
			b := newTuned(t, c.target, path)
			s := b.tuner.Status()
			for end := time.Now().Add(2 * time.Hour); s.State != tuning.Settled || time.Since(s.Changed) < 5*time.Minute; s = b.tuner.Status() {
				if time.Now().After(end) {
					t.Fatalf("it does not settle: %+v%s", s, b.log())
				}
				b.watch(10 * time.Second)
			}
			t.Logf("%+v", s)
			if !c.check(s) || s.Problem != "" {
				t.Errorf("%+v%s", s, b.log())
			}
			if g := b.guard.Status(); g.Power != PowerMining || g.Trips > 0 {
				t.Errorf("%v, %d trips%s", g.Power, g.Trips, b.log())
			}
			b.named("tuning has settled")
			for _, r := range b.board.Reports() {
				t.Errorf("protocol: %v", r)
			}
			b.endTuned()
			s = b.tuner.Status()
			again := newTuned(t, c.target, path)
			was := s.Volts[0]
			if p := again.tuner.core.Plan(); p.Volts[0] != was || p.Clocks[0][0] != s.MaxClock {
				t.Errorf("the next start begins at %+v, the last ended at %v V and %v MHz", p, was, s.MaxClock)
			}
			again.until("mining", 30*time.Second, is(PowerMining))
			again.watch(time.Minute)
			if v := again.board.State().Millivolts(); v < was*1000-10 || v > was*1000+10 {
				t.Errorf("%v mV, the profile has %v V", v, was)
			}
		})
	}
}

// The guard's throttle wins over a tuner that wants more.
func TestTunerGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTuned(t, "power=20W", "")
		b.until("mining", 30*time.Second, is(PowerMining))
		b.watch(10 * time.Minute)
		top := b.tuner.Status().MaxClock
		if top <= 525 {
			t.Errorf("%v MHz after ten minutes: %+v", top, b.tuner.Status())
		}
		b.board.SetAmbient(48)
		b.until("throttled", 5*time.Minute, is(PowerThrottled))
		b.watch(10 * time.Minute)
		s := b.tuner.Status()
		if s.State != tuning.Held || s.MaxClock >= top {
			t.Errorf("throttled, and %+v", s)
		}
		b.until("nothing is turned off", time.Second, func(s *BoardStatus) bool { return s.Trips == 0 })
	})
}

// What the board is turned off for is put down to the last step.
func TestTunerBlames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTuned(t, "power=20W", "")
		b.until("mining", 30*time.Second, is(PowerMining))
		b.watch(10 * time.Minute)
		top := b.tuner.Status().MaxClock
		b.board.SetInput(4.4)
		b.until("off", 10*time.Second, off)
		b.board.SetInput(5.1)
		b.watch(3 * time.Second)
		if s := b.tuner.Status(); !strings.Contains(s.Why, "turned off") {
			t.Errorf("turned off at %v MHz, and %+v%s", top, s, b.log())
		}
		b.board.StopFan(true) // is not the tuner's fault
		was := b.tuner.trips
		b.watch(time.Minute)
		if b.tuner.trips != was {
			t.Errorf("a fan's fault is put down to the tuner")
		}
	})
}

func TestTunerRefuses(t *testing.T) {
	v, err := virtual.New(virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3})
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGuard(v.Board, slog.New(slog.DiscardHandler), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if _, err := newTuner(&Tuning{Target: tuning.Target{Goal: tuning.Efficiency}}, nil, quiet, nil); !errors.Is(err, errNoBoard) {
		t.Errorf("without a board: %v", err)
	}
	if _, err := newTuner(&Tuning{Target: tuning.Target{Goal: tuning.HashRate, Value: 1e15}}, g, quiet, nil); err == nil || !strings.Contains(err.Error(), "can do") {
		t.Errorf("a hash rate out of reach: %v", err)
	}
	v.Clamps = board.Clamps{}
	if _, err := newTuner(&Tuning{Target: tuning.Target{Goal: tuning.Efficiency}}, g, quiet, nil); !errors.Is(err, board.ErrNotTunable) {
		t.Errorf("a board without clamps: %v", err)
	}
}

// Files that are not for this board, or broken, are named and not used.
func TestProfiles(t *testing.T) {
	v, err := virtual.New(virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tunableOf(v.Board)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "profile.json")
	if _, found, err := parts.loadProfile(path); found || err != nil {
		t.Errorf("no file: %v, %v", found, err)
	}
	plan := tuning.Plan{Volts: []float64{1.1}, Clocks: [][]float64{{500}}}
	good := parts.profile(plan, tuning.Target{Goal: tuning.Power, Value: 12}, time.Unix(1e9, 0))
	if err := good.save(path); err != nil {
		t.Fatal(err)
	}
	got, found, err := parts.loadProfile(path)
	if !found || err != nil || !got.Equal(plan) {
		t.Errorf("%+v, %v, %v", got, found, err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("%v, %v: want the profile alone", files, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, now, says string }{
		{`"version": 1`, `"version": 2`, "version 2"},
		{v.Name, "s19kpro", "for a s19kpro, this is a virtual:bitaxe-gamma"},
		{`"chips": 1`, `"chips": 77`, "77 chips there and 1 here"},
		{"500", "700", "700 MHz"}, {"500", "1", "may run at"}, {"1.1", "1.9", "1.9 V"},
		{"core regulator", "supply", `voltage of "supply"`},
		{`{`, `[`, "invalid character"}, {"\n}", "", "unexpected end"},
		{`"rails"`, `"rials"`, "0 voltages"}, {`"chains"`, `"chain"`, "0 chains"},
		{"500\n", "500, 500\n", "chips"},
	} {
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), c.old, c.now)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, found, err := parts.loadProfile(path); found || err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s for %s: %v, %v; want %q", c.now, c.old, found, err, c.says)
		}
	}
	if err := os.WriteFile(path, make([]byte, maxProfile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := parts.loadProfile(path); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a file that is too long: %v", err)
	}
	if err := good.save(filepath.Join(path, "no", "folder")); err == nil {
		t.Error("saved into a folder that there is not")
	}
	if _, err := os.Stat(path + "/no"); !errors.Is(err, fs.ErrNotExist) && err == nil {
		t.Error(err)
	}
}

// A folder that there is not is told before anything is tuned.
func TestNoFolderForProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTuned(t, "power=14W", filepath.Join(t.TempDir(), "no", "profile.json"))
		if s := b.tuner.Status(); !strings.Contains(s.Problem, "make the folder") {
			t.Errorf("%+v", s)
		}
	})
}

// A broken profile is no reason not to mine.
func TestBrokenProfile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "profile.json")
		if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		b := newTuned(t, "power=14W", path)
		if s := b.tuner.Status(); !strings.Contains(s.Problem, "profile.json") {
			t.Errorf("%+v", s)
		}
		b.until("mining", 30*time.Second, walked)
		if f := b.board.State().MHz(); f < 500 {
			t.Errorf("%v MHz", f)
		}
	})
}

func FuzzProfile(f *testing.F) {
	v, err := virtual.New(virtual.Config{Board: "bitaxe-gamma", HashBudget: 5e3})
	if err != nil {
		f.Fatal(err)
	}
	parts, err := tunableOf(v.Board)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"version":1,"board":"virtual:bitaxe-gamma","rails":[{"name":"core regulator","volts":1.1}],"chains":[{"name":"BM1370","chips":1,"mhz":[500]}]}`)
	f.Add(`{"version":1}`)
	path := filepath.Join(f.TempDir(), "profile.json")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		plan, found, err := parts.loadProfile(path)
		if found != (err == nil) {
			t.Fatalf("%v, %v", found, err)
		}
		if found {
			if err := parts.begin(plan); err != nil {
				t.Fatal(fmt.Errorf("%+v: %w", plan, err))
			}
		}
	})
}
