package linux

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/drivers/fan"
	"periph.io/x/conn/v3/gpio"
)

// root makes a folder that looks like a computer: files by their path.
func root(t *testing.T, files map[string]string) *System {
	t.Helper()
	s := &System{Root: t.TempDir()}
	for name, content := range files {
		path := s.Path(name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *System) text(name string) string {
	b, _ := os.ReadFile(s.Path(name))
	return strings.TrimSpace(string(b))
}

func pin5() map[string]string {
	return map[string]string{
		"/sys/class/gpio/gpio5/direction": "in\n", "/sys/class/gpio/gpio5/value": "1\n",
		"/sys/class/gpio/gpio5/active_low": "1\n", "/sys/class/gpio/gpio5/edge": "none\n",
	}
}

func TestPin(t *testing.T) {
	s := root(t, pin5())
	p, err := s.Pin(5)
	if err != nil {
		t.Fatal(err)
	}
	const dir = "/sys/class/gpio/gpio5/"
	if s.text(dir+"active_low") != "0" || s.text(dir+"direction") != "in" || p.Function() != "in" {
		t.Errorf("after Pin: active_low %s, direction %s", s.text(dir+"active_low"), s.text(dir+"direction"))
	}
	if l, err := p.Level(); err != nil || l != gpio.High || p.Read() != gpio.High {
		t.Errorf("Level = %v, %v", l, err)
	}
	if err := p.Out(gpio.Low); err != nil || s.text(dir+"direction") != "low" {
		t.Errorf("first Out = %v, direction %s: it would glitch", err, s.text(dir+"direction"))
	}
	if err := p.Out(gpio.High); err != nil || s.text(dir+"value") != "1" {
		t.Errorf("Out = %v, value %s", err, s.text(dir+"value"))
	}
	if err := p.In(gpio.PullNoChange, gpio.FallingEdge); err != nil || s.text(dir+"edge") != "falling" {
		t.Errorf("In = %v, edge %s", err, s.text(dir+"edge"))
	}
	if p.WaitForEdge(time.Millisecond) {
		t.Error("an edge out of nothing")
	}
	if err := p.In(gpio.PullUp, gpio.NoEdge); err == nil {
		t.Error("sysfs cannot pull")
	}
	if err := p.Close(); err != nil || p.WaitForEdge(0) {
		t.Error(err)
	}
	for _, f := range []func() error{func() error { return p.PWM(gpio.DutyHalf, 1) }, func() error {
		os.WriteFile(s.Path(dir+"value"), []byte("?"), 0o644)
		_, err := p.Level()
		return err
	}, func() error {
		os.RemoveAll(s.Path(dir))
		return p.Out(gpio.Low)
	}} {
		if f() == nil {
			t.Error("no error")
		}
	}
}

func TestNoPin(t *testing.T) {
	if _, err := root(t, nil).Pin(5); err == nil || !strings.Contains(err.Error(), "CONFIG_GPIO_SYSFS") {
		t.Errorf("without sysfs: %v", err)
	}
	s := root(t, map[string]string{"/sys/class/gpio/export": ""})
	if _, err := s.Pin(5); err == nil || s.text("/sys/class/gpio/export") != "5" {
		t.Errorf("a pin that does not appear: %v, wrote %q", err, s.text("/sys/class/gpio/export"))
	}
}

func TestPinAt(t *testing.T) {
	files := pin5()
	files["/sys/class/gpio/gpiochip0/label"] = "other\n"
	files["/sys/class/gpio/gpiochip3/label"] = "pinctrl\n"
	files["/sys/class/gpio/gpiochip3/base"] = "3\n"
	files["/sys/class/gpio/gpiochip3/ngpio"] = "4\n"
	s := root(t, files)
	if p, err := s.PinAt("pinctrl", 2); err != nil || p.Number() != 5 {
		t.Errorf("PinAt = %v, %v", p, err)
	}
	for label, n := range map[string]int{"pinctrl": 4, "others": 0} {
		if _, err := s.PinAt(label, n); err == nil {
			t.Errorf("%s has a pin %d", label, n)
		}
	}
}

func TestTree(t *testing.T) {
	s := root(t, map[string]string{"/sys/firmware/devicetree/base/model": "A board\x00", "/proc/device-tree/compatible": "a,b\x00c,d\x00"})
	if s.Model() != "A board" || strings.Join(s.Compatible(), " ") != "a,b c,d" || !s.Exists("/proc/device-tree") {
		t.Errorf("model %q, compatible %q", s.Model(), s.Compatible())
	}
	if s := root(t, nil); s.Model() != "" || s.Compatible() != nil {
		t.Error("a tree out of nothing")
	}
}

func TestPWM(t *testing.T) {
	const dir = "/sys/class/pwm/pwmchip0/pwm1/"
	s := root(t, map[string]string{dir + "period": "0", dir + "duty_cycle": "0", dir + "enable": "0"})
	if _, err := fan.NewPWM(s.PWM(), fan.PWMOptions{Channel: 1}); err != nil || s.text(dir+"duty_cycle") != "40000" || s.text(dir+"enable") != "1" {
		t.Errorf("NewPWM = %v, duty %s", err, s.text(dir+"duty_cycle"))
	}
}

func TestLineAndBus(t *testing.T) {
	s := root(t, map[string]string{"/dev/ttyS1": "", "/dev/i2c-0": ""})
	for _, name := range []string{"ttyS1", "/dev/ttyS9"} {
		if _, err := s.Line(name, 115200); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i, name := range []string{"i2c-0", "i2c-1"} {
		if _, err := s.I2C(i); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("bus %d: %v", i, err)
		}
	}
	var opened string
	s.OpenLine = func(path string, _ int) (Line, error) { opened = path; return nil, nil }
	if _, err := s.Line("ttyS1", 115200); err != nil || opened != "/dev/ttyS1" {
		t.Errorf("%q, %v", opened, err)
	}
	f, _ := os.Open(os.DevNull)
	if err := (Closers{nil, f}).Close(); err != nil || f.Close() == nil {
		t.Errorf("Close = %v", err)
	}
}
