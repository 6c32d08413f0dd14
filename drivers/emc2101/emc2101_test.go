package emc2101_test

import (
	"errors"
	"testing"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/emc2101"
	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func celsius(v float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(v*float64(physic.Celsius))
}

// open returns a driver for a chip whose registers read as given.
func open(t *testing.T, regs map[string]captures.Hex) (*emc2101.Fan, *i2csim.Registers) {
	t.Helper()
	chip := i2csim.NewRegisters(map[byte][]byte{3: {0}, 0x4a: {0}, 0x4c: {0}, 0xfd: {0x16}, 0xfe: {0x5d}})
	for reg, value := range regs {
		var h captures.Hex
		if err := h.UnmarshalText([]byte(reg)); err != nil {
			t.Fatal(err)
		}
		chip.Set(h[0], value...)
	}
	bus := i2csim.New()
	bus.Add(0x4c, chip)
	f, err := emc2101.New(bus, 0x4c, emc2101.Options{MinDuty: -1})
	if err != nil {
		t.Fatal(err)
	}
	return f, chip
}

func TestCaptures(t *testing.T) {
	captures.Sensors(t, "emc2101_external", func(t *testing.T, v captures.Sensor) {
		f, _ := open(t, v.Regs)
		got, err := f.External()
		if v.Result["fault"] == true {
			if !errors.Is(err, emc2101.ErrDiode) {
				t.Errorf("External = %v, %v, want %v", got, err, emc2101.ErrDiode)
			}
		} else if want := celsius(v.Result["celsius"].(float64)); err != nil || got != want {
			t.Errorf("External = %v, %v, want %v", got, err, want)
		}
	})
	captures.Sensors(t, "emc2101_tach", func(t *testing.T, v captures.Sensor) {
		f, _ := open(t, v.Regs)
		got, err := f.Speed()
		if want := v.Result["rpm"].(float64); err != nil || int(float64(got*60)/float64(physic.Hertz)+0.5) != int(want) {
			t.Errorf("Speed = %v, %v, want %v rpm", got, err, want)
		}
	})
	captures.Sensors(t, "emc2101_pwm", func(t *testing.T, v captures.Sensor) {
		f, chip := open(t, nil)
		percent := v.Result["percent"].(float64)
		if err := f.SetDuty(gpio.Duty(percent * float64(gpio.DutyMax) / 100)); err != nil {
			t.Fatal(err)
		}
		if got := chip.Get(0x4c)[0]; got != v.Regs["4c"][0] {
			t.Errorf("%v%% sets %#02x, want %#02x", percent, got, v.Regs["4c"][0])
		}
	})
}

func TestFan(t *testing.T) {
	inside, outside := 38.0, 61.375
	chip := i2csim.NewEMC2101(
		func() physic.Temperature { return celsius(inside) },
		func() physic.Temperature { return celsius(outside) })
	bus := i2csim.New()
	bus.Add(0x4c, chip)
	f, err := emc2101.New(bus, 0x4c, emc2101.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if chip.Fan.Duty() != 1 {
		t.Errorf("after New the fan has duty %v, want full", chip.Fan.Duty())
	}
	if err := f.SetDuty(gpio.DutyHalf); err != nil {
		t.Fatal(err)
	}
	if d := chip.Fan.Duty(); d < 0.49 || d > 0.51 {
		t.Errorf("duty = %v, want a half", d)
	}
	got, err := f.Speed()
	if want := chip.Fan.RPM(); err != nil || float64(got)/float64(physic.Hertz)*60 < want*0.99 || float64(got)/float64(physic.Hertz)*60 > want*1.01 {
		t.Errorf("Speed = %v, %v, want %v rpm", got, err, want)
	}
	for _, d := range []gpio.Duty{0, gpio.DutyMax / 10, -1, gpio.DutyMax + 1} {
		if err := f.SetDuty(d); err == nil {
			t.Errorf("SetDuty(%d) was taken", d)
		}
	}
	chip.Fan.Stopped = true
	if got, err := f.Speed(); err != nil || got != 0 {
		t.Errorf("stopped fan: Speed = %v, %v", got, err)
	}
	if got, err := f.Internal(); err != nil || got != celsius(38) {
		t.Errorf("Internal = %v, %v", got, err)
	}
	inside = -5
	if got, err := f.Internal(); err != nil || got != celsius(-5) {
		t.Errorf("Internal = %v, %v", got, err)
	}
	if got, err := f.External(); err != nil || got != celsius(outside) {
		t.Errorf("External = %v, %v", got, err)
	}
	chip.Open = true
	if _, err := f.External(); !errors.Is(err, emc2101.ErrDiode) {
		t.Errorf("no diode: %v", err)
	}
}

func TestFaults(t *testing.T) {
	room := func() physic.Temperature { return celsius(20) }
	bus := i2csim.New()
	for _, fill := range []int{-1, 0x00, 0x5d, 0xff} {
		bus.AckAll, bus.Fill = fill >= 0, byte(fill)
		if _, err := emc2101.New(bus, 0x4c, emc2101.Options{}); err == nil {
			t.Errorf("New found a chip on a bus that answers %#02x", fill)
		}
	}
	bus.AckAll = false
	bus.Add(0x4c, i2csim.NewTMP451(i2csim.MakerTI, room, room))
	if _, err := emc2101.New(bus, 0x4c, emc2101.Options{}); err == nil {
		t.Error("New took a TMP451")
	}
	bus.Add(0x4c, i2csim.NewEMC2101(room, room))
	f, err := emc2101.New(bus, 0x4c, emc2101.Options{})
	if err != nil {
		t.Fatal(err)
	}
	bus.SetFault(0x4c, i2csim.Fault{Stuck: true})
	if err := f.SetDuty(gpio.DutyHalf); err == nil {
		t.Error("a duty that did not arrive gives no error")
	}
	bus.SetFault(0x4c, i2csim.Fault{NAK: -1})
	_, err1 := f.Speed()
	_, err2 := f.External()
	_, err3 := f.Internal()
	for _, err := range []error{err1, err2, err3, f.SetDuty(gpio.DutyMax)} {
		if !errors.Is(err, i2csim.ErrNAK) {
			t.Errorf("a chip that is gone gives %v", err)
		}
	}
}

// TestBytes holds New to the order that lets the fan run all the time.
func TestBytes(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x4c, W: []byte{0xfe}, R: []byte{0x5d}},
		{Addr: 0x4c, W: []byte{0xfd}, R: []byte{0x28}},
		{Addr: 0x4c, W: []byte{0x03, 0x04}},
		{Addr: 0x4c, W: []byte{0x4a, 0x23}},
		{Addr: 0x4c, W: []byte{0x4c, 0x3f}},
		{Addr: 0x4c, W: []byte{0x17, 0x24}},
		{Addr: 0x4c, W: []byte{0x18, 0x00}},
		{Addr: 0x4c, W: []byte{0x46}, R: []byte{0x84}},
		{Addr: 0x4c, W: []byte{0x47}, R: []byte{0x03}},
	}}
	f, err := emc2101.New(bus, 0x4c, emc2101.Options{Diode: &emc2101.Diode{Ideality: 0x24}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Speed(); err != nil || got != 100*physic.Hertz {
		t.Errorf("Speed = %v, %v, want 100 Hz", got, err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}
