// Package fan drives fans that hang on the control board itself: a PWM channel of
// the kernel (sysfs) and a tachometer on a GPIO pin. Fans behind a controller chip
// have that chip's driver.
package fan

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Files reads and writes the files below /sys/class/pwm. Boards give the real
// ones, tests a map.
type Files interface {
	ReadFile(name string) ([]byte, error)
	WriteFile(name string, data []byte) error
}

// PWMOptions say which channel, and how the fan wants it.
type PWMOptions struct {
	// Chip and Channel are the numbers in pwmchipN/pwmM.
	Chip, Channel int
	// Period of the signal. Zero means 40 µs (25 kHz, what four-wire fans want);
	// Antminer boards run slower.
	Period time.Duration
	// Inverted is for boards with a transistor between pin and fan.
	Inverted bool
	// MinDuty is the least duty that SetDuty takes. Zero means 20 %, negative
	// none at all.
	MinDuty gpio.Duty
}

// PWM is the speed input of one or more fans.
type PWM struct {
	files Files
	dir   string
	o     PWMOptions
}

// NewPWM takes the channel over, at full duty until SetDuty says otherwise.
func NewPWM(files Files, o PWMOptions) (*PWM, error) {
	if o.Period == 0 {
		o.Period = 40 * time.Microsecond
	}
	if o.MinDuty == 0 {
		o.MinDuty = gpio.DutyMax / 5
	}
	p := &PWM{files: files, dir: fmt.Sprintf("pwmchip%d/pwm%d", o.Chip, o.Channel), o: o}
	if err := p.setup(); err != nil {
		return nil, fmt.Errorf("fan: %s: %w", p.dir, err)
	}
	return p, nil
}

// setup exports the channel if nobody has, and starts it. The duty goes to 0
// before the period changes: the kernel refuses a period below the duty.
func (p *PWM) setup() error {
	if _, err := p.files.ReadFile(p.dir + "/period"); err != nil {
		export := path.Dir(p.dir) + "/export"
		if err := p.files.WriteFile(export, []byte(strconv.Itoa(p.o.Channel))); err != nil {
			return fmt.Errorf("export: %w; is this the board's PWM chip?", err)
		}
	}
	if err := p.write("duty_cycle", 0); err != nil {
		return err
	}
	if err := p.write("period", p.o.Period); err != nil {
		return err
	}
	if err := p.SetDuty(gpio.DutyMax); err != nil {
		return err
	}
	return p.files.WriteFile(p.dir+"/enable", []byte("1"))
}

func (p *PWM) write(name string, d time.Duration) error {
	return p.files.WriteFile(p.dir+"/"+name, strconv.AppendInt(nil, int64(d), 10))
}

// String names the channel.
func (p *PWM) String() string { return p.dir }

// SetDuty sets the duty and reads it back.
func (p *PWM) SetDuty(d gpio.Duty) error {
	if !d.Valid() || d < p.o.MinDuty {
		return fmt.Errorf("fan: %s: duty %v is not between the board's minimum %v and 100%%", p.dir, d, p.o.MinDuty)
	}
	if p.o.Inverted {
		d = gpio.DutyMax - d
	}
	on := time.Duration(int64(p.o.Period) * int64(d) / int64(gpio.DutyMax))
	if err := p.write("duty_cycle", on); err != nil {
		return fmt.Errorf("fan: %s: set duty: %w", p.dir, err)
	}
	got, err := p.files.ReadFile(p.dir + "/duty_cycle")
	if err == nil && strings.TrimSpace(string(got)) != strconv.FormatInt(int64(on), 10) {
		err = fmt.Errorf("wrote %d, read back %q; does another program drive the fan?", on, got)
	}
	if err != nil {
		return fmt.Errorf("fan: %s: set duty: %w", p.dir, err)
	}
	return nil
}
