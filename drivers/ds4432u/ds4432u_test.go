package ds4432u_test

import (
	"errors"
	"testing"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/ds4432u"
	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func options() ds4432u.Options {
	return ds4432u.Options{Min: 900 * physic.MilliVolt, Max: 1900 * physic.MilliVolt}
}

func open(t *testing.T, o ds4432u.Options) (*ds4432u.DAC, *i2csim.DS4432U, *i2csim.Bus) {
	t.Helper()
	chip, bus := i2csim.NewDS4432U(), i2csim.New()
	bus.Add(0x48, chip)
	d, err := ds4432u.New(bus, 0x48, o)
	if err != nil {
		t.Fatal(err)
	}
	return d, chip, bus
}

func TestCaptures(t *testing.T) {
	captures.Sensors(t, "ds4432u_out", func(t *testing.T, v captures.Sensor) {
		d, chip, _ := open(t, options())
		millivolts := physic.ElectricPotential(v.Result["vcore_mv"].(float64)) * physic.MilliVolt
		if err := d.SetVoltage(millivolts); err != nil {
			t.Fatal(err)
		}
		if got, want := chip.Get(0xf8)[0], v.Regs["f8"][0]; got != want {
			t.Errorf("%v sets %#02x, want %#02x", millivolts, got, want)
		}
		got, err := d.Voltage()
		if diff := got - millivolts; err != nil || diff > 4*physic.MilliVolt || diff < -4*physic.MilliVolt {
			t.Errorf("Voltage = %v, %v, want %v within a step", got, err, millivolts)
		}
	})
}

func TestSetVoltage(t *testing.T) {
	d, chip, bus := open(t, options())
	for v := 900; v <= 1900; v += 10 {
		want := physic.ElectricPotential(v) * physic.MilliVolt
		if err := d.SetVoltage(want); err != nil {
			if v > 1050 { // the DAC's reach ends below that
				t.Errorf("%v: %v", want, err)
			}
			continue
		}
		got, err := d.Voltage()
		if diff := got - want; err != nil || diff > 12*physic.MilliVolt || diff < -12*physic.MilliVolt {
			t.Errorf("set %v (code %#02x), it means %v, %v", want, chip.Get(0xf8)[0], got, err)
		}
	}
	before := chip.Get(0xf8)[0]
	for _, v := range []physic.ElectricPotential{0, -physic.Volt, 899 * physic.MilliVolt, 1901 * physic.MilliVolt} {
		if err := d.SetVoltage(v); err == nil || chip.Get(0xf8)[0] != before {
			t.Errorf("SetVoltage(%v) = %v, code now %#02x", v, err, chip.Get(0xf8)[0])
		}
	}
	bus.SetFault(0x48, i2csim.Fault{GlitchEvery: 1})
	if err := d.SetVoltage(1200 * physic.MilliVolt); err == nil {
		t.Error("a code that reads back differently gives no error")
	}
	bus.SetFault(0x48, i2csim.Fault{NAK: -1})
	if err := d.SetVoltage(1200 * physic.MilliVolt); !errors.Is(err, i2csim.ErrNAK) {
		t.Errorf("a chip that is gone: %v", err)
	}
}

func TestOptions(t *testing.T) {
	o := options()
	o.Output = 1
	d, chip, bus := open(t, o)
	if err := d.SetVoltage(1250 * physic.MilliVolt); err != nil || chip.Get(0xf9)[0] != 0xb9 || chip.Get(0xf8)[0] != 0 {
		t.Errorf("output 1: %v, registers %x %x", err, chip.Get(0xf8), chip.Get(0xf9))
	}
	none, _, _ := open(t, ds4432u.Options{})
	if err := none.SetVoltage(1200 * physic.MilliVolt); err == nil {
		t.Error("without limits a voltage was taken")
	}
	o.Output = 2
	if _, err := ds4432u.New(bus, 0x48, o); err == nil {
		t.Error("output 2 was taken")
	}
	if _, err := ds4432u.New(bus, 0x49, options()); !errors.Is(err, i2csim.ErrNAK) {
		t.Errorf("nothing there: %v", err)
	}
	bus.AckAll, bus.Fill = true, 0xff
	if _, err := ds4432u.New(bus, 0x49, options()); err == nil {
		t.Error("an empty bus that acknowledges was taken")
	}
	bus.Fill = 0x00 // reads as a fresh chip does: found out by the first voltage
	if d, err := ds4432u.New(bus, 0x49, options()); err == nil {
		if err := d.SetVoltage(1200 * physic.MilliVolt); err == nil {
			t.Error("a voltage was set on an empty bus")
		}
	}
}
