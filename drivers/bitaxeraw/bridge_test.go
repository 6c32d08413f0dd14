package bitaxeraw_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/bitaxeraw"
	"github.com/lodefw/lode/drivers/emc2101"
	"github.com/lodefw/lode/drivers/tps546"
	"github.com/lodefw/lode/internal/usbtest"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"github.com/lodefw/lode/tinytest/chipsim/usbsim"
)

func celsius(v float64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(v*float64(physic.Celsius))
}

// gamma is a Bitaxe Gamma's control port.
func gamma(old bool) (*usbsim.Board, *i2csim.Bus) {
	bus := i2csim.New()
	bus.Add(0x4c, i2csim.NewEMC2101(
		func() physic.Temperature { return celsius(33) },
		func() physic.Temperature { return celsius(58.5) }))
	bus.Add(0x24, i2csim.NewTPS546(
		func() physic.ElectricPotential { return 5 * physic.Volt },
		func() physic.ElectricCurrent { return 12 * physic.Ampere },
		func() physic.Temperature { return celsius(49) }))
	return &usbsim.Board{
		Bus: bus, OldFormat: old, Pins: []uint8{0}, Work: time.Millisecond,
		ADC: func(channel uint8) (uint16, bool) { return 1150, channel == bitaxeraw.VDD },
	}, bus
}

// both runs f in a bubble for each format of answers.
func both(t *testing.T, f func(t *testing.T, b *bitaxeraw.Bridge, board *usbsim.Board, bus *i2csim.Bus)) {
	for _, old := range []bool{true, false} {
		t.Run(fmt.Sprintf("old=%v", old), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				board, bus := gamma(old)
				b, err := bitaxeraw.New(usbtest.Plug(t, board), bitaxeraw.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if (b.Format() == bitaxeraw.V0) != old {
					t.Fatalf("found format %v", b.Format())
				}
				f(t, b, board, bus)
			})
		})
	}
}

// TestBoard drives the chips of a Gamma with their own drivers through the cable.
func TestBoard(t *testing.T) {
	both(t, func(t *testing.T, b *bitaxeraw.Bridge, board *usbsim.Board, _ *i2csim.Bus) {
		bus := b.I2C()
		if err := bus.SetSpeed(100 * physic.KiloHertz); err != nil {
			t.Error(err)
		}
		f, err := emc2101.New(bus, 0x4c, emc2101.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.External(); err != nil || got != celsius(58.5) {
			t.Errorf("External = %v, %v", got, err)
		}
		r, err := tps546.New(bus, 0x24, tps546.Options{Min: physic.Volt, Max: 1300 * physic.MilliVolt})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.SetVoltage(1150*physic.MilliVolt), r.On()); err != nil {
			t.Error(err)
		}
		reset := b.Pin(bitaxeraw.PinReset)
		if err := reset.Out(gpio.High); err != nil || !board.Level(0) || reset.Read() != gpio.High {
			t.Errorf("reset high: %v, pin %v", err, board.Level(0))
		}
		if err := reset.Out(gpio.Low); err != nil || board.Level(0) {
			t.Errorf("reset low: %v, pin %v", err, board.Level(0))
		}
		if err := b.SetLED(255, 0, 128); err != nil || board.LED() != [3]uint8{255, 0, 128} {
			t.Errorf("SetLED = %v, %v", err, board.LED())
		}
		if v, err := b.ADC(bitaxeraw.VDD); err != nil || v != 1150 {
			t.Errorf("ADC = %v, %v", v, err)
		}
	})
}

func TestErrors(t *testing.T) {
	both(t, func(t *testing.T, b *bitaxeraw.Bridge, _ *usbsim.Board, bus *i2csim.Bus) {
		r := make([]byte, 2)
		if err := b.I2C().Tx(0x55, []byte{1}, r); !errors.Is(err, bitaxeraw.ErrTimeout) {
			t.Errorf("nobody at 55: %v", err)
		}
		if err := b.I2C().Tx(0x55, []byte{1, 2}, nil); !errors.Is(err, bitaxeraw.ErrTimeout) {
			t.Errorf("write to nobody: %v", err)
		}
		if _, err := b.ADC(bitaxeraw.VIN); !errors.Is(err, bitaxeraw.ErrCommand) {
			t.Errorf("a Gamma has no VIN: %v", err)
		}
		if err := b.Pin(9).Out(gpio.High); !errors.Is(err, bitaxeraw.ErrCommand) {
			t.Errorf("no pin 9: %v", err)
		}
		if err := b.Pin(0).In(gpio.PullUp, gpio.NoEdge); err == nil {
			t.Error("a pull was taken")
		}
		if err := b.I2C().Tx(0x4c, nil, make([]byte, 256)); err == nil {
			t.Error("256 bytes were read in one packet")
		}
		bus.SetFault(0x4c, i2csim.Fault{NAK: 1})
		if err := b.I2C().Tx(0x4c, []byte{0xfe}, r[:1]); err == nil {
			t.Error("no acknowledge gives no error")
		}
		if err := b.I2C().Tx(0x4c, []byte{0xfe}, r[:1]); err != nil || r[0] != 0x5d {
			t.Errorf("after it: % x, %v", r[:1], err)
		}
	})
}

