package apw

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func TestPackets(t *testing.T) {
	captures.Each(t, "psu-frames", func(t *testing.T, v struct {
		Dir, Meaning string
		Hex          captures.Hex
		Good         *bool `json:"checksum_ok"`
	}) {
		cmd, payload, err := parsePacket(v.Hex)
		if good := v.Good == nil || *v.Good; (err == nil) != good {
			t.Fatalf("%s: parsePacket(% x): %v, want it good: %v", v.Meaning, []byte(v.Hex), err, good)
		}
		if err != nil {
			return
		}
		if got := appendPacket(nil, cmd, payload...); !bytes.Equal(got, v.Hex) {
			t.Errorf("%s: appendPacket = % x, want % x", v.Meaning, got, []byte(v.Hex))
		}
	})
}

func TestVoltages(t *testing.T) {
	kinds := map[string]uint8{"S17": 0x41, "APW12_0x71": 0x71}
	captures.Each(t, "psu-voltage", func(t *testing.T, v struct {
		Rule string
		MV   int64
		DAC  uint8
	}) {
		rule, ok := RuleOf(kinds[v.Rule], 0)
		if !ok {
			t.Fatalf("rule %q is not known", v.Rule)
		}
		volts := physic.ElectricPotential(v.MV) * physic.MilliVolt
		if got := rule.DAC(volts); got != v.DAC {
			t.Errorf("%s: DAC(%v) = %d, want %d", v.Rule, volts, got, v.DAC)
		}
		if d := rule.Voltage(v.DAC) - volts; v.DAC > rule.Low && (d < -30*physic.MilliVolt || d > 30*physic.MilliVolt) {
			t.Errorf("%s: Voltage(%d) = %v, want %v within a step", v.Rule, v.DAC, rule.Voltage(v.DAC), volts)
		}
	})
}

func TestRules(t *testing.T) {
	for kind, want := range map[uint8][2]uint8{ // values of 12.5 and 14 V
		0x71: {206, 88}, 0x77: {206, 88}, 0x73: {255, 244}, 0x74: {204, 90}, 0x76: {204, 90}, 0x22: {255, 255}, 0x43: {185, 95},
	} {
		rule, ok := RuleOf(kind, 0)
		if got := [2]uint8{rule.DAC(12500 * physic.MilliVolt), rule.DAC(14 * physic.Volt)}; !ok || got != want {
			t.Errorf("type %02x: %v, want %v", kind, got, want)
		}
	}
	old, _ := RuleOf(0xc1, 3)
	fresh, _ := RuleOf(0xc1, 4)
	if old.DAC(13*physic.Volt) != 170 || fresh.DAC(13*physic.Volt) != 162 {
		t.Errorf("type c1: %d and %d", old.DAC(13*physic.Volt), fresh.DAC(13*physic.Volt))
	}
	for _, kind := range []uint8{0x00, 0x62, 0x64, 0x65, 0x66, 0xf5, 0xff} {
		if _, ok := RuleOf(kind, 0); ok {
			t.Errorf("type %02x has a rule", kind)
		}
	}
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte("\x55\xaa\x06\x02\x41\x00\x49\x00"))
	f.Add([]byte("\x55\xaa\x04\x01\x05\x00"))
	f.Add([]byte("\xf5\xf5\xf5\xf5\xf5\xf5\xf5\xf5"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cmd, payload, err := parsePacket(b)
		if err == nil && !bytes.Equal(appendPacket(nil, cmd, payload...), b) {
			t.Errorf("% x is read as %02x % x", b, cmd, payload)
		}
		if n := len(b); n > 0 && n <= 250 {
			if cmd, payload, err := parsePacket(appendPacket(nil, b[0], b[1:]...)); err != nil || cmd != b[0] || !bytes.Equal(payload, b[1:]) {
				t.Errorf("command and payload % x are read as %02x % x, %v", b, cmd, payload, err)
			}
		}
		if len(b) > 0 {
			if _, _, err := parsePacket(b[:len(b)-1]); err == nil && len(b)-1 != int(b[2])+2 {
				t.Errorf("a prefix of % x was taken", b)
			}
		}
	})
}

// enable is an enable pin, active low, that a virtual supply hangs on.
type enable struct {
	gpio.PinIO
	bus    *i2csim.Bus
	supply *i2csim.APW
}

func (p *enable) Out(l gpio.Level) error {
	p.bus.Do(func() { p.supply.Enable(l == gpio.Low) })
	return nil
}

