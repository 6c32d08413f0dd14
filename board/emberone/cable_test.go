package emberone_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/emberone"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/internal/usbtest"
)

func onUSB(t *testing.T, cfg virtual.Config) (*virtual.EmberOne, usbtest.Device) {
	t.Helper()
	v, err := virtual.NewEmberOne(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v, usbtest.Device{Board: v.USB, Chip: v.Chip, Manufacturer: "256F", Product: "EmberOne00", Serial: "1a2b"}
}

// A board whose cable was out is turned off and set up again, whether it has had power
// meanwhile or not. Another version, with the same number, is refused.
func TestCable(t *testing.T) {
	for _, c := range []struct{ name, other, says string }{
		{"emberone", "emberone-v4", "another version of the board"},
		{"emberone-v4", "emberone", "another version of the board"},
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg := virtual.Config{Board: c.name, HashBudget: 20e3, Seed: 3}
			v, device := onUSB(t, cfg)
			var computer usbtest.Computer
			cable, err := computer.Host().Cable(computer.Plug(device))
			if err != nil {
				t.Fatal(err)
			}
			b, err := emberone.FromCable(cable, v.Options(cfg))
			if err != nil {
				t.Fatal(err)
			}
			for _, cycled := range []bool{false, true} {
				if err := b.Up(t.Context()); err != nil {
					t.Fatal(err)
				}
				computer.Pull()
				if m := b.Measure(time.Now()); !m.Silent() {
					t.Errorf("%s: without a cable: %+v", c.name, m)
				}
				if _, err := b.Renew(t.Context()); !errors.Is(err, board.ErrUnplugged) {
					t.Errorf("%s: without a cable: %v", c.name, err)
				}
				if v.State().Millivolts() == 0 {
					t.Fatalf("%s: the board is off by itself: this shows nothing", c.name)
				}
				if cycled {
					v.PowerCycle()
				}
				_, stranger := onUSB(t, virtual.Config{Board: c.other, HashBudget: 20e3, Seed: 3})
				computer.Plug(stranger)
				if _, err := b.Renew(t.Context()); !errors.Is(err, board.ErrUnplugged) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: in its place: %v", c.name, err)
				}
				computer.Pull()
				computer.Plug(device)
				if news, err := b.Renew(t.Context()); err != nil || !strings.Contains(news, "256F EmberOne00 1a2b") {
					t.Fatalf("%s: %q, %v", c.name, news, err)
				}
				if mv := v.State().Millivolts(); mv != 0 {
					t.Errorf("%s: it is back with %v mV", c.name, mv)
				}
				for range 3 { // a sensor that was gone is believed after some readings
					b.Measure(time.Now())
					time.Sleep(b.Poll)
				}
				for i, m := range b.Measure(time.Now()).Temperatures {
					if name := b.Thermometers[i].Name; name == "board right" && (m.Err != nil || m.Celsius < 15 || m.Celsius > 60) {
						t.Errorf("%s: %s: %+v: its sensor has another range", c.name, name, m)
					}
				}
			}
			if err := errors.Join(b.Down(), cable.Close()); err != nil {
				t.Error(err)
			}
			computer.Wait()
			if n := computer.Open(); n != 0 {
				t.Errorf("%s: %d ports are open", c.name, n)
			}
		})
	}
}
