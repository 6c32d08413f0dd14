package board

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
)

// pair is a bench with two chains, each behind a rail and a reset line of its own.
func (b *bench) pair() *Board {
	board := b.board()
	board.Chains = append(board.Chains, chainFake{})
	core := board.Rails[1]
	core.Chain = 1
	driver := &railFake{bench: b, name: "second"}
	board.Rails = append(board.Rails, &Rail{Name: "second", Chain: 2, Driver: driver, Output: core.Output,
		Measure: driver.measure, Settle: core.Settle, Limits: core.Limits})
	board.Resets[0].Chain = 1
	return board
}

func TestParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bench)
		board := b.pair()
		if err := board.Check(); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			if err := board.UpPart(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if !board.Rails[0].IsOn() || !board.Rails[1].IsOn() || !board.Rails[2].IsOn() {
			t.Errorf("not all is on: %s", b.list())
		}
		b.did = nil
		if err := board.DownPart(1); err != nil || b.list() != "reset, core off" || !board.Rails[2].IsOn() {
			t.Errorf("chain 1 down: %s, %v", b.list(), err)
		}
		if board.Resets[0].Set(false); b.list() != "reset, core off" {
			t.Errorf("chain 1 can leave its reset: %s", b.list())
		}
		b.did = nil
		if err := board.Down(); err != nil || b.list() != "reset, second off, core off, supply off" {
			t.Errorf("all down: %s, %v", b.list(), err)
		}
	})
}

// Once its context has ended nothing is turned on, however late the driver is.
func TestUpPartAfterDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bench)
		board := b.board()
		slow := make(chan struct{})
		measure := board.Rails[0].Measure
		board.Rails[0].Measure = func() (Power, error) { <-slow; return measure() }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- board.UpPart(ctx, 0) }()
		synctest.Wait()
		cancel()
		if err := board.Down(); err != nil {
			t.Fatal(err)
		}
		close(slow)
		if err := <-done; !errors.Is(err, context.Canceled) || strings.Contains(b.list(), "supply on") || board.Rails[0].IsOn() {
			t.Errorf("%v: %s", err, b.list())
		}
	})
}

// stubborn is a rail that takes its time to go off.
type stubborn struct{ *railFake }

func (r stubborn) Off() error { time.Sleep(time.Second); return r.railFake.Off() }

// A controller that hangs does not keep the supply on.
func TestDownDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bench)
		board := b.board()
		board.Rails[1].Driver = stubborn{board.Rails[1].Driver.(*railFake)}
		begin := time.Now()
		if err := board.Down(); err != nil || b.list() != "reset, supply off, core off" || time.Since(begin) != time.Second {
			t.Errorf("%v after %v: %s", err, time.Since(begin), b.list())
		}
	})
}

func TestWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bench)
		board := b.board()
		r := board.Rails[0]
		driver := r.Driver.(*railFake)
		r.Output, r.Start, r.Step = 13900*physic.MilliVolt, 15200*physic.MilliVolt, 500*physic.MilliVolt
		if err := board.Check(); err != nil {
			t.Fatal(err)
		}
		if err := board.UpPart(t.Context(), 0); err != nil || driver.set != r.Start || r.Wanted() != 15.2 {
			t.Fatalf("it starts with %v, %v", driver.set, err)
		}
		begin := time.Now()
		if err := r.Walk(t.Context(), r.Output); err != nil || driver.set != r.Output || time.Since(begin) != 3*time.Second {
			t.Errorf("it went to %v in %v, %v", driver.set, time.Since(begin), err)
		}
		if err := r.Walk(t.Context(), 15300*physic.MilliVolt); err == nil || driver.set > r.Start || !strings.Contains(err.Error(), "limits") {
			t.Errorf("beyond its limits: %v at %v", err, driver.set)
		}
		if err := board.Down(); err != nil || r.Wanted() != 15.2 || r.Walk(t.Context(), r.Output) != nil || driver.set > r.Start {
			t.Errorf("a rail that is off was walked: %v", driver.set)
		}
	})
}

func TestCheckParts(t *testing.T) {
	for says, spoil := range map[string]func(*Board){
		"belongs to chain 3":  func(b *Board) { b.Thermometers[0].Chain = 3 },
		"belongs to chain -1": func(b *Board) { b.Resets[0].Chain = -1 },
		"keeper beat belongs": func(b *Board) { b.Keepers = []*Keeper{{Name: "beat", Chain: 7}} },
		"comes after":         func(b *Board) { b.Rails[2].Chain = 0 },
		"no step":             func(b *Board) { b.Rails[0].Start = 10 * physic.Volt },
		"its limits are":      func(b *Board) { b.Rails[0].Min, b.Rails[0].Max = physic.Volt, 2*physic.Volt },
	} {
		b := new(bench).pair()
		spoil(b)
		if err := b.Check(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Check = %v, want %q", err, says)
		}
	}
}

func TestKeepers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := new(bench).pair()
		var mu sync.Mutex
		list := make(map[string]bool)
		set := func(name string, is bool) { mu.Lock(); list[name] = is; mu.Unlock() }
		running := func(name string) bool { mu.Lock(); defer mu.Unlock(); return list[name] }
		keeper := func(name string, chain int, always bool, life time.Duration) {
			board.Keepers = append(board.Keepers, &Keeper{Name: name, Chain: chain, Always: always, Run: func(ctx context.Context) error {
				set(name, true)
				wait(ctx, life)
				set(name, false)
				return nil
			}})
		}
		keeper("tach", 0, true, time.Hour)
		keeper("supply", 0, false, time.Hour)
		keeper("pic", 2, false, time.Minute)
		var failed []string
		stop := board.Keep(t.Context(), 2, func(k *Keeper, err error) { failed = append(failed, k.Name+" "+err.Error()) })
		synctest.Wait()
		if running("tach") || running("supply") || !running("pic") {
			t.Errorf("for chain 2 there are %v", list)
		}
		time.Sleep(2 * time.Minute)
		if stop(); len(failed) != 1 || !strings.HasPrefix(failed[0], "pic ended") {
			t.Errorf("failed: %q", failed)
		}
		stop = board.Keep(t.Context(), 0, func(*Keeper, error) { t.Error("failed") })
		stopAlways := board.KeepAlways(t.Context(), func(*Keeper, error) { t.Error("failed") })
		synctest.Wait()
		if !running("tach") || !running("supply") {
			t.Errorf("for all there are %v", list)
		}
		if stop(); running("supply") || !running("tach") {
			t.Errorf("after stop there are %v", list)
		}
		stopAlways()
	})
}
