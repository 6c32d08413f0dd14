package ina260_test

import (
	"errors"
	"testing"

	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/ina260"
	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func TestCaptures(t *testing.T) {
	open := func(t *testing.T, reg byte, value []byte) *ina260.Monitor {
		chip := i2csim.NewRegisters(map[byte][]byte{reg: value, 0xfe: {0x54, 0x49}, 0xff: {0x22, 0x71}})
		bus := i2csim.New()
		bus.Add(0x40, chip)
		m, err := ina260.New(bus, 0x40, ina260.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	captures.Sensors(t, "ina260_current", func(t *testing.T, v captures.Sensor) {
		got, err := open(t, 1, v.Regs["01"]).Current()
		want := physic.ElectricCurrent(v.Result["ma"].(float64) * float64(physic.MilliAmpere))
		if err != nil || got != want {
			t.Errorf("Current = %v, %v, want %v", got, err, want)
		}
	})
	captures.Sensors(t, "ina260_bus", func(t *testing.T, v captures.Sensor) {
		got, err := open(t, 2, v.Regs["02"]).Voltage()
		want := physic.ElectricPotential(v.Result["mv"].(float64) * float64(physic.MilliVolt))
		if err != nil || got != want {
			t.Errorf("Voltage = %v, %v, want %v", got, err, want)
		}
	})
}

func TestMonitor(t *testing.T) {
	amps := 2500 * physic.MilliAmpere
	bus := i2csim.New()
	bus.Add(0x40, i2csim.NewINA260(
		func() physic.ElectricCurrent { return amps },
		func() physic.ElectricPotential { return 5 * physic.Volt }))
	m, err := ina260.New(bus, 0x40, ina260.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.Power(); err != nil || got != 12500*physic.MilliWatt {
		t.Errorf("Power = %v, %v, want 12.5 W", got, err)
	}
	amps = -amps
	if got, err := m.Current(); err != nil || got != -2500*physic.MilliAmpere {
		t.Errorf("Current = %v, %v, want -2.5 A", got, err)
	}
	if got, err := m.Power(); err != nil || got != 12500*physic.MilliWatt {
		t.Errorf("Power = %v, %v: it has no sign", got, err)
	}
	bus.SetFault(0x40, i2csim.Fault{NAK: -1})
	_, err1 := m.Power()
	_, err2 := m.Current()
	_, err3 := m.Voltage()
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, i2csim.ErrNAK) {
			t.Errorf("a chip that is gone gives %v", err)
		}
	}
}

func TestNew(t *testing.T) {
	bus := i2csim.New()
	for _, fill := range []int{-1, 0x00, 0x54, 0xff} {
		bus.AckAll, bus.Fill = fill >= 0, byte(fill)
		if _, err := ina260.New(bus, 0x40, ina260.Options{}); err == nil {
			t.Errorf("New found a chip on a bus that answers %#02x", fill)
		}
	}
}