// TestSilent loses requests and lets answers come too late: the next request must
// not take an older one's answer.
func TestSilent(t *testing.T) {
	both(t, func(t *testing.T, b *bitaxeraw.Bridge, board *usbsim.Board, bus *i2csim.Bus) {
		r := make([]byte, 1)
		board.Mute(1)
		start := time.Now()
		if err := b.I2C().Tx(0x4c, []byte{0xfe}, r); !errors.Is(err, bitaxeraw.ErrSilent) || time.Since(start) > time.Second {
			t.Errorf("mute: %v after %v", err, time.Since(start))
		}
		if err := b.I2C().Tx(0x4c, []byte{0xfe}, r); err != nil || r[0] != 0x5d {
			t.Errorf("then: % x, %v", r, err)
		}
		bus.SetFault(0x4c, i2csim.Fault{Late: 600 * time.Millisecond})
		if err := b.I2C().Tx(0x4c, []byte{0xfd}, r); !errors.Is(err, bitaxeraw.ErrSilent) {
			t.Errorf("late: % x, %v", r, err)
		}
		bus.SetFault(0x4c, i2csim.Fault{})
		if err := b.I2C().Tx(0x4c, []byte{0xfe}, r); err != nil || r[0] != 0x5d {
			t.Errorf("after a late answer: % x, %v; want 5d", r, err)
		}
	})
}

// still is a port of a computer that stands still before each third read.
type still struct {
	net.Conn
	reads int
}

func (s *still) Read(p []byte) (int, error) {
	if s.reads++; s.reads%3 == 0 {
		time.Sleep(3 * time.Second)
	}
	return s.Conn.Read(p)
}

// TestStandsStill takes an answer that came while the computer was busy.
func TestStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, old := range []bool{true, false} {
			board, _ := gamma(old)
			b, err := bitaxeraw.New(&still{Conn: usbtest.Plug(t, board)}, bitaxeraw.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				r := make([]byte, 1)
				if err := b.I2C().Tx(0x4c, []byte{0xfe}, r); err != nil || r[0] != 0x5d {
					t.Errorf("Tx = % x, %v", r, err)
				}
			}
		}
	})
}

// TestMany lets many goroutines share the cable.
func TestMany(t *testing.T) {
	both(t, func(t *testing.T, b *bitaxeraw.Bridge, _ *usbsim.Board, _ *i2csim.Bus) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					r := make([]byte, 1)
					if err := b.I2C().Tx(0x4c, []byte{0xfe}, r); err != nil || r[0] != 0x5d {
						t.Errorf("Tx = % x, %v", r, err)
					}
					if _, err := b.Pin(0).Level(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

func TestReboot(t *testing.T) {
	both(t, func(t *testing.T, b *bitaxeraw.Bridge, board *usbsim.Board, _ *i2csim.Bus) {
		if err := b.Reboot(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		time.Sleep(10 * time.Millisecond)
		if !board.Rebooted() {
			t.Error("the board did not restart")
		}
		if _, err := b.ADC(bitaxeraw.VDD); err == nil {
			t.Error("the port is gone, and still answers")
		}
	})
}

// script answers every request with fixed bytes.
type script struct{ net.Conn }

func play(t *testing.T, answer func(request []byte) string) net.Conn {
	host, device := net.Pipe()
	var done sync.WaitGroup
	done.Go(func() {
		buf := make([]byte, 64)
		for {
			n, err := device.Read(buf)
			if err != nil {
				return
			}
			text := strings.ReplaceAll(answer(buf[:n]), "ID", hex.EncodeToString(buf[2:3]))
			out, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
			if err != nil {
				t.Error(err)
			}
			if len(out) > 0 {
				device.Write(out)
			}
		}
	})
	t.Cleanup(func() { host.Close(); device.Close(); done.Wait() })
	return script{host}
}

func TestNew(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		format       bitaxeraw.Format
		ok           bool
	}{
		{"v0", "0100 ID 01", bitaxeraw.V0, true},
		{"v1", "0500 ID 00 01", bitaxeraw.V1, true},
		{"answers of others first", "0500 00 00 01 0500 ID 00 01", bitaxeraw.V1, true},
		{"Bonanza's framing", "0400 ID 01", 0, false},
		{"v0 error", "0200 ID ff 11", 0, false},
		{"v1 error", "0400 ID 11", 0, false},
		{"silence", "", 0, false},
		{"the data port: chips talk", "aa55 1370 0000 0000 0006", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := true
				port := play(t, func([]byte) string {
					if strings.HasPrefix(test.name, "answers") && !first {
						return "0500 ID 00 01"
					}
					first = false
					return test.answer
				})
				b, err := bitaxeraw.New(port, bitaxeraw.Options{})
				if (err == nil) != test.ok {
					t.Fatalf("New = %v", err)
				}
				if err != nil {
					t.Log(err)
				} else if b.Format() != test.format {
					t.Errorf("format %v, want %v", b.Format(), test.format)
				}
			})
		})
	}
}
