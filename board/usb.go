package board

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/lodefw/lode/drivers/bitaxeraw"
)

// USB is a make of board that hangs on USB with two serial ports, of which the
// first controls it and the second is its chips' line.
type USB struct {
	About                 string // for people: "a Bitaxe whose controller runs bitaxe-raw"
	Manufacturer, Product string // as the board calls itself
}

// Find looks for the board on a Linux computer; sys is its /sys. access says
// whether a port may be used. The finding has Where when there is exactly one.
func (u USB) Find(sys fs.FS, access func(path string) error) Finding {
	f := Finding{Saw: "nothing", Want: fmt.Sprintf("%s on USB (%s %s, two serial ports)", u.About, u.Manufacturer, u.Product)}
	devices, err := bitaxeraw.Devices(sys)
	if err != nil {
		f.Check = "this system does not tell what is on USB: say the two ports"
		return f
	}
	var ours []bitaxeraw.Device
	for _, d := range devices {
		if d.Manufacturer == u.Manufacturer && d.Product == u.Product {
			ours = append(ours, d)
		}
	}
	switch {
	case len(ours) == 1:
		return u.one(f, &ours[0], access)
	case len(ours) > 1:
		f.Saw = fmt.Sprintf("%d of them: %s", len(ours), places(ours))
		f.Check = "say which, by its two ports"
	default:
		f.Check = "look at cable and power; a board with its maker's own firmware needs another one first"
		if len(devices) > 0 {
			f.Saw = "others on USB: " + places(devices)
		}
	}
	return f
}

// one judges the only device.
func (u USB) one(f Finding, d *bitaxeraw.Device, access func(string) error) Finding {
	f.Saw = fmt.Sprintf("%v with %d ports, %s", d, len(d.Ports), strings.Join(d.Ports, ","))
	if len(d.Ports) != 2 {
		f.Check = "plug it in again"
		return f
	}
	f.Where = strings.Join(d.Ports, ",")
	for _, p := range d.Ports {
		if err := access(p); err != nil {
			f.Check = err.Error()
			return f
		}
	}
	f.Found, f.Saw = true, d.String()
	return f
}

func places(list []bitaxeraw.Device) string {
	var names []string
	for _, d := range list {
		names = append(names, fmt.Sprintf("%v at %s", &d, strings.Join(d.Ports, ",")))
	}
	return strings.Join(names, "; ")
}

// USBPorts is how a board on USB is named: its two ports.
const USBPorts = "CONTROL,DATA, such as /dev/ttyACM0,/dev/ttyACM1"

// CutPorts takes "CONTROL,DATA" apart.
func CutPorts(where string) (control, data string, err error) {
	control, data, both := strings.Cut(where, ",")
	if !both || control == "" || data == "" || strings.Contains(data, ",") {
		return "", "", errors.New("board: it hangs on two serial ports: say which, as /dev/ttyACM0,/dev/ttyACM1")
	}
	return control, data, nil
}

// USBHost is the computer that boards on USB hang on.
type USBHost struct {
	Sys     fs.FS                             // its /sys
	Resolve func(path string) (string, error) // to where a link leads
	Open    func(path string) (Line, error)   // a serial port
}

// Cable opens the two ports of a board. What is known on USB is found again by its serial
// number when it is plugged in later; anything else has to be at the same paths.
func (h USBHost) Cable(control, data string) (*Cable, error) {
	s := &socket{host: h, paths: [2]string{control, data}}
	s.know()
	return NewCable(s.open)
}

// socket is where a board is plugged in.
type socket struct {
	host   USBHost
	paths  [2]string         // of control and data, as they were first
	device *bitaxeraw.Device // nil: nothing that USB knows
	index  [2]int            // of the two in its ports
}

// know finds out which device the ports belong to.
func (s *socket) know() {
	devices, err := bitaxeraw.Devices(s.host.Sys)
	if err != nil {
		return
	}
	var real [2]string
	for i, p := range s.paths {
		if real[i], err = s.host.Resolve(p); err != nil {
			return // opening it will say so
		}
	}
	for _, d := range devices {
		if s.index = [2]int{slices.Index(d.Ports, real[0]), slices.Index(d.Ports, real[1])}; min(s.index[0], s.index[1]) >= 0 {
			s.device = &d
			return
		}
	}
}

// open opens the ports where they are now.
func (s *socket) open() (control, data Line, where string, err error) {
	paths, where, err := s.find()
	if err != nil {
		return nil, nil, "", err
	}
	if control, err = s.host.Open(paths[0]); err != nil {
		return nil, nil, "", fmt.Errorf("control port: %w", err)
	}
	if data, err = s.host.Open(paths[1]); err != nil {
		return nil, nil, "", errors.Join(fmt.Errorf("data port: %w", err), control.Close())
	}
	return control, data, where, nil
}

func (s *socket) find() (paths [2]string, where string, err error) {
	if s.device == nil {
		return s.paths, strings.Join(s.paths[:], ","), nil
	}
	devices, err := bitaxeraw.Devices(s.host.Sys)
	if err != nil {
		return paths, "", err
	}
	d, err := s.device.Again(devices)
	if err != nil {
		return paths, "", err
	}
	for i, n := range s.index {
		if n >= len(d.Ports) {
			return paths, "", fmt.Errorf("%v has only %d ports", d, len(d.Ports))
		}
		paths[i] = d.Ports[n]
	}
	return paths, fmt.Sprintf("%v at %s", d, strings.Join(paths[:], ",")), nil
}
