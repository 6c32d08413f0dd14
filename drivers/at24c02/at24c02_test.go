package at24c02_test

import (
	"errors"
	"testing"

	"github.com/lodefw/lode/drivers/at24c02"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func TestRead(t *testing.T) {
	chip := &i2csim.AT24C02{}
	for i := range chip.Data {
		chip.Data[i] = byte(i*7 + 3)
	}
	want := chip.Data
	bus := i2csim.New()
	bus.Add(0x51, chip)
	e, err := at24c02.New(bus, 0x51, at24c02.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range []i2csim.Fault{{}, {GlitchEvery: 3}} {
		bus.SetFault(0x51, fault)
		if got, err := e.Read(); err != nil || got != want {
			t.Errorf("fault %+v: Read = %x, %v", fault, got, err)
		}
	}
	bus.SetFault(0x51, i2csim.Fault{GlitchEvery: 2})
	if got, err := e.Read(); err == nil || got != [256]byte{} {
		t.Errorf("every other read flipped: %x, %v", got[:4], err)
	}
	bus.SetFault(0x51, i2csim.Fault{NAK: 1})
	if _, err := e.Read(); !errors.Is(err, i2csim.ErrNAK) {
		t.Errorf("no acknowledge: %v", err)
	}
	if r := bus.Reports(); len(r) > 0 || chip.Data != want {
		t.Errorf("reading wrote: %v", r)
	}
}

func TestNew(t *testing.T) {
	bus := i2csim.New()
	for _, addr := range []uint16{0x4f, 0x58, 0x10} {
		if _, err := at24c02.New(bus, addr, at24c02.Options{}); err == nil {
			t.Errorf("New took address %#02x", addr)
		}
	}
	if _, err := at24c02.New(bus, 0x50, at24c02.Options{}); !errors.Is(err, i2csim.ErrNAK) {
		t.Errorf("nothing there: %v", err)
	}
}

// TestGuard tries what corrupted real boards: a supply's packet on the wrong bus.
func TestGuard(t *testing.T) {
	chip := &i2csim.AT24C02{}
	inner := i2csim.New()
	inner.Add(0x50, chip)
	inner.Add(0x48, i2csim.NewDS4432U())
	bus := at24c02.Guard(inner)
	for addr := uint16(0x50); addr <= 0x57; addr++ {
		for _, w := range [][]byte{{0x11, 0x55}, {0x11}, {0, 1, 2, 3}} {
			if err := bus.Tx(addr, w, nil); !errors.Is(err, at24c02.ErrWrite) {
				t.Errorf("write of % x to %#02x: %v", w, addr, err)
			}
		}
		if err := bus.Tx(addr, []byte{0x11, 0x55}, make([]byte, 1)); !errors.Is(err, at24c02.ErrWrite) {
			t.Errorf("write and read at %#02x: %v", addr, err)
		}
	}
	if len(inner.Reports()) > 0 || chip.Data != [256]byte{} {
		t.Errorf("something came through: %v", inner.Reports())
	}
	if _, err := at24c02.New(bus, 0x50, at24c02.Options{}); err != nil {
		t.Errorf("reading through the guard: %v", err)
	}
	if err := bus.Tx(0x48, []byte{0xf8, 0x12}, nil); err != nil {
		t.Errorf("another chip behind the guard: %v", err)
	}
}
