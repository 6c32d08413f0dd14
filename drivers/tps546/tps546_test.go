package tps546_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/tps546"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

// gamma is the stage of a single-chip Bitaxe.
func gamma() tps546.Options {
	return tps546.Options{
		Min: physic.Volt, Max: 1300 * physic.MilliVolt,
		Stage: &tps546.Stage{
			Sync: 0x10, Frequency: 650 * physic.KiloHertz, ScaleLoop: 250,
			VinOn: 4800 * physic.MilliVolt, VinOff: 4500 * physic.MilliVolt, VinHighFault: 6500 * physic.MilliVolt,
			OverCurrentWarning: 25 * physic.Ampere, OverCurrentFault: 30 * physic.Ampere,
			HeatWarning: physic.ZeroCelsius + 105*physic.Celsius, HeatFault: physic.ZeroCelsius + 145*physic.Celsius,
		},
	}
}

func chip() *i2csim.TPS546 {
	return i2csim.NewTPS546(
		func() physic.ElectricPotential { return 5*physic.Volt + 62500*physic.MicroVolt },
		func() physic.ElectricCurrent { return 14 * physic.Ampere },
		func() physic.Temperature { return physic.ZeroCelsius + 52*physic.Celsius })
}

func open(t *testing.T, o tps546.Options) (*tps546.Regulator, *i2csim.TPS546, *i2csim.Bus) {
	t.Helper()
	c, bus := chip(), i2csim.New()
	bus.Add(0x24, c)
	r, err := tps546.New(bus, 0x24, o)
	if err != nil {
		t.Fatal(err)
	}
	return r, c, bus
}

func TestRegulator(t *testing.T) {
	r, c, _ := open(t, gamma())
	if c.Output() != 0 {
		t.Errorf("after New the output is %v, want off", c.Output())
	}
	if err := r.SetVoltage(1150 * physic.MilliVolt); err != nil {
		t.Fatal(err)
	}
	if c.Output() != 0 {
		t.Error("SetVoltage turned the output on")
	}
	if err := r.On(); err != nil {
		t.Fatal(err)
	}
	if d := c.Output() - 1150*physic.MilliVolt; d < -physic.MilliVolt || d > physic.MilliVolt {
		t.Errorf("output = %v, want 1.15 V", c.Output())
	}
	if v, err := r.Voltage(); err != nil || v != c.Output() {
		t.Errorf("Voltage = %v, %v, want %v", v, err, c.Output())
	}
	if v, err := r.Input(); err != nil || v != 5*physic.Volt+62500*physic.MicroVolt {
		t.Errorf("Input = %v, %v, want 5.0625 V", v, err)
	}
	if i, err := r.Current(); err != nil || i != 14*physic.Ampere {
		t.Errorf("Current = %v, %v, want 14 A", i, err)
	}
	if d, err := r.Temperature(); err != nil || d != physic.ZeroCelsius+52*physic.Celsius {
		t.Errorf("Temperature = %v, %v, want 52°C", d, err)
	}
	if s, err := r.Status(); err != nil || s.Err() != nil || s.Off() || s.String() != "good" {
		t.Errorf("Status = %v, %v, want good", s, err)
	}
	if err := r.Off(); err != nil || c.Output() != 0 {
		t.Errorf("Off = %v, output %v", err, c.Output())
	}
}

func TestLimits(t *testing.T) {
	r, c, _ := open(t, gamma())
	for _, v := range []physic.ElectricPotential{0, -physic.Volt, 999 * physic.MilliVolt, 1301 * physic.MilliVolt, 1000 * physic.Volt} {
		if err := r.SetVoltage(v); err == nil {
			t.Errorf("SetVoltage(%v) was taken", v)
		}
	}
	// What another program left in the chip is not turned on.
	c.Set(0x21, 0x00, 0x04) // 2 V
	if err := r.On(); err == nil || c.Output() != 0 {
		t.Errorf("On = %v, output %v: want a refusal of 2 V", err, c.Output())
	}
	none, c, _ := open(t, tps546.Options{})
	if err := none.SetVoltage(physic.Volt); err == nil {
		t.Error("without limits a voltage was taken")
	}
	if err := none.On(); err == nil || c.Output() != 0 {
		t.Error("without limits the output was turned on")
	}
}

