// Package linux opens what boards hang on at a computer with Linux: pins, I²C
// buses, PWM channels, serial lines. It knows the kernel's old interfaces only
// (sysfs for pins and PWM, which kernels from 3 to 6 have), because the control
// boards of miners run kernels 4.6 and 4.9.
//
//	sys := &linux.System{}
//	enable, err := sys.Pin(437)           // /sys/class/gpio, by its number there
//	bus, err := sys.I2C(0)                // /dev/i2c-0
//	line, err := sys.Line("ttyS1", 115200)
//	fan, err := fan.NewPWM(sys.PWM(), fan.PWMOptions{Chip: 0, Channel: 1})
//
// Nothing is opened or changed before it is asked for, and a pin keeps its
// direction and level until its first In or Out.
package linux

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"
)

// System is a computer, seen from its root folder. The zero value is this one.
type System struct {
	// Root is where / is; tests give a folder that looks like it.
	Root string
	// OpenLine and OpenBus stand in for serial lines and buses in tests; nil opens
	// the real ones.
	OpenLine func(path string, baud int) (Line, error)
	OpenBus  func(number int) (i2c.BusCloser, error)
}

// Line is a serial line.
type Line interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetBaud(int) error
}

// Path is where a file of this computer is: "/sys/class" below the root.
func (s *System) Path(name string) string {
	if s.Root == "" {
		return name
	}
	return filepath.Join(s.Root, name)
}

// Exists tells whether there is such a file.
func (s *System) Exists(name string) bool {
	_, err := os.Stat(s.Path(name))
	return err == nil
}

// Model is what the device tree calls the computer, "" if it has none.
func (s *System) Model() string { return s.tree("model") }

// Compatible lists what the device tree says that the computer is like.
func (s *System) Compatible() []string {
	if list := s.tree("compatible"); list != "" {
		return strings.Split(list, "\x00")
	}
	return nil
}

func (s *System) tree(name string) string {
	for _, dir := range []string{"/proc/device-tree/", "/sys/firmware/devicetree/base/"} {
		if b, err := os.ReadFile(s.Path(dir + name)); err == nil {
			return strings.Trim(string(b), "\x00\n ")
		}
	}
	return ""
}

// Line opens a serial line: a path, or a name in /dev.
func (s *System) Line(name string, baud int) (Line, error) {
	path := name
	if !strings.HasPrefix(name, "/") {
		path = "/dev/" + name
	}
	if s.OpenLine != nil {
		return s.OpenLine(path, baud)
	}
	return openLine(s.Path(path), baud)
}

// I2C opens /dev/i2c-N.
func (s *System) I2C(number int) (i2c.BusCloser, error) {
	if s.OpenBus != nil {
		return s.OpenBus(number)
	}
	return openI2C(s.Path(fmt.Sprintf("/dev/i2c-%d", number)))
}

// PWM is the folder of PWM channels, for package fan.
func (s *System) PWM() Folder { return Folder(s.Path("/sys/class/pwm")) }

// Folder reads and writes the files of a folder.
type Folder string

// ReadFile reads a file.
func (f Folder) ReadFile(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), name))
}

// WriteFile writes to a file that is there, in one piece.
func (f Folder) WriteFile(name string, data []byte) error {
	file, err := os.OpenFile(filepath.Join(string(f), name), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	return err
}

// Closers closes several things, each of which may be nil.
type Closers []io.Closer

// Close closes all, and returns the first error.
func (list Closers) Close() (err error) {
	for _, c := range list {
		if c == nil {
			continue
		}
		if cerr := c.Close(); err == nil {
			err = cerr
		}
	}
	return err
}

// IsLike tells whether the device tree's model, or what it is compatible with, has
// one of the words, in any case.
func (s *System) IsLike(words ...string) bool {
	text := strings.ToLower(s.Model() + " " + strings.Join(s.Compatible(), " "))
	for _, w := range words {
		if strings.Contains(text, strings.ToLower(w)) {
			return true
		}
	}
	return false
}

// About names the computer for people.
func (s *System) About() string {
	if m := s.Model(); m != "" {
		return m
	}
	if list := s.Compatible(); len(list) > 0 {
		return strings.Join(list, ", ")
	}
	return "a computer without a device tree"
}
