package amlogic_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/amlogic"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/board/virtual"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
	"periph.io/x/conn/v3/i2c"
)

// computer is a folder that looks like the control board, with the lines and buses
// of a virtual machine.
func computer(t *testing.T, v *virtual.Antminer) *linux.System {
	t.Helper()
	sys := &linux.System{Root: t.TempDir()}
	files := map[string]string{
		"/proc/device-tree/compatible": "amlogic, axg\x00", "/dev/ttyS1": "", "/dev/ttyS2": "", "/dev/ttyS3": "",
	}
	for _, n := range []string{"437", "439", "440", "441", "447", "448", "449", "450", "454", "455", "456", "476", "477"} {
		files["/sys/class/gpio/gpio"+n+"/direction"] = "in"
		files["/sys/class/gpio/gpio"+n+"/value"] = "1"
		files["/sys/class/gpio/gpio"+n+"/edge"] = "none"
	}
	for _, f := range []string{"period", "duty_cycle", "enable"} {
		files["/sys/class/pwm/pwmchip0/pwm0/"+f] = "0"
		files["/sys/class/pwm/pwmchip0/pwm1/"+f] = "0"
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(sys.Path(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(sys.Path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lines := map[string]int{"/dev/ttyS1": 0, "/dev/ttyS2": 1, "/dev/ttyS3": 2}
	sys.OpenLine = func(path string, baud int) (linux.Line, error) {
		if baud != 115200 {
			return nil, errors.New("chips begin at 115200")
		}
		return v.Chips[lines[path]].Port(), nil
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

func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := virtual.NewAmlogic(virtual.Config{Board: "s21", Chips: 3})
		if err != nil {
			t.Fatal(err)
		}
		sys := computer(t, v)
		direction := func(n string) string {
			b, _ := os.ReadFile(sys.Path("/sys/class/gpio/gpio" + n + "/direction"))
			return string(b)
		}
		_, _, err = amlogic.Open(sys, v.Kind, board.OpenConfig{})
		if err == nil || !strings.Contains(err.Error(), "psu-enable=low or high") || direction("437") != "in" {
			t.Errorf("without the supply's level: %v, pin %s", err, direction("437"))
		}
		b, ports, err := amlogic.Open(sys, v.Kind, board.OpenConfig{Settings: map[string]string{"psu-enable": "high"}})
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Chains) != 3 || len(b.Rails) != 1 || len(b.Fans) != 4 || len(b.Thermometers) != 6 || b.Rest < 30e9 {
			t.Errorf("opened %+v", b)
		}
		for n, want := range map[string]string{"437": "low", "454": "low", "455": "low", "456": "low", "439": "in", "476": "in", "477": "in"} {
			if got := direction(n); got != want {
				t.Errorf("pin %s is %s, want %s", n, got, want)
			}
		}
		if err := ports.Close(); err != nil {
			t.Error(err)
		}
		_, _, err = amlogic.Open(sys, v.Kind, board.OpenConfig{Settings: map[string]string{"psu-enable": "high", "psu-bus": "pins"}})
		if err == nil || !strings.Contains(err.Error(), "no supply at address 0x10") || direction("476") == "in" && direction("477") == "in" {
			t.Errorf("a supply on pins that nobody answers on: %v", err)
		}
		os.RemoveAll(sys.Path("/sys/class/gpio/gpio448"))
		_, _, err = amlogic.Open(sys, v.Kind, board.OpenConfig{Settings: map[string]string{"psu-enable": "high"}})
		if err == nil || !strings.Contains(err.Error(), "gpio448") {
			t.Errorf("without a pin: %v", err)
		}
	})
}

func TestDetect(t *testing.T) { synctest.Test(t, testDetect) }

func testDetect(t *testing.T) {
	v, err := virtual.NewAmlogic(virtual.Config{Board: "s19kpro", Chips: 3})
	if err != nil {
		t.Fatal(err)
	}
	sys := computer(t, v)
	if f := amlogic.Detect(sys, v.Kind); !f.Found || !strings.Contains(f.Saw, "s19kpro") {
		t.Errorf("%+v", f)
	}
	os.Remove(sys.Path("/dev/ttyS2"))
	if f := amlogic.Detect(sys, v.Kind); f.Found || !strings.Contains(f.Check, "serial lines") {
		t.Errorf("without a line: %+v", f)
	}
	if f := amlogic.Detect(&linux.System{Root: t.TempDir()}, v.Kind); f.Found || f.Saw != "a computer without a device tree" {
		t.Errorf("elsewhere: %+v", f)
	}
}
