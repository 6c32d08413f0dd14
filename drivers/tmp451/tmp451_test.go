package tmp451_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/tmp451"
	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func celsius(v float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(v*float64(physic.Celsius))
}

func TestCaptures(t *testing.T) {
	for kind, maker := range map[string]byte{"tmp451_ext_range": i2csim.MakerTI, "adt7461_ext_range": i2csim.MakerAnalog} {
		captures.Sensors(t, kind, func(t *testing.T, v captures.Sensor) {
			chip := i2csim.NewRegisters(map[byte][]byte{2: {0}, 3: {4}, 0x10: {0}, 0x15: {0}, 0xfe: {maker}})
			for reg, value := range v.Regs {
				var h captures.Hex
				if err := h.UnmarshalText([]byte(reg)); err != nil {
					t.Fatal(err)
				}
				chip.Set(h[0], value...)
			}
			bus := i2csim.New()
			bus.Add(0x4c, chip)
			s, err := tmp451.New(bus, 0x4c, tmp451.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if want, ok := v.Result["local"].(float64); ok {
				if got, err := s.Local(); err != nil || got != celsius(want) {
					t.Errorf("Local = %v, %v, want %v", got, err, celsius(want))
				}
			}
			switch want := v.Result["remote"].(type) {
			case float64:
				if got, err := s.Remote(); err != nil || got != celsius(want) {
					t.Errorf("Remote = %v, %v, want %v", got, err, celsius(want))
				}
			case string: // "41 (integer part)"
				if got, err := s.Remote(); err != nil || !strings.HasPrefix(got.String(), strings.Fields(want)[0]+"°") {
					t.Errorf("Remote = %v, %v, want %v", got, err, want)
				}
			}
		})
	}
}

func TestTemperatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local, remote := -10.0, 91.25
		for _, test := range []struct {
			maker byte
			name  string
			local float64 // what it can tell of the true one
		}{{i2csim.MakerTI, "TMP451", -10}, {i2csim.MakerAnalog, "ADT7461", -10}, {i2csim.MakerOnsemi, "NCT218", -10}} {
			chip := i2csim.NewTMP451(test.maker,
				func() physic.Temperature { return celsius(local) },
				func() physic.Temperature { return celsius(remote) })
			bus := i2csim.New()
			bus.Add(0x4c, chip)
			s, err := tmp451.New(bus, 0x4c, tmp451.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if want := test.name + " at 0x4c"; s.String() != want {
				t.Errorf("String = %q, want %q", s, want)
			}
			if got, err := s.Local(); err != nil || got != celsius(test.local) {
				t.Errorf("%v: Local = %v, %v, want %v", s, got, err, celsius(test.local))
			}
			if got, err := s.Remote(); err != nil || got != celsius(remote) {
				t.Errorf("%v: Remote = %v, %v, want %v", s, got, err, celsius(remote))
			}
			chip.Open = true
			if _, err := s.Remote(); !errors.Is(err, tmp451.ErrOpen) {
				t.Errorf("%v: open diode gives %v", s, err)
			}
			chip.Open, chip.Short = false, true
			if _, err := s.Remote(); !errors.Is(err, tmp451.ErrShort) {
				t.Errorf("%v: shorted diode gives %v", s, err)
			}
		}
	})
}

func TestNew(t *testing.T) {
	room := func() physic.Temperature { return celsius(20) }
	for _, test := range []struct {
		name string
		chip i2csim.Device
		want tmp451.Maker
		fill int
	}{
		{"nothing", nil, 0, -1},
		{"nothing, acknowledged as 00", nil, 0, 0x00},
		{"nothing, acknowledged as FF", nil, 0, 0xff},
		{"an EMC2101", i2csim.NewEMC2101(room, room), 0, -1},
		{"another maker", i2csim.NewTMP451(i2csim.MakerAnalog, room, room), tmp451.TI, -1},
		{"a TMP423", i2csim.NewRegisters(map[byte][]byte{3: {4}, 9: {0}, 0xfe: {0x55}, 0xff: {0x23}}), 0, -1},
		{"a range that does not stick", i2csim.NewRegisters(map[byte][]byte{3: {0}, 9: {0}, 0xfe: {0x55}}), 0, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			bus := i2csim.New()
			bus.Add(0x4c, test.chip)
			bus.AckAll, bus.Fill = test.fill >= 0, byte(test.fill)
			if s, err := tmp451.New(bus, 0x4c, tmp451.Options{Maker: test.want}); err == nil {
				t.Errorf("New found %v", s)
			} else {
				t.Log(err)
			}
		})
	}
}

// TestBytes holds the driver to what goes over the wire: status before the
// remote temperature, high byte before low.
func TestBytes(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x4c, W: []byte{0xfe}, R: []byte{0x55}},
		{Addr: 0x4c, W: []byte{0xff}, R: []byte{0x00}},
		{Addr: 0x4c, W: []byte{0x03}, R: []byte{0x00}},
		{Addr: 0x4c, W: []byte{0x09, 0x04}},
		{Addr: 0x4c, W: []byte{0x03}, R: []byte{0x04}},
		{Addr: 0x4c, W: []byte{0x02}, R: []byte{0x00}},
		{Addr: 0x4c, W: []byte{0x01}, R: []byte{0x69}},
		{Addr: 0x4c, W: []byte{0x10}, R: []byte{0x80}},
	}}
	synctest.Test(t, func(t *testing.T) {
		s, err := tmp451.New(bus, 0x4c, tmp451.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Remote(); err != nil || got != celsius(41.5) {
			t.Errorf("Remote = %v, %v, want 41.5°C", got, err)
		}
	})
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}
