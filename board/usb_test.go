package board

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

func usbDevice(sys fstest.MapFS, at, maker, product, first string) {
	dir := "bus/usb/devices/" + at
	file := func(name, text string) { sys[name] = &fstest.MapFile{Data: []byte(text + "\n")} }
	file(dir+"/idVendor", "c0de")
	file(dir+"/idProduct", "cafe")
	file(dir+"/bcdDevice", "0001")
	file(dir+"/manufacturer", maker)
	file(dir+"/product", product)
	file(dir+":1.0/bInterfaceNumber", "00")
	file(dir+":1.0/tty/ttyACM"+first+"0/dev", "")
	file(dir+":1.2/bInterfaceNumber", "02")
	file(dir+":1.2/tty/ttyACM"+first+"1/dev", "")
}

func TestFindUSB(t *testing.T) {
	u := USB{"a board", "OSMU", "Bitaxe"}
	may := func(string) error { return nil }
	for _, c := range []struct {
		name, says, where string
		found             bool
		access            func(string) error
		plug              func(fstest.MapFS)
	}{
		{"one", "at /dev/ttyACM10,/dev/ttyACM11", "/dev/ttyACM10,/dev/ttyACM11", true, may,
			func(sys fstest.MapFS) { usbDevice(sys, "1-1", "OSMU", "Bitaxe", "1") }},
		{"two", "found 2 of them: OSMU Bitaxe", "", false, may, func(sys fstest.MapFS) {
			usbDevice(sys, "1-1", "OSMU", "Bitaxe", "1")
			usbDevice(sys, "1-2", "OSMU", "Bitaxe", "2")
		}},
		{"another", "found others on USB: 256F EmberOne00", "", false, may,
			func(sys fstest.MapFS) { usbDevice(sys, "1-1", "256F", "EmberOne00", "1") }},
		{"none", "found nothing, want a board on USB (OSMU Bitaxe, two serial ports)", "", false, may,
			func(sys fstest.MapFS) { sys["bus/usb/devices/usb1/idVendor"] = &fstest.MapFile{} }},
		{"no permission", "dialout", "/dev/ttyACM10,/dev/ttyACM11", false, func(string) error { return errors.New("be in dialout") },
			func(sys fstest.MapFS) { usbDevice(sys, "1-1", "OSMU", "Bitaxe", "1") }},
		{"half", "plug it in again", "", false, may, func(sys fstest.MapFS) {
			usbDevice(sys, "1-1", "OSMU", "Bitaxe", "1")
			delete(sys, "bus/usb/devices/1-1:1.2/bInterfaceNumber")
		}},
		{"no USB at all", "say the two ports", "", false, may, func(fstest.MapFS) {}},
	} {
		sys := fstest.MapFS{}
		c.plug(sys)
		f := u.Find(sys, c.access)
		if f.Found != c.found || f.Where != c.where || !strings.Contains(f.String(), c.says) {
			t.Errorf("%s: %+v: %v", c.name, f, f)
		}
	}
}

func TestCutPorts(t *testing.T) {
	if c, d, err := CutPorts("/dev/a,/dev/b"); c != "/dev/a" || d != "/dev/b" || err != nil {
		t.Error(c, d, err)
	}
	for _, bad := range []string{"", "/dev/a", "/dev/a,", ",/dev/b", "a,b,c"} {
		if _, _, err := CutPorts(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