func TestFaults(t *testing.T) {
	r, c, bus := open(t, gamma())
	if err := errors.Join(r.SetVoltage(1200*physic.MilliVolt), r.On()); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		reg, bit byte
		fault    bool
		text     string
	}{
		{0x7b, 0x80, true, "output over current"},
		{0x7d, 0x80, true, "over temperature"},
		{0x7c, 0x88, true, "input over voltage, input too low"},
		{0x7a, 0x10, true, "output under voltage"},
		{0x7d, 0x40, false, "over temperature warning"},
		{0x7e, 0x40, false, "invalid data"},
	} {
		c.Trip(test.reg, test.bit)
		s, err := r.Status()
		if err != nil {
			t.Fatal(err)
		}
		if errors.Is(s.Err(), tps546.ErrFault) != test.fault || !strings.Contains(s.String(), test.text) || !s.Off() {
			t.Errorf("register %02x = %02x: %v, error %v, want %q", test.reg, test.bit, s, s.Err(), test.text)
		}
		if test.fault && !strings.Contains(s.Err().Error(), test.text) {
			t.Errorf("error %q does not name %q", s.Err(), test.text)
		}
		if err := r.ClearFaults(); err != nil {
			t.Fatal(err)
		}
	}
	if c.Output() != 0 {
		t.Error("the output came back when faults were cleared")
	}
	bus.SetFault(0x24, i2csim.Fault{Stuck: true})
	if err := r.SetVoltage(1100 * physic.MilliVolt); err == nil {
		t.Error("a voltage that did not arrive gives no error")
	}
	bus.SetFault(0x24, i2csim.Fault{NAK: -1})
	if err := r.Off(); !errors.Is(err, i2csim.ErrNAK) {
		t.Errorf("a chip that is gone: Off = %v", err)
	}
}

func TestNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := i2csim.New()
		for _, fill := range []int{-1, 0x00, 0xff} {
			bus.AckAll, bus.Fill = fill >= 0, byte(fill)
			if _, err := tps546.New(bus, 0x24, tps546.Options{}); err == nil {
				t.Errorf("New found a chip on a bus that answers %#02x", fill)
			}
		}
		bus.AckAll = false
		other := chip()
		other.Set(0xad, 6, 0x54, 0x49, 0x54, 0x6b, 0x24, 0x41) // TPS546B24A
		bus.Add(0x24, other)
		if _, err := tps546.New(bus, 0x24, tps546.Options{}); err == nil || !strings.Contains(err.Error(), "54 6b 24") {
			t.Errorf("another chip: %v", err)
		}
		bus.Add(0x24, chip())
		bus.SetFault(0x24, i2csim.Fault{NAK: 4}) // still starting
		if _, err := tps546.New(bus, 0x24, tps546.Options{}); err != nil {
			t.Errorf("a chip that answers after 12 ms: %v", err)
		}
		direct := chip()
		direct.Set(0x20, 0x40)
		bus.Add(0x24, direct)
		if _, err := tps546.New(bus, 0x24, tps546.Options{}); err == nil {
			t.Error("a chip in direct mode was taken")
		}
	})
}

// TestStage holds the set-up of a Bitaxe Gamma to its bytes: off before anything
// else, limits before the output could go on.
func TestStage(t *testing.T) {
	write := func(b ...byte) i2ctest.IO { return i2ctest.IO{Addr: 0x24, W: b} }
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x24, W: []byte{0xad}, R: []byte{6, 0x54, 0x49, 0x54, 0x6d, 0x24, 0x62}},
		write(0x01, 0x00),
		{Addr: 0x24, W: []byte{0x01}, R: []byte{0}},
		write(0x02, 0x1b),
		{Addr: 0x24, W: []byte{0x20}, R: []byte{0x97}},
		write(0xec, 0, 0), write(0xe4, 0x10), write(0x04, 0), write(0x33, 0x8a, 0x02),
		write(0x35, 0x66, 0xca), write(0x36, 0x40, 0xca), write(0x55, 0x40, 0xcb), write(0x56, 0xb7),
		write(0x29, 0x00, 0xaa),
		write(0x21, 0x00, 0x02), write(0x24, 0x9a, 0x02), write(0x2b, 0x00, 0x02),
		write(0x40, 0x80, 0x02), write(0x42, 0x52, 0x02), write(0x43, 0xcd, 0x01), write(0x44, 0x80, 0x01),
		write(0x4a, 25, 0), write(0x46, 30, 0), write(0x47, 0xc0),
		write(0x51, 105, 0), write(0x4f, 145, 0), write(0x50, 0xff), write(0x61, 3, 0),
		write(0x03),
	}}
	if _, err := tps546.New(bus, 0x24, gamma()); err != nil {
		t.Fatal(err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}
