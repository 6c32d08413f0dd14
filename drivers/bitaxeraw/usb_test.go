package bitaxeraw

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// plug puts a device into a fake /sys.
func plug(sys fstest.MapFS, at, maker, product, release string, ttys map[string]string) {
	dir := "bus/usb/devices/" + at
	for name, text := range map[string]string{
		"idVendor": "c0de", "idProduct": "cafe", "bcdDevice": release,
		"manufacturer": maker, "product": product, "serial": "1a2b3c4d",
	} {
		sys[dir+"/"+name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	for number, tty := range ttys {
		sys[dir+":1."+number+"/bInterfaceNumber"] = &fstest.MapFile{Data: []byte("0" + number + "\n")}
		if tty != "" {
			sys[dir+":1."+number+"/tty/"+tty+"/dev"] = &fstest.MapFile{Data: []byte("166:0\n")}
		}
	}
}

func TestDevices(t *testing.T) {
	sys := fstest.MapFS{"bus/usb/devices/usb1/idVendor": {Data: []byte("1d6b\n")}}
	plug(sys, "1-1", "OSMU", "Bitaxe", "0001", map[string]string{"0": "ttyACM10", "1": "", "2": "ttyACM9", "3": ""})
	plug(sys, "1-1.4", "256F", "EmberOne00", "0510", map[string]string{"0": "ttyACM0", "1": "", "2": "ttyACM1"})
	plug(sys, "2-1", "Somebody", "Keyboard", "0100", nil)
	list, err := Devices(sys)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	bitaxe, ember := list[0], list[1]
	if !slices.Equal(bitaxe.Ports, []string{"/dev/ttyACM10", "/dev/ttyACM9"}) || bitaxe.Format() != V0 || bitaxe.Vendor != 0xc0de || bitaxe.ID != 0xcafe {
		t.Errorf("%+v", bitaxe)
	}
	if !slices.Equal(ember.Ports, []string{"/dev/ttyACM0", "/dev/ttyACM1"}) || ember.Format() != V1 || ember.Hardware() != 5 {
		t.Errorf("%+v", ember)
	}
	if s := ember.String(); s != "256F EmberOne00 1a2b3c4d (c0de:cafe, release 0510)" {
		t.Error(s)
	}
}

func TestNoUSB(t *testing.T) {
	if list, err := Devices(fstest.MapFS{}); err == nil {
		t.Errorf("%v", list)
	}
}

// A device is known again by its serial number, and without one by where it is.
func TestAgain(t *testing.T) {
	at := func(place, serial, tty string) Device {
		return Device{At: place, Manufacturer: "OSMU", Product: "Bitaxe", Serial: serial, Ports: []string{tty}}
	}
	stranger := Device{At: "1-9", Manufacturer: "256F", Product: "EmberOne00", Serial: "1a2b"}
	for _, c := range []struct {
		name  string
		was   Device
		now   []Device
		found string // its port
		says  string
	}{
		{"where it was", at("1-1", "1a2b", ""), []Device{stranger, at("1-1", "1a2b", "A")}, "A", ""},
		{"in another socket", at("1-1", "1a2b", ""), []Device{at("1-1", "ffff", "A"), at("1-2", "1a2b", "B")}, "B", ""},
		{"without a number, where it was", at("1-1", "", ""), []Device{at("1-1", "", "A"), at("1-2", "", "B")}, "A", ""},
		{"without a number, in another socket", at("1-1", "", ""), []Device{at("1-2", "", "A")}, "", "plug it into USB port 1-1 again"},
		{"two with its number", at("1-1", "1a2b", ""), []Device{at("1-2", "1a2b", "A"), at("1-3", "1a2b", "B")}, "", "1-2 and 1-3"},
		{"two with its number, one where it was", at("1-3", "1a2b", ""), []Device{at("1-2", "1a2b", "A"), at("1-3", "1a2b", "B")}, "B", ""},
		{"another", at("1-1", "1a2b", ""), []Device{at("1-1", "ffff", "A")}, "", "another board is there, OSMU Bitaxe ffff"},
		{"none", at("1-1", "1a2b", ""), []Device{stranger}, "", "is on USB: plug it in"},
	} {
		d, err := c.was.Again(c.now)
		switch {
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, %v", c.name, d, err)
		case c.says == "" && (err != nil || d.Ports[0] != c.found):
			t.Errorf("%s: %v, %v", c.name, d, err)
		}
	}
}
