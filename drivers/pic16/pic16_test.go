package pic16

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func s9() Options {
	return Options{Min: 8300 * physic.MilliVolt, Max: 9400 * physic.MilliVolt}
}

func TestCaptures(t *testing.T) {
	captures.Each(t, "s9-pic-voltage", func(t *testing.T, v struct {
		Volts float64
		Pic   uint8
	}) {
		volts := physic.ElectricPotential(math.Round(v.Volts*1000)) * physic.MilliVolt
		if got, err := code(volts); err != nil || got != v.Pic {
			t.Errorf("code(%v) = %d, %v, want %d", volts, got, err, v.Pic)
		}
		if d := voltage(v.Pic) - volts; d > 3*physic.MilliVolt || d < -3*physic.MilliVolt {
			t.Errorf("voltage(%d) = %v, want %v within half a step", v.Pic, voltage(v.Pic), volts)
		}
	})
}

// TestRange has the edges of Braiins' own tests.
func TestRange(t *testing.T) {
	for _, test := range []struct {
		volts float64
		ok    bool
	}{{7.9415131, true}, {7.9356454, false}, {9.4377857, true}, {9.4436537, false}} {
		if c, err := code(physic.ElectricPotential(test.volts * float64(physic.Volt))); (err == nil) != test.ok {
			t.Errorf("code(%v) = %d, %v", test.volts, c, err)
		}
	}
}

// bench runs f in a bubble with a controller that New has started.
func bench(t *testing.T, f func(t *testing.T, c *Controller, chip *i2csim.PIC16, bus *i2csim.Bus)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		chip, bus := &i2csim.PIC16{}, i2csim.New()
		bus.Add(Address(6), chip)
		c, err := New(t.Context(), bus, Address(6), s9())
		if err != nil {
			t.Fatal(err)
		}
		f(t, c, chip, bus)
	})
}

func TestController(t *testing.T) {
	bench(t, func(t *testing.T, c *Controller, chip *i2csim.PIC16, bus *i2csim.Bus) {
		ctx, cancel := context.WithCancel(t.Context())
		if c.String() != "PIC16 at 0x55" || chip.Enabled() {
			t.Errorf("%v: enabled %v", c, chip.Enabled())
		}
		if err := c.SetVoltage(ctx, 9400*physic.MilliVolt); err != nil || chip.Code() != 6 {
			t.Errorf("SetVoltage = %v, code %d, want 6", err, chip.Code())
		}
		if v, err := c.Voltage(ctx); err != nil || v != voltage(6) {
			t.Errorf("Voltage = %v, %v", v, err)
		}
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		if err := c.Enable(ctx); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if !chip.Enabled() {
			t.Error("the rail dropped although Run runs")
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
		if chip.Enabled() {
			t.Error("the rail is up after Run")
		}
		if r := bus.Reports(); len(r) > 0 {
			t.Error(r)
		}
	})
}

// TestSilence shows what a killed host leaves behind: the rail drops by itself.
func TestSilence(t *testing.T) {
	bench(t, func(t *testing.T, c *Controller, chip *i2csim.PIC16, _ *i2csim.Bus) {
		if err := c.Enable(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if chip.Enabled() {
			t.Error("the rail is up 11 s after the last word")
		}
	})
}

func TestDead(t *testing.T) {
	bench(t, func(t *testing.T, c *Controller, chip *i2csim.PIC16, bus *i2csim.Bus) {
		done := make(chan error)
		go func() { done <- c.beat(t.Context()) }()
		time.Sleep(10 * time.Second)
		bus.SetFault(0x55, i2csim.Fault{NAK: 4}) // busy for a moment: no alarm
		time.Sleep(10 * time.Second)
		start := time.Now()
		bus.SetFault(0x55, i2csim.Fault{NAK: -1})
		err := <-done
		if !errors.Is(err, i2csim.ErrNAK) {
			t.Errorf("Run = %v, want it to say that nobody answers", err)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("a dead controller was named after %v", took)
		}
	})
}

func TestLimits(t *testing.T) {
	bench(t, func(t *testing.T, c *Controller, chip *i2csim.PIC16, bus *i2csim.Bus) {
		for _, v := range []physic.ElectricPotential{0, 8299 * physic.MilliVolt, 9401 * physic.MilliVolt, -physic.Volt} {
			if err := c.SetVoltage(t.Context(), v); err == nil || chip.Code() != 0 {
				t.Errorf("SetVoltage(%v) = %v, code %d", v, err, chip.Code())
			}
		}
		bus.SetFault(0x55, i2csim.Fault{GlitchEvery: 1})
		if err := c.SetVoltage(t.Context(), 9*physic.Volt); err == nil {
			t.Error("a voltage that reads back differently gives no error")
		}
	})
}

// cut does not acknowledge transactions from to before to, counted from 0.
type cut struct {
	i2c.Bus
	n, from, to int
}

func (c *cut) Tx(addr uint16, w, r []byte) error {
	c.n++
	if c.n > c.from && c.n <= c.to {
		return i2csim.ErrNAK
	}
	return c.Bus.Tx(addr, w, r)
}

// TestBrokenFrame breaks a frame off before its data: the next command must not
// become the voltage.
func TestBrokenFrame(t *testing.T) {
	bench(t, func(t *testing.T, c *Controller, chip *i2csim.PIC16, bus *i2csim.Bus) {
		c.dev.Bus = &cut{Bus: bus, from: 3, to: 3 + tries}
		if err := c.SetVoltage(t.Context(), 9*physic.Volt); !errors.Is(err, i2csim.ErrNAK) || chip.Code() != 0 {
			t.Fatalf("SetVoltage = %v, code %d, want it to break off", err, chip.Code())
		}
		if err := c.do(t.Context(), cmdHeartbeat, nil, nil); err != nil {
			t.Fatal(err)
		}
		if want, _ := code(9 * physic.Volt); chip.Code() != want {
			t.Errorf("the controller took %d as the voltage, want %d", chip.Code(), want)
		}
	})
}

func TestNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := i2csim.New()
		if _, err := New(t.Context(), bus, 0x56, s9()); !errors.Is(err, i2csim.ErrNAK) {
			t.Errorf("nothing there: %v", err)
		}
		bus.Add(0x57, &i2csim.PIC16{Version: 0x5e})
		_, err := New(t.Context(), bus, 0x57, s9())
		if err == nil {
			t.Error("another version was taken")
		}
		t.Log(err)
		o := s9()
		o.Versions = []uint8{0x03, 0x5e}
		if _, err := New(t.Context(), bus, 0x57, o); err != nil {
			t.Errorf("a version that the board accepts: %v", err)
		}
		bus.AckAll, bus.Fill = true, 0xff
		if _, err := New(t.Context(), bus, 0x56, s9()); err == nil {
			t.Error("an empty bus that acknowledges was taken")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := New(ctx, bus, 0x57, o); !errors.Is(err, context.Canceled) {
			t.Errorf("ended: %v", err)
		}
	})
}
