package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

const gpioDir = "/sys/class/gpio"

// Pin is a pin of the kernel's sysfs interface. Levels are those on the wire: an
// active_low that somebody has set is taken back.
type Pin struct {
	number int
	dir    Folder // gpioN

	mu     sync.Mutex
	out    bool     // it is an output because of us
	edge   string   // what it watches for; empty: not known
	value  *os.File // opened for edges
	closed bool
}

var _ gpio.PinIO = (*Pin)(nil)

// Pin exports a pin by its number in sysfs. Its direction and level stay as they are.
func (s *System) Pin(number int) (*Pin, error) {
	name := "gpio" + strconv.Itoa(number)
	p := &Pin{number: number, dir: Folder(s.Path(gpioDir + "/" + name))}
	if !s.Exists(gpioDir + "/" + name) {
		err := Folder(s.Path(gpioDir)).WriteFile("export", []byte(strconv.Itoa(number)))
		if err != nil {
			return nil, fmt.Errorf("linux: %s cannot be exported: %w; %s", name, err, exportAdvice(err))
		}
	}
	if !s.Exists(gpioDir + "/" + name + "/direction") {
		return nil, fmt.Errorf("linux: %s cannot change its direction, or did not appear", name)
	}
	if err := p.upright(); err != nil {
		return nil, fmt.Errorf("linux: %s: %w", name, err)
	}
	return p, nil
}

func exportAdvice(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does this kernel have /sys/class/gpio (CONFIG_GPIO_SYSFS)?"
	case errors.Is(err, fs.ErrPermission):
		return "run as root"
	}
	return "is there such a pin, and does a kernel driver hold it (/sys/kernel/debug/gpio)?"
}

// upright takes active_low back.
func (p *Pin) upright() error {
	b, err := p.dir.ReadFile("active_low")
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(b)) == "0" {
		return nil
	}
	if err != nil {
		return err
	}
	return p.dir.WriteFile("active_low", []byte("0"))
}

// PinAt exports a pin of a gpiochip by the chip's label ("pinctrl-bcm2711") and
// the pin's offset in it: numbers differ from kernel to kernel.
func (s *System) PinAt(label string, offset int) (*Pin, error) {
	entries, err := os.ReadDir(s.Path(gpioDir))
	if err != nil {
		return nil, fmt.Errorf("linux: %w; %s", err, exportAdvice(err))
	}
	for _, e := range entries {
		chip := Folder(s.Path(gpioDir + "/" + e.Name()))
		name, err := chip.ReadFile("label")
		if !strings.HasPrefix(e.Name(), "gpiochip") || err != nil || strings.TrimSpace(string(name)) != label {
			continue
		}
		base, err := chip.number("base")
		if err != nil {
			return nil, err
		}
		if n, err := chip.number("ngpio"); err != nil || offset < 0 || offset >= n {
			return nil, fmt.Errorf("linux: %s has %d pins, none is number %d", label, n, offset)
		}
		return s.Pin(base + offset)
	}
	return nil, fmt.Errorf("linux: no gpiochip is called %q", label)
}

func (f Folder) number(name string) (int, error) {
	b, err := f.ReadFile(name)
	if err != nil {
		return 0, fmt.Errorf("linux: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// String names the pin.
func (p *Pin) String() string { return "gpio" + strconv.Itoa(p.number) }

// Name is part of gpio.PinIO.
func (p *Pin) Name() string { return p.String() }

// Number is the pin's number in sysfs.
func (p *Pin) Number() int { return p.number }

// Function is the pin's direction.
func (p *Pin) Function() string {
	b, err := p.dir.ReadFile("direction")
	if err != nil {
		return "ERR"
	}
	return strings.TrimSpace(string(b))
}

// Halt does nothing: a pin keeps its level.
func (p *Pin) Halt() error { return nil }

// Close gives up watching for edges. The pin stays exported and keeps its level.
func (p *Pin) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.value == nil {
		return nil
	}
	err := p.value.Close()
	p.value = nil
	return err
}

// In makes the pin an input. sysfs cannot choose a pull.
func (p *Pin) In(pull gpio.Pull, edge gpio.Edge) error {
	if pull != gpio.PullNoChange && pull != gpio.Float {
		return fmt.Errorf("linux: %v: sysfs cannot choose a pull", p)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = false
	err := p.dir.WriteFile("direction", []byte("in"))
	if err == nil {
		err = p.watch(edge)
	}
	if err != nil {
		return fmt.Errorf("linux: %v as an input: %w", p, err)
	}
	return nil
}

// watch chooses which edges to wait for. It wants the lock.
func (p *Pin) watch(edge gpio.Edge) error {
	names := map[gpio.Edge]string{
		gpio.NoEdge: "none", gpio.RisingEdge: "rising", gpio.FallingEdge: "falling", gpio.BothEdges: "both",
	}
	if name := names[edge]; name != p.edge {
		if err := p.dir.WriteFile("edge", []byte(name)); err != nil && (edge != gpio.NoEdge || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("edges: %w; has the pin no interrupt?", err)
		}
		p.edge = name
	}
	if edge == gpio.NoEdge || p.value != nil || p.closed {
		return nil
	}
	value, err := os.Open(string(p.dir) + "/value")
	p.value = value
	return err
}

// Read is the pin's level, Low if it cannot be read. Level tells the error.
func (p *Pin) Read() gpio.Level {
	l, _ := p.Level()
	return l
}

// Level is the pin's level.
func (p *Pin) Level() (gpio.Level, error) {
	b, err := p.dir.ReadFile("value")
	if err != nil {
		return gpio.Low, fmt.Errorf("linux: %v: %w", p, err)
	}
	switch v := strings.TrimSpace(string(b)); v {
	case "0":
		return gpio.Low, nil
	case "1":
		return gpio.High, nil
	default:
		return gpio.Low, fmt.Errorf("linux: %v reads as %q", p, v)
	}
}

// WaitForEdge waits for an edge that In has chosen; it never comes if that failed.
func (p *Pin) WaitForEdge(timeout time.Duration) bool {
	p.mu.Lock()
	value := p.value
	p.mu.Unlock()
	return value != nil && waitForEdge(value, timeout)
}

// Pull is not known in sysfs.
func (p *Pin) Pull() gpio.Pull { return gpio.PullNoChange }

// DefaultPull is not known in sysfs.
func (p *Pin) DefaultPull() gpio.Pull { return gpio.PullNoChange }

// Out makes the pin an output that has the level from its first moment.
func (p *Pin) Out(l gpio.Level) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		if err := p.dir.WriteFile("value", []byte(level(l, "1", "0"))); err != nil {
			return fmt.Errorf("linux: %v: %w", p, err)
		}
		return nil
	}
	if err := p.dir.WriteFile("direction", []byte(level(l, "high", "low"))); err != nil {
		return fmt.Errorf("linux: %v as an output: %w", p, err)
	}
	p.out = true
	return nil
}

func level(l gpio.Level, high, low string) string {
	if l {
		return high
	}
	return low
}

// PWM is no duty of a pin: see System.PWM.
func (p *Pin) PWM(gpio.Duty, physic.Frequency) error {
	return fmt.Errorf("linux: %v has no PWM", p)
}