// bench runs f in a bubble with a supply that New has found.
func bench(t *testing.T, sim *i2csim.APW, f func(t *testing.T, s *Supply, bus *i2csim.Bus)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bus := i2csim.New()
		bus.Add(0x10, sim)
		s, err := New(t.Context(), bus, 0x10, options(bus, sim))
		if err != nil {
			t.Fatal(err)
		}
		f(t, s, bus)
	})
}

func options(bus *i2csim.Bus, sim *i2csim.APW) Options {
	return Options{
		Min: 12 * physic.Volt, Max: 15200 * physic.MilliVolt,
		Enable: &enable{PinIO: gpio.INVALID, bus: bus, supply: sim}, ActiveLow: true,
	}
}

func s19() *i2csim.APW { return &i2csim.APW{Kind: 0x71, Firmware: 0x19} }

func TestSupply(t *testing.T) {
	sim := s19()
	bench(t, sim, func(t *testing.T, s *Supply, bus *i2csim.Bus) {
		ctx, cancel := context.WithCancel(t.Context())
		if s.String() != "APW type 71 firmware 19" {
			t.Errorf("found %v", s)
		}
		if err := s.SetVoltage(ctx, 13280*physic.MilliVolt); err != nil || sim.DAC() != 145 {
			t.Fatalf("SetVoltage = %v, DAC %d, want 145", err, sim.DAC())
		}
		start := time.Now()
		if err := s.On(ctx); err != nil || !sim.On() {
			t.Fatalf("On = %v", err)
		}
		if took := time.Since(start); took < 25*time.Second {
			t.Errorf("turned on %v after New, which does not know how long it was off", took)
		}
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		stop := watch(t, s)
		defer stop()
		time.Sleep(10 * time.Minute)
		if !sim.On() {
			t.Error("the watchdog turned the supply off although Run runs")
		}
		if v, err := s.Voltage(ctx); err != nil || v < 13270*physic.MilliVolt || v > 13290*physic.MilliVolt {
			t.Errorf("Voltage = %v, %v", v, err)
		}
		if v, err := s.Measure(ctx); err != nil || v < 13250*physic.MilliVolt || v > 13310*physic.MilliVolt {
			t.Errorf("Measure = %v, %v", v, err)
		}
		if v, err := s.Last(); err != nil || v < 13250*physic.MilliVolt || v > 13310*physic.MilliVolt {
			t.Errorf("Last = %v, %v", v, err)
		}
		if on, err := s.State(ctx); err != nil || !on {
			t.Errorf("State = %v, %v", on, err)
		}
		cancel()
		if err := <-done; err != nil || sim.On() {
			t.Errorf("Run = %v, still on: %v", err, sim.On())
		}
		if err := s.On(t.Context()); err != nil {
			t.Error(err)
		}
		if r := append(sim.Reports(), bus.Reports()...); len(r) > 0 {
			t.Error(r)
		}
	})
}

// TestSilence shows what a killed host leaves behind: the supply turns itself off.
func TestSilence(t *testing.T) {
	sim := s19()
	bench(t, sim, func(t *testing.T, s *Supply, _ *i2csim.Bus) {
		if err := s.On(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.do(t.Context(), cmdWatchdog, 1, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute + time.Second)
		if sim.On() {
			t.Error("on a minute after the last word")
		}
	})
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		sim   *i2csim.APW
		fault i2csim.Fault
		want  error // of SetVoltage
	}{
		{"none", s19(), i2csim.Fault{}, nil},
		{"speaks at register 00", &i2csim.APW{Kind: 0x71, Legacy: true}, i2csim.Fault{}, nil},
		{"refuses once", s19(), i2csim.Fault{}, nil},
		{"answers 300 ms late", &i2csim.APW{Kind: 0x71, Late: 300 * time.Millisecond}, i2csim.Fault{}, nil},
		{"one byte not acknowledged", s19(), i2csim.Fault{NAK: 1}, nil},
		{"flips a bit now and then", s19(), i2csim.Fault{GlitchEvery: 11}, nil},
		{"gone", s19(), i2csim.Fault{NAK: -1}, i2csim.ErrNAK},
		{"says nothing", s19(), i2csim.Fault{}, ErrRefused},
	} {
		t.Run(test.name, func(t *testing.T) {
			bench(t, test.sim, func(t *testing.T, s *Supply, bus *i2csim.Bus) {
				bus.SetFault(0x10, test.fault)
				switch {
				case test.want == ErrRefused:
					test.sim.Refuse = 1000
				case strings.HasPrefix(test.name, "refuses"):
					test.sim.Refuse = 1
				}
				err := s.SetVoltage(t.Context(), 14*physic.Volt)
				if test.want == nil && (err != nil || test.sim.DAC() != 88) {
					t.Errorf("SetVoltage = %v, DAC %d, want 88", err, test.sim.DAC())
				}
				if test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("SetVoltage = %v, want %v", err, test.want)
				}
			})
		})
	}
}

