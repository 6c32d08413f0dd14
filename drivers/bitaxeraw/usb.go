package bitaxeraw

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Device is something on USB that has serial ports. A board's two are the control
// port and the data port, in the order of their interfaces.
type Device struct {
	At           string // the USB port that it is plugged into, such as "1-1.2"
	Vendor, ID   uint16
	Manufacturer string
	Product      string
	Serial       string
	Release      uint16   // bcdDevice
	Ports        []string // as in /dev
}

// The boards' names for themselves on USB. Ids tell less: bitaxe-raw and early
// emberOnes have c0de:cafe, which is an example of the library that they use;
// later ones have 1209:256f (main.rs of bitaxe-raw and emberone-usbserial-fw;
// mujina goes by the names as well).
const (
	BitaxeManufacturer   = "OSMU"
	BitaxeProduct        = "Bitaxe"
	EmberOneManufacturer = "256F"
	EmberOneProduct      = "EmberOne00"
)

// Format is how the answers of its firmware are framed, by bcdDevice 0xJJMN:
// hardware JJ, firmware M.N, with a status from 1.0 on (mujina, emberone00.rs).
// New asks the bridge all the same, as there is bitaxe-raw that does not count.
func (d *Device) Format() Format {
	if d.Release>>4&0xf >= 1 {
		return V1
	}
	return V0
}

// Hardware is the board's version, where the firmware says it: 5 on an emberOne v5.
func (d *Device) Hardware() int { return int(d.Release >> 8) }

// String names the device, as in "OSMU Bitaxe 1a2b3c4d (c0de:cafe, release 0001)".
func (d *Device) String() string {
	return fmt.Sprintf("%s %s %s (%04x:%04x, release %04x)", d.Manufacturer, d.Product, d.Serial, d.Vendor, d.ID, d.Release)
}

// Again finds a device that was on USB before among those that are there now, wherever
// it is plugged in. One without a serial number, and one of several with the same, is
// known only by the USB port.
func (d *Device) Again(now []Device) (*Device, error) {
	var same, others []string
	var found, here *Device
	for i := range now {
		switch n := &now[i]; {
		case n.Manufacturer != d.Manufacturer || n.Product != d.Product:
		case n.Serial != d.Serial:
			others = append(others, fmt.Sprintf("%v at %s", n, n.At))
		default:
			same, found = append(same, n.At), n
			if n.At == d.At {
				here = n
			}
		}
	}
	switch {
	case here != nil:
		return here, nil
	case len(same) == 1 && d.Serial != "":
		return found, nil
	case len(same) > 0:
		return nil, fmt.Errorf("bitaxeraw: which one is %v, those at %s cannot be told from it: plug it into USB port %s again", d, strings.Join(same, " and "), d.At)
	case len(others) > 0:
		return nil, fmt.Errorf("bitaxeraw: another board is there, %s: want %v; plug that one in, or start anew with this one", strings.Join(others, " and "), d)
	}
	return nil, fmt.Errorf("bitaxeraw: no %v is on USB: plug it in", d)
}

// Devices lists what is on USB and has serial ports; sys is Linux' /sys.
//
//	/sys/bus/usb/devices/1-1            idVendor, idProduct, product, bcdDevice
//	/sys/bus/usb/devices/1-1:1.0        bInterfaceNumber, tty/ttyACM0
func Devices(sys fs.FS) ([]Device, error) {
	const folder = "bus/usb/devices"
	entries, err := fs.ReadDir(sys, folder)
	if err != nil {
		return nil, fmt.Errorf("bitaxeraw: cannot look at USB: %w", err)
	}
	var list []Device
	for _, e := range entries {
		if strings.Contains(e.Name(), ":") {
			continue // an interface
		}
		d := Device{At: e.Name()}
		if d.read(sys, path.Join(folder, e.Name())) {
			d.Ports = ports(sys, folder, entries, e.Name())
		}
		if len(d.Ports) > 0 {
			list = append(list, d)
		}
	}
	return list, nil
}

// read is false for what is no device, such as a controller that is just going.
func (d *Device) read(sys fs.FS, dir string) bool {
	text := func(name string) string {
		b, err := fs.ReadFile(sys, path.Join(dir, name))
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(b))
	}
	number := func(name string) (uint16, bool) {
		n, err := strconv.ParseUint(text(name), 16, 16)
		return uint16(n), err == nil
	}
	var ok, ok2, ok3 bool
	d.Vendor, ok = number("idVendor")
	d.ID, ok2 = number("idProduct")
	d.Release, ok3 = number("bcdDevice")
	d.Manufacturer, d.Product, d.Serial = text("manufacturer"), text("product"), text("serial")
	return ok && ok2 && ok3
}

// ports are a device's serial lines in the order of the interfaces' numbers, which
// is not that of their names once a tenth line is there.
func ports(sys fs.FS, folder string, entries []fs.DirEntry, device string) (names []string) {
	type line struct {
		number uint64
		name   string
	}
	var list []line
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), device+":") {
			continue
		}
		dir := path.Join(folder, e.Name())
		b, err := fs.ReadFile(sys, path.Join(dir, "bInterfaceNumber"))
		n, err2 := strconv.ParseUint(strings.TrimSpace(string(b)), 16, 8)
		ttys, err3 := fs.ReadDir(sys, path.Join(dir, "tty"))
		if err != nil || err2 != nil || err3 != nil {
			continue // an interface without a serial line
		}
		for _, t := range ttys {
			list = append(list, line{n, t.Name()})
		}
	}
	slices.SortFunc(list, func(a, b line) int {
		if a.number != b.number {
			return int(a.number) - int(b.number)
		}
		return strings.Compare(a.name, b.name)
	})
	for _, l := range list {
		names = append(names, "/dev/"+l.name)
	}
	return names
}
