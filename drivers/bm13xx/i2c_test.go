package bm13xx

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/drivers/tmp451"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/physic"
)

// A thermometer behind a chip is found and read while the chain mines.
func TestChipBus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, chipsim.Config{Model: "BM1387", Chips: 3, Seed: 5}, Options{Chips: 3})
		var celsius atomic.Int64
		celsius.Store(71)
		heat := func() physic.Temperature {
			return physic.ZeroCelsius + physic.Temperature(celsius.Load())*physic.Celsius
		}
		sensor := i2csim.NewTMP451(i2csim.MakerOnsemi, heat, heat)
		r.sim.AttachI2C(func(chip int, address, register byte, write bool, data byte) (byte, bool) {
			var b [1]byte
			switch {
			case chip != 1 || address != 0x4c:
				return 0, false
			case write:
				return data, sensor.Tx([]byte{register, data}, nil) == nil
			}
			err := sensor.Tx([]byte{register}, b[:])
			return b[0], err == nil
		})
		r.start()
		time.Sleep(5 * time.Second)
		bus, err := r.chain.I2C(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tmp451.New(bus, 0x4d, tmp451.Options{}); err == nil {
			t.Error("a sensor was found where there is none")
		}
		s, err := tmp451.New(bus, 0x4c, tmp451.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []int64{71, 130, -20} {
			celsius.Store(want)
			begin := time.Now()
			v, err := s.Remote()
			if err != nil || v != heat() || time.Since(begin) > 100*time.Millisecond {
				t.Errorf("Remote = %v, %v after %v, want %d °C", v, err, time.Since(begin), want)
			}
		}
		for _, bad := range [][2]int{{0, 1}, {1, 2}, {3, 0}} {
			if err := bus.Tx(0x4c, make([]byte, bad[0]), make([]byte, bad[1])); err == nil {
				t.Errorf("a transaction of %v bytes was done", bad)
			}
		}
		if err := r.sim.Inject(chipsim.Fault{Kind: chipsim.MuteChip, Chip: 1}); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if _, err := s.Remote(); err == nil || time.Since(begin) > 2*time.Second {
			t.Errorf("a mute chip measures: %v after %v", err, time.Since(begin))
		}
		if _, err := r.chain.I2C(t.Context(), 3); err == nil {
			t.Error("chip 3 of 3 has a bus")
		}
		r.end()
		if got := r.chain.Status(); got.Good == 0 || got.HardwareErrors+got.Lost+got.Unasked > 0 {
			t.Errorf("%+v, %d unasked", got.Tally, got.Unasked)
		}
		r.breaches()
	})
}