// watch runs Watch until stop.
func watch(t *testing.T, s *Supply) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Watch(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch = %v", err)
		}
	}
}

// A supply that is gone, or has nothing to say any more, is off within two seconds,
// whatever was being asked; one that refuses twice or is late is kept.
func TestRunEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		hurt func(*i2csim.APW, *i2csim.Bus)
		lost bool
	}{
		{"gone", func(_ *i2csim.APW, bus *i2csim.Bus) { bus.SetFault(0x10, i2csim.Fault{NAK: -1}) }, true},
		{"says nothing", func(sim *i2csim.APW, bus *i2csim.Bus) { bus.Do(func() { sim.Mute = true }) }, true},
		{"bus hangs", func(_ *i2csim.APW, bus *i2csim.Bus) { bus.SetFault(0x10, i2csim.Fault{Late: 5 * time.Second}) }, true},
		{"refuses twice", func(sim *i2csim.APW, bus *i2csim.Bus) { bus.Do(func() { sim.Refuse = 2 }) }, false},
		{"late", func(sim *i2csim.APW, bus *i2csim.Bus) { bus.Do(func() { sim.Late = 300 * time.Millisecond }) }, false},
	} {
		for phase := range time.Duration(14) {
			sim := s19()
			bench(t, sim, func(t *testing.T, s *Supply, bus *i2csim.Bus) {
				if err := s.On(t.Context()); err != nil {
					t.Fatal(err)
				}
				defer watch(t, s)()
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- s.Run(ctx) }()
				time.Sleep(28*time.Second + 90*time.Millisecond*phase)
				test.hurt(sim, bus)
				time.Sleep(1950 * time.Millisecond)
				if sim.On() == test.lost {
					t.Errorf("%s, phase %d: the supply is on: %v", test.name, phase, sim.On())
				}
				time.Sleep(20 * time.Second)
				if sim.On() == test.lost {
					t.Errorf("%s, phase %d: after 20 s the supply is on: %v", test.name, phase, sim.On())
				}
				cancel()
				if err := <-done; errors.Is(err, ErrSilent) != test.lost {
					t.Errorf("%s, phase %d: Run = %v", test.name, phase, err)
				}
				if _, err := s.Last(); (err != nil) != test.lost {
					t.Errorf("%s, phase %d: Last = %v", test.name, phase, err)
				}
			})
		}
	}
}

func TestLimits(t *testing.T) {
	sim := s19()
	bench(t, sim, func(t *testing.T, s *Supply, bus *i2csim.Bus) {
		ctx := t.Context()
		if err := s.SetVoltage(ctx, 15200*physic.MilliVolt); err != nil || sim.DAC() != 9 {
			t.Errorf("SetVoltage(15.2 V) = %v, DAC %d, want the supply's most, 9", err, sim.DAC())
		}
		for _, v := range []physic.ElectricPotential{0, 11999 * physic.MilliVolt, 15201 * physic.MilliVolt, -physic.Volt} {
			if err := s.SetVoltage(ctx, v); err == nil || sim.DAC() != 9 {
				t.Errorf("SetVoltage(%v) = %v, DAC %d", v, err, sim.DAC())
			}
		}
		s.o.Min = 10 * physic.Volt // a board with wrong limits
		if err := s.SetVoltage(ctx, 10*physic.Volt); err == nil || sim.DAC() != 9 {
			t.Errorf("10 V, less than it can: %v, DAC %d", err, sim.DAC())
		}
		bare, err := New(ctx, bus, 0x10, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if bare.On(ctx) == nil || bare.Off() == nil || bare.SetVoltage(ctx, 13*physic.Volt) == nil {
			t.Error("a supply without pin or limits was driven")
		}
	})
}

func TestNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := i2csim.New()
		if _, err := New(t.Context(), bus, 0x10, Options{}); !errors.Is(err, i2csim.ErrNAK) {
			t.Errorf("nothing there: %v", err)
		}
		for _, fill := range []byte{0x00, 0x55, 0xff} {
			bus.AckAll, bus.Fill = true, fill
			if _, err := New(t.Context(), bus, 0x10, Options{}); err == nil {
				t.Errorf("an empty bus that answers %02x was taken", fill)
			}
		}
		bus.AckAll = false
		bus.Add(0x10, &i2csim.APW{Kind: 0x62})
		if _, err := New(t.Context(), bus, 0x10, Options{}); err == nil || !strings.Contains(err.Error(), "0x62") {
			t.Errorf("a type that is not known: %v", err)
		}
	})
}
