package board

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/hashing"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// bench writes down what is done to its parts, and fails where it is told to.
type bench struct {
	mu   sync.Mutex
	did  []string
	fail string // of what is done
}

func (b *bench) do(what string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.did = append(b.did, what)
	if what == b.fail {
		return errors.New("broken")
	}
	return nil
}

type railFake struct {
	*bench
	name string
	on   bool
	set  physic.ElectricPotential
}

func (r *railFake) SetVoltage(v physic.ElectricPotential) error {
	r.set = v
	return r.do(r.name + " set")
}

func (r *railFake) On() error {
	r.on = true
	return r.do(r.name + " on")
}

func (r *railFake) Off() error {
	r.on = false
	return r.do(r.name + " off")
}

func (r *railFake) measure() (p Power, err error) {
	p.Input = 12
	if r.on {
		p.Output = InVolts(r.set)
	}
	return p, r.do(r.name + " look")
}

type fanFake struct{ *bench }

func (f fanFake) SetDuty(d gpio.Duty) error        { return f.do("fan " + d.String()) }
func (f fanFake) Speed() (physic.Frequency, error) { return 50 * physic.Hertz, f.do("tach") }

type chainFake struct{}

func (chainFake) Run(context.Context, *hashing.Feed, func(hashing.Solution)) error { return nil }
func (chainFake) String() string                                                   { return "chain" }
func (chainFake) HashRate() float64                                                { return 1e9 }
func (chainFake) SetClock(float64)                                                 {}
func (chainFake) Status() ChainStatus                                              { return ChainStatus{} }

func (b *bench) board() *Board {
	rail := func(name string) *Rail {
		r := &railFake{bench: b, name: name}
		return &Rail{Name: name, Driver: r, Output: 9 * physic.Volt, Measure: r.measure, Settle: time.Second,
			Limits: PowerLimits{MinInput: 11, MaxInput: 13, Current: 5, Tolerance: 0.1}}
	}
	pin := func(low bool) error { return b.do(map[bool]string{true: "reset", false: "release"}[low]) }
	return &Board{
		Name: "bench", Rails: []*Rail{rail("supply"), rail("core")}, Resets: []*Reset{NewReset(pin, nil)},
		Chains: []Chain{chainFake{}}, Fans: []*Fan{{Name: "fan", Driver: fanFake{b}, MinDuty: 0.2, MinRPM: 100}},
		Thermometers: []*Thermometer{NewThermometer("chip", func() (physic.Temperature, error) {
			return physic.ZeroCelsius + 40*physic.Celsius, b.do("chip")
		}, Heat{60, 70, 80}, 0)},
	}
}

func (b *bench) list() string { return strings.Join(b.did, ", ") }

func TestPowerOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bench)
		board := b.board()
		reset := board.Resets[0]
		reset.Set(false) // a driver that is early
		if err := board.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		reset.Set(false)
		want := "reset, fan 100%, supply off, supply look, supply set, supply on, supply look, " +
			"core off, core look, core set, core on, core look, release"
		if b.list() != want {
			t.Errorf("up: %s\nwant %s", b.list(), want)
		}
		b.did = nil
		if err := board.Down(); err != nil {
			t.Fatal(err)
		}
		reset.Set(false)
		if b.list() != "reset, core off, supply off" {
			t.Errorf("down: %s", b.list())
		}
	})
}

// Whatever fails, the rest is turned off.
func TestUpFailsSafe(t *testing.T) {
	for _, fail := range []string{"reset", "fan 100%", "supply on", "supply look", "core off", "core set", "core on", "core look"} {
		synctest.Test(t, func(t *testing.T) {
			b := &bench{fail: fail}
			board := b.board()
			err := board.Up(t.Context())
			if err == nil || !strings.Contains(err.Error(), "broken") {
				t.Errorf("%s: Up = %v", fail, err)
			}
			if n := len(b.did); !slices.Equal(b.did[n-3:], []string{"reset", "core off", "supply off"}) {
				t.Errorf("%s: it ends with %s", fail, b.list())
			}
			board.Resets[0].Set(false)
			if slices.Contains(b.did, "release") {
				t.Errorf("%s: the chips can leave their reset", fail)
			}
		})
	}
}

func TestUpStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bench)
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := b.board().Up(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 1500*time.Millisecond {
			t.Errorf("Up = %v after %v", err, time.Since(begin))
		}
		if !strings.HasSuffix(b.list(), "core on, reset, core off, supply off") {
			t.Errorf("it did %s", b.list())
		}
	})
}

func TestRailLimits(t *testing.T) {
	r := (&bench{}).board().Rails[0]
	for _, c := range []struct {
		p    Power
		says string
	}{
		{Power{Output: 9, Input: 12, Current: 4}, ""},
		{Power{Output: 8.2, Input: 11.1, Current: 5}, ""},
		{Power{Output: 8, Input: 12}, "output is 8.000 V"},
		{Power{Output: 10, Input: 12}, "output is 10.000 V"},
		{Power{Output: 9, Input: 10.9}, "input is 10.90 V"},
		{Power{Output: 9, Input: 13.1}, "input is 13.10 V"},
		{Power{Output: 9, Input: 12, Current: 5.1}, "5.1 A"},
		{Power{Output: 9, Input: 12, Fault: "smoke"}, "smoke"},
	} {
		err := r.bad(c.p)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.p, err, c.says)
		}
	}
}

// Slow parts cost one answer, not the whole round.
func TestMeasureIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(bench)
		board := b.board()
		if err := board.Check(); err != nil {
			t.Fatal(err)
		}
		board.Rails[0].Measure = func() (Power, error) { time.Sleep(time.Second); return Power{}, errors.New("late") }
		begin := time.Now()
		s := board.Measure(begin)
		if d := time.Since(begin); d != time.Second {
			t.Errorf("it took %v", d)
		}
		if s.Silent() || s.Fans[0].Err != nil || s.Fans[0].RPM != 3000 || !errors.Is(s.Rails[1].Err, errLate) || !s.Late() {
			t.Errorf("%+v", s)
		}
		if slices.Contains(b.did, "core look") {
			t.Error("the part behind the slow one was asked")
		}
	})
}

func TestCheck(t *testing.T) {
	for name, spoil := range map[string]func(*Board){
		"no chain":       func(b *Board) { b.Chains = nil },
		"no thermometer": func(b *Board) { b.Thermometers = nil },
		"could not be":   func(b *Board) { b.Rails, b.Resets = nil, nil },
		"want target":    func(b *Board) { b.Thermometers[0].Heat.Max = 65 },
	} {
		b := new(bench).board()
		if err := b.Check(); err != nil || b.Poll != usualPoll || b.Rest != usualRest || b.HashRate() != 1e9 {
			t.Errorf("a good board: %v, %+v", err, b)
		}
		spoil(b)
		if err := b.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Check = %v, want %q", err, name)
		}
	}
}

func ExampleBoard_Up() {
	b := new(bench)
	board := b.board()
	board.Rails = board.Rails[:1]
	fmt.Println(board.Up(context.Background()), board.Down())
	fmt.Println(b.list())
	// Output:
	// <nil> <nil>
	// reset, fan 100%, supply off, supply look, supply set, supply on, supply look, reset, supply off
}
