package emc2302_test

import (
	"errors"
	"testing"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/emc2302"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func celsius(v float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(v*float64(physic.Celsius))
}

func rpm(f physic.Frequency) float64 { return float64(f) / float64(physic.Hertz) * 60 }

func TestTwoFans(t *testing.T) {
	chip := i2csim.NewEMC2302()
	bus := i2csim.New()
	bus.Add(0x2f, chip)
	c, err := emc2302.New(bus, 0x2f, emc2302.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fans := c.Fans()
	if len(fans) != 2 || c.String() != "EMC2302 at 0x2f" {
		t.Fatalf("%v has %d fans, want 2", c, len(fans))
	}
	for i, f := range fans {
		if chip.Fans[i].Duty() != 1 {
			t.Errorf("after New %v has duty %v, want full", f, chip.Fans[i].Duty())
		}
		if err := f.SetDuty(gpio.DutyMax * gpio.Duty(i+1) / 4); err != nil {
			t.Fatal(err)
		}
	}
	chip.Fans[1].MaxRPM = 2500
	for i, f := range fans {
		want := chip.Fans[i].RPM()
		if got, err := f.Speed(); err != nil || rpm(got) < want*0.99 || rpm(got) > want*1.01 {
			t.Errorf("%v: Speed = %v rpm, %v, want %v", f, rpm(got), err, want)
		}
	}
	chip.Fans[0].Stopped = true
	if got, err := fans[0].Speed(); err != nil || got != 0 {
		t.Errorf("stopped: Speed = %v, %v", got, err)
	}
	if _, err := c.Temperature(0); err == nil {
		t.Error("an EMC2302 gave a temperature")
	}
	for _, d := range []gpio.Duty{0, -5, gpio.DutyMax + 1} {
		if err := fans[0].SetDuty(d); err == nil {
			t.Errorf("SetDuty(%d) was taken", d)
		}
	}
}

func TestEMC2103(t *testing.T) {
	temperatures := [3]float64{31.5, -2.125, 77.875}
	var sources [3]i2csim.Temperature
	for i := range sources {
		sources[i] = func() physic.Temperature { return celsius(temperatures[i]) }
	}
	chip := i2csim.NewEMC2103(sources)
	bus := i2csim.New()
	bus.Add(0x2e, chip)
	c, err := emc2302.New(bus, 0x2e, emc2302.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Fans()) != 1 || c.String() != "EMC2103 at 0x2e" {
		t.Fatalf("%v has %d fans, want 1", c, len(c.Fans()))
	}
	if got, err := c.Fans()[0].Speed(); err != nil || rpm(got) < 5900 {
		t.Errorf("Speed = %v, %v, want 6000 rpm", got, err)
	}
	for i, want := range temperatures {
		if got, err := c.Temperature(i); err != nil || got != celsius(want) {
			t.Errorf("Temperature(%d) = %v, %v, want %v", i, got, err, celsius(want))
		}
	}
	chip.Open = true
	if _, err := c.Temperature(1); !errors.Is(err, emc2302.ErrDiode) {
		t.Errorf("no diode: %v", err)
	}
	if _, err := c.Temperature(3); err == nil {
		t.Error("there is no temperature 3")
	}
}

// TestTach checks counts against the formula of the datasheet, for every range.
func TestTach(t *testing.T) {
	for _, test := range []struct {
		config, high, low byte
		rpm               float64
	}{
		{0x0b, 0x14, 0x78, 6003.30},  // 3932160 / 655
		{0x2b, 0x28, 0xf8, 5998.72},  // m = 2, 1311 counts
		{0x6b, 0x28, 0xf8, 23994.87}, // m = 8
		{0x0b, 0xff, 0xf8, 0},
		{0x0b, 0xff, 0x00, 0},
		{0x0b, 0x00, 0x00, 0},
		{0x0b, 0xfe, 0xf8, 481.94},
	} {
		bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
			{Addr: 0x2f, W: []byte{0xfe}, R: []byte{0x5d}},
			{Addr: 0x2f, W: []byte{0xfd}, R: []byte{0x36}},
			{Addr: 0x2f, W: []byte{0x32, 0x0b}},
			{Addr: 0x2f, W: []byte{0x30, 0xff}},
			{Addr: 0x2f, W: []byte{0x42, 0x0b}},
			{Addr: 0x2f, W: []byte{0x40, 0xff}},
			{Addr: 0x2f, W: []byte{0x42}, R: []byte{test.config}},
			{Addr: 0x2f, W: []byte{0x4e}, R: []byte{test.high}},
			{Addr: 0x2f, W: []byte{0x4f}, R: []byte{test.low}},
		}}
		c, err := emc2302.New(bus, 0x2f, emc2302.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Fans()[1].Speed()
		if err != nil || rpm(got) < test.rpm-0.1 || rpm(got) > test.rpm+0.1 {
			t.Errorf("count %02x%02x, configuration %02x: %v rpm, %v, want %v", test.high, test.low, test.config, rpm(got), err, test.rpm)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNew(t *testing.T) {
	bus := i2csim.New()
	for _, fill := range []int{-1, 0x00, 0x5d, 0xff} {
		bus.AckAll, bus.Fill = fill >= 0, byte(fill)
		if _, err := emc2302.New(bus, 0x2f, emc2302.Options{}); err == nil {
			t.Errorf("New found a chip on a bus that answers %#02x", fill)
		}
	}
	bus.AckAll = false
	bus.Add(0x2f, i2csim.NewEMC2302())
	c, err := emc2302.New(bus, 0x2f, emc2302.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bus.SetFault(0x2f, i2csim.Fault{Stuck: true})
	if err := c.Fans()[0].SetDuty(gpio.DutyHalf); err == nil {
		t.Error("a duty that did not arrive gives no error")
	}
	bus.SetFault(0x2f, i2csim.Fault{NAK: -1})
	if _, err := c.Fans()[0].Speed(); !errors.Is(err, i2csim.ErrNAK) {
		t.Errorf("a chip that is gone gives %v", err)
	}
}
