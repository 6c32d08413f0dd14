package bitaxeraw

import (
	"slices"
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
