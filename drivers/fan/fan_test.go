package fan_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/lodefw/lode/drivers/fan"
	"github.com/lodefw/lode/tinytest/chipsim/i2csim"
)

// sysfs is /sys/class/pwm with one chip, as strict as the kernel.
type sysfs struct {
	files map[string]string
	wrote []string
	stuck bool
}

func (s *sysfs) ReadFile(name string) ([]byte, error) {
	v, ok := s.files[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(v + "\n"), nil
}

func (s *sysfs) WriteFile(name string, data []byte) error {
	s.wrote = append(s.wrote, fmt.Sprintf("%s=%s", name, data))
	if name == "pwmchip0/export" && string(data) == "1" {
		s.files = map[string]string{"pwmchip0/pwm1/period": "0", "pwmchip0/pwm1/duty_cycle": "0", "pwmchip0/pwm1/enable": "0"}
		return nil
	}
	if _, ok := s.files[name]; !ok {
		return fs.ErrNotExist
	}
	if s.stuck {
		return nil
	}
	old := s.files[name]
	s.files[name] = string(data)
	var period, duty int
	fmt.Sscan(s.files["pwmchip0/pwm1/period"], &period)
	fmt.Sscan(s.files["pwmchip0/pwm1/duty_cycle"], &duty)
	if duty > period {
		s.files[name] = old
		return fmt.Errorf("%s: invalid argument", name)
	}
	return nil
}

func TestPWM(t *testing.T) {
	s := &sysfs{}
	p, err := fan.NewPWM(s, fan.PWMOptions{Channel: 1, Period: 10 * time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	want := "pwmchip0/export=1 pwmchip0/pwm1/duty_cycle=0 pwmchip0/pwm1/period=10000 pwmchip0/pwm1/duty_cycle=10000 pwmchip0/pwm1/enable=1"
	if got := strings.Join(s.wrote, " "); got != want {
		t.Errorf("New wrote\n%s, want\n%s", got, want)
	}
	if err := p.SetDuty(gpio.DutyHalf); err != nil || s.files["pwmchip0/pwm1/duty_cycle"] != "5000" {
		t.Errorf("SetDuty = %v, %v", err, s.files)
	}
	for _, d := range []gpio.Duty{0, gpio.DutyMax / 10, gpio.DutyMax + 1} {
		if err := p.SetDuty(d); err == nil || s.files["pwmchip0/pwm1/duty_cycle"] != "5000" {
			t.Errorf("SetDuty(%v) = %v, %v", d, err, s.files)
		}
	}
	// A second start finds the channel exported, with another period.
	s.wrote = nil
	if _, err := fan.NewPWM(s, fan.PWMOptions{Channel: 1, Period: time.Microsecond, Inverted: true}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(s.wrote, " "), "export") || s.files["pwmchip0/pwm1/duty_cycle"] != "0" {
		t.Errorf("second start wrote %v, left %v; inverted, full speed is duty 0", s.wrote, s.files)
	}
	s.stuck = true
	if err := p.SetDuty(gpio.DutyHalf); err == nil {
		t.Error("a duty that did not arrive gives no error")
	}
	if _, err := fan.NewPWM(s, fan.PWMOptions{Chip: 7}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such chip: %v", err)
	}
}

// pin gives the edges of a fan, as they come.
type pin struct {
	gpio.PinIO
	mu   sync.Mutex
	fan  i2csim.Fan
	pull bool // can choose a pull
}

func (p *pin) In(pull gpio.Pull, edge gpio.Edge) error {
	if edge != gpio.FallingEdge || pull != gpio.PullNoChange && !p.pull {
		return errors.New("not supported")
	}
	return nil
}

func (p *pin) WaitForEdge(timeout time.Duration) bool {
	p.mu.Lock()
	n := p.fan.Pulses(time.Minute)
	p.mu.Unlock()
	if n == 0 || time.Minute/time.Duration(n) > timeout {
		time.Sleep(timeout)
		return false
	}
	time.Sleep(time.Minute / time.Duration(n))
	return true
}

func TestTach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &pin{PinIO: gpio.INVALID, fan: i2csim.Fan{MaxRPM: 30000}}
		tach, err := fan.NewTach(p, fan.TachOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tach.Speed(); !errors.Is(err, fan.ErrSilent) {
			t.Errorf("before Run: %v", err)
		}
		done := make(chan error)
		go func() { done <- tach.Run(ctx) }()
		time.Sleep(2500 * time.Millisecond)
		got, err := tach.Speed() // 3000 rpm
		if d := got - 50*physic.Hertz; err != nil || d < -physic.Hertz || d > physic.Hertz {
			t.Errorf("Speed = %v, %v, want 50 Hz", got, err)
		}
		p.mu.Lock()
		p.fan.Stopped = true
		p.mu.Unlock()
		time.Sleep(2100 * time.Millisecond)
		if got, err := tach.Speed(); err != nil || got != 0 {
			t.Errorf("stopped: Speed = %v, %v", got, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(3 * time.Second)
		if _, err := tach.Speed(); !errors.Is(err, fan.ErrSilent) {
			t.Errorf("after Run: %v, want no old value", err)
		}
	})
	if _, err := fan.NewTach(gpio.INVALID, fan.TachOptions{}); err == nil {
		t.Error("a pin that cannot be an input was taken")
	}
}
