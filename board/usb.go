package board

import (
	"errors"
	"fmt"
	"io/fs"
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
