package s19bbb_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/board/s19bbb"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/i2c"
)

const (
	ioV2 = "BeagleBone_Black_v2.1 on S19J_IO_BOARD_V2_0\x00"
	bare = "TI AM335x BeagleBone Black\x00"
)

// computer is a folder that looks like a control board: model, pins, PWM channels,
// and lines, which are the virtual machine's.
func computer(t *testing.T, model string, v *virtual.Antminer, pins ...string) *linux.System {
	t.Helper()
	sys := &linux.System{Root: t.TempDir()}
	files := map[string]string{"/proc/device-tree/model": model, "/dev/ttyO1": "", "/dev/ttyO2": "", "/dev/ttyO4": ""}
	for _, n := range pins {
		files["/sys/class/gpio/gpio"+n+"/direction"] = "in"
		files["/sys/class/gpio/gpio"+n+"/value"] = "1"
		files["/sys/class/gpio/gpio"+n+"/edge"] = "none"
	}
	for _, f := range []string{"period", "duty_cycle", "enable"} {
		files["/sys/class/pwm/pwmchip1/pwm0/"+f] = "0"
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(sys.Path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(sys.Path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if v == nil {
		return sys
	}
	lines := map[string]int{"/dev/ttyO1": 0, "/dev/ttyO2": 1, "/dev/ttyO4": 2}
	sys.OpenLine = func(path string, _ int) (linux.Line, error) {
		n, ok := lines[path]
		if !ok {
			return nil, errors.New("no line " + path)
		}
		return v.Chips[n].Port(), nil
	}
	sys.OpenBus = func(n int) (i2c.BusCloser, error) {
		return closing{map[int]*i2csim.Bus{0: v.Bus, 1: v.SupplyBus}[n], io.NopCloser(nil)}, nil
	}
	return sys
}

type closing struct {
	*i2csim.Bus
	io.Closer
}

func text(sys *linux.System, name string) string {
	b, _ := os.ReadFile(sys.Path(name))
	return string(b)
}

// Each carrier is opened by its own pins only; those of the other stay untouched.
func TestOpen(t *testing.T) {
	for _, c := range []struct {
		model, carrier string
		pins           []string
		foreign        []string
	}{
		{ioV2, "", []string{"59", "49", "60", "27", "7", "20", "110", "112"}, []string{"65", "5", "4"}},
		{bare, "stock", []string{"65", "5", "4", "27", "7", "20", "110", "112"}, []string{"59", "49", "60"}},
	} {
		t.Run(c.model[:9]+c.carrier, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, err := virtual.NewS19BBB(virtual.Config{Chips: 3})
				if err != nil {
					t.Fatal(err)
				}
				sys := computer(t, c.model, v, append(c.pins, c.foreign...)...)
				settings := map[string]string{"psu-enable": "low", "fan-pwm": "1.0", "carrier": c.carrier}
				b, ports, err := s19bbb.Open(sys, board.OpenConfig{Settings: settings})
				if err != nil {
					t.Fatal(err)
				}
				if len(b.Chains) != 3 || len(b.Rails) != 4 || len(b.Fans) != 4 || len(b.Thermometers) != 6 || b.Thermometers[2].Chain != 2 {
					t.Errorf("opened %+v", b)
				}
				for i, want := range []string{"high", "low", "low", "low"} { // supply off, chips held
					if got := text(sys, "/sys/class/gpio/gpio"+c.pins[i]+"/direction"); got != want {
						t.Errorf("pin %s is %s, want %s", c.pins[i], got, want)
					}
				}
				for _, n := range c.foreign {
					if got := text(sys, "/sys/class/gpio/gpio"+n+"/direction"); got != "in" {
						t.Errorf("pin %s of the other carrier was made %s", n, got)
					}
				}
				if got := text(sys, "/sys/class/pwm/pwmchip1/pwm0/duty_cycle"); got != "100000" {
					t.Errorf("fans get %s ns of 100000", got)
				}
				if err := ports.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestWrongSettings(t *testing.T) {
	for _, c := range []struct {
		model    string
		settings map[string]string
		says     string
	}{
		{bare, nil, "carrier=s19j-io-v2"},
		{ioV2, map[string]string{"carrier": "stock"}, "the device tree"},
		{ioV2, nil, "psu-enable"},
		{ioV2, map[string]string{"psu-enable": "low"}, "fan-pwm"},
		{ioV2, map[string]string{"psu-enable": "low", "fan-pwm": "1"}, `fan-pwm is "1"`},
		{ioV2, map[string]string{"psu-enable": "low", "fan-pwm": "1.0,"}, "fan-pwm"},
		{ioV2, map[string]string{"psu-enable": "low", "fan-pwm": "1.0"}, "gpio49"}, // no pins in this folder
	} {
		_, _, err := s19bbb.Open(computer(t, c.model, nil), board.OpenConfig{Settings: c.settings})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v on %s: %v, want %q", c.settings, c.model, err, c.says)
		}
	}
}

func TestDetect(t *testing.T) {
	for model, found := range map[string]bool{ioV2: true, bare: false, "Raspberry Pi 4\x00": false, "": false} {
		f := s19bbb.Detect(computer(t, model, nil))
		if f.Found != found || f.Saw == "" || !found && (f.Want == "" || f.Check == "") {
			t.Errorf("%q: %+v", model, f)
		}
	}
}

// The controllers keep their rails for as long as their keepers run; the EEPROMs
// stay what they were.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := virtual.NewS19BBB(virtual.Config{Chips: 3})
		if err != nil {
			t.Fatal(err)
		}
		before := v.EEPROMs[1].Data
		failed := func(k *board.Keeper, err error) { t.Errorf("%s: %v", k.Name, err) }
		stops := []func(){v.KeepAlways(t.Context(), failed)}
		time.Sleep(v.Rest)
		for n := range 4 {
			stops = append(stops, v.Keep(t.Context(), n, failed))
			if err := v.UpPart(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Minute)
		for i, c := range v.State().Chains {
			if c.Millivolts < 300 {
				t.Errorf("chain %d has %v mV after five minutes", i+1, c.Millivolts)
			}
		}
		stops[2]() // of chain 1
		for i, c := range v.State().Chains {
			if (c.Millivolts > 0) != (i > 0) {
				t.Errorf("after chain 1's heartbeat ended, chain %d has %v mV", i+1, c.Millivolts)
			}
		}
		for _, stop := range stops {
			stop()
		}
		if err := v.Down(); err != nil || !v.State().Off() {
			t.Errorf("Down = %v, %+v", err, v.State())
		}
		if v.EEPROMs[1].Data != before || len(v.Reports()) > 0 {
			t.Errorf("EEPROM written, or worse: %v", v.Reports())
		}
	})
}

// A host that dies leaves a machine that turns itself off.
func TestKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := virtual.NewS19BBB(virtual.Config{Chips: 3})
		if err != nil {
			t.Fatal(err)
		}
		stop := v.KeepAlways(t.Context(), nil)
		time.Sleep(v.Rest)
		if err := v.Up(t.Context()); err != nil { // without keepers
			t.Fatal(err)
		}
		stop()
		time.Sleep(time.Second)
		if v.State().Off() {
			t.Fatal("off already")
		}
		time.Sleep(10 * time.Second)
		if !v.State().Off() {
			t.Errorf("ten seconds without a heartbeat: %+v", v.State())
		}
	})
}

func TestMissingController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := virtual.NewS19BBB(virtual.Config{Chips: 3})
		if err != nil {
			t.Fatal(err)
		}
		v.Bus.Add(0x21, nil)
		sys := computer(t, ioV2, v, "59", "49", "60", "27", "7", "20", "110", "112")
		_, _, err = s19bbb.Open(sys, board.OpenConfig{Settings: map[string]string{"psu-enable": "low", "fan-pwm": "1.0"}})
		for _, says := range []string{"hash board 2", "dspic", "0x21"} {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("Open = %v, want %q", err, says)
			}
		}
	})
}
