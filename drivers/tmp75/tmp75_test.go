package tmp75_test

import (
	"fmt"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/sensor"
	"github.com/lodefw/lode/drivers/tmp75"
	"github.com/lodefw/lode/internal/captures"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

func celsius(v float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(v*float64(physic.Celsius))
}

func TestCaptures(t *testing.T) {
	for kind, model := range map[string]tmp75.Model{"tmp1075_tmp75": tmp75.TMP1075, "lm75a_9_11bit": tmp75.LM75A} {
		captures.Sensors(t, kind, func(t *testing.T, v captures.Sensor) {
			chip := i2csim.NewRegisters(map[byte][]byte{0: v.Regs["00"], 2: {0x4b, 0}, 3: {0x50, 0}, 0x0f: {0x75, 0}})
			bus := i2csim.New()
			bus.Add(0x48, chip)
			s, err := tmp75.New(bus, 0x48, tmp75.Options{Model: model})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Temperature()
			if want := celsius(v.Result["celsius"].(float64)); err != nil || got != want {
				t.Errorf("Temperature = %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestNew(t *testing.T) {
	warm := func() physic.Temperature { return celsius(31.5) }
	for _, test := range []struct {
		name  string
		chip  i2csim.Device
		model tmp75.Model
		fill  int // what an adapter that acknowledges everything reads; -1: an honest one
		ok    bool
	}{
		{"TMP75", i2csim.NewTMP75(warm, false), tmp75.TMP75, -1, true},
		{"TMP1075", i2csim.NewTMP75(warm, true), tmp75.TMP1075, -1, true},
		{"LM75A", i2csim.NewLM75A(warm), tmp75.LM75A, -1, true},
		{"a TMP75 is no TMP1075", i2csim.NewTMP75(warm, false), tmp75.TMP1075, -1, false},
		{"nothing", nil, tmp75.TMP75, -1, false},
		{"nothing, acknowledged as 00", nil, tmp75.TMP75, 0x00, false},
		{"nothing, acknowledged as FF", nil, tmp75.TMP75, 0xff, false},
		{"nothing, acknowledged as FF", nil, tmp75.TMP1075, 0xff, false},
		{"an EEPROM with text", &i2csim.AT24C02{Data: [256]byte{2: 'B', 'o', 'a', 'r', 'd'}}, tmp75.TMP75, -1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			bus := i2csim.New()
			bus.Add(0x4e, test.chip)
			bus.AckAll, bus.Fill = test.fill >= 0, byte(test.fill)
			s, err := tmp75.New(bus, 0x4e, tmp75.Options{Model: test.model})
			if (err == nil) != test.ok {
				t.Fatalf("New = %v, want it to work: %v", err, test.ok)
			}
			if err != nil {
				t.Log(err)
				return
			}
			if got, err := s.Temperature(); err != nil || got != celsius(31.5) {
				t.Errorf("%v: Temperature = %v, %v, want 31.5°C", s, got, err)
			}
		})
	}
}

// TestBytes holds the driver to what goes over the wire.
func TestBytes(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x48, W: []byte{0x02}, R: []byte{0x4b, 0x00}},
		{Addr: 0x48, W: []byte{0x03}, R: []byte{0x50, 0x00}},
		{Addr: 0x48, W: []byte{0x00}, R: []byte{0x19, 0x1f}}, // the low four bits do not count
	}}
	s, err := tmp75.New(bus, 0x48, tmp75.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Temperature(); err != nil || got != celsius(25.0625) {
		t.Errorf("Temperature = %v, %v, want 25.0625°C", got, err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// TestFaults puts the sensor's filter in front of a chip that misbehaves.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault i2csim.Fault
		lost  bool
	}{
		{"none", i2csim.Fault{}, false},
		{"two transactions without acknowledge", i2csim.Fault{NAK: 2}, false},
		{"every third value flipped", i2csim.Fault{GlitchEvery: 3}, false},
		{"gone", i2csim.Fault{NAK: -1}, true},
		{"stuck", i2csim.Fault{Stuck: true}, true},
		{"every value flipped, each differently", i2csim.Fault{GlitchEvery: 1, GlitchMask: 0x80}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			degrees := 40.0
			bus := i2csim.New()
			bus.Add(0x48, i2csim.NewTMP75(func() physic.Temperature { return celsius(degrees) }, false))
			chip, err := tmp75.New(bus, 0x48, tmp75.Options{})
			if err != nil {
				t.Fatal(err)
			}
			s := sensor.New("inlet", chip.Temperature, sensor.Limits[physic.Temperature]{
				Min: celsius(-20), Max: celsius(125), Step: 5 * physic.Celsius, Still: 10 * time.Second,
			})
			now := time.Unix(0, 0)
			var last sensor.Reading[physic.Temperature]
			for i := range 60 {
				if i == 5 {
					bus.SetFault(0x48, test.fault)
				}
				degrees += 0.25
				now = now.Add(500 * time.Millisecond)
				last = s.Poll(now)
				if v, err := last.Get(now, 2*time.Second); err == nil && !test.fault.Stuck && (v < celsius(degrees-2) || v > celsius(degrees)) {
					t.Fatalf("poll %d believed %v at %v degrees", i, v, degrees)
				}
			}
			if last.Valid() == test.lost {
				t.Errorf("at the end: %+v, want lost: %v", last, test.lost)
			}
		})
	}
}

func ExampleNew() {
	bus := i2csim.New() // a board has i2creg.Open or its own bus here
	bus.Add(0x48, i2csim.NewTMP75(func() physic.Temperature { return celsius(36.5) }, false))
	s, err := tmp75.New(bus, 0x48, tmp75.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Temperature())
	// Output: 36.500°C <nil>
}
