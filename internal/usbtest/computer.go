package usbtest

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"testing/fstest"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/tinytest/chipsim"
	"github.com/lodefw/lode/tinytest/chipsim/usbsim"
)

// Device is a virtual board, and what it calls itself on USB.
type Device struct {
	Board                         *usbsim.Board
	Chip                          *chipsim.Chain
	Manufacturer, Product, Serial string
}

// Computer is one whose USB port boards are plugged into and pulled out of. Each time
// a board gets ports with other names.
type Computer struct {
	mu     sync.Mutex
	sys    fstest.MapFS // never changed, only replaced
	lines  map[string]func() board.Line
	open   []*line
	last   int // number of the newest tty
	served sync.WaitGroup
}

// Plug plugs a device in, and returns its two ports.
func (c *Computer) Plug(d Device) (control, data string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	const at = "bus/usb/devices/1-1"
	sys := fstest.MapFS{}
	for name, text := range map[string]string{
		"idVendor": "c0de", "idProduct": "cafe", "bcdDevice": "0001",
		"manufacturer": d.Manufacturer, "product": d.Product, "serial": d.Serial,
	} {
		sys[at+"/"+name] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	names := [2]string{fmt.Sprint("ttyACM", c.last+1), fmt.Sprint("ttyACM", c.last+2)}
	c.last += 2
	for i, tty := range names {
		dir := fmt.Sprintf("%s:1.%d", at, 2*i)
		sys[dir+"/bInterfaceNumber"] = &fstest.MapFile{Data: fmt.Appendf(nil, "%02d\n", 2*i)}
		sys[dir+"/tty/"+tty+"/dev"] = &fstest.MapFile{}
	}
	control, data = "/dev/"+names[0], "/dev/"+names[1]
	c.sys = sys
	c.lines = map[string]func() board.Line{
		control: func() board.Line { return socket{c.serve(d.Board)} },
		data:    func() board.Line { return d.Chip.Port() },
	}
	return control, data
}

func (c *Computer) serve(b *usbsim.Board) net.Conn {
	host, far := net.Pipe()
	serve(&c.served, far, b)
	return host
}

// Pull pulls the cable out: the ports are gone, and the board goes on as it is.
func (c *Computer) Pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sys, c.lines = fstest.MapFS{"bus/usb/devices/usb1/idVendor": &fstest.MapFile{}}, nil
	for _, l := range c.open {
		l.pull()
	}
}

// Open is the number of ports that somebody has open.
func (c *Computer) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// Wait waits until no board is served any more: after Pull, or when all ports are closed.
func (c *Computer) Wait() { c.served.Wait() }

// Host is the computer for a board.
func (c *Computer) Host() board.USBHost {
	return board.USBHost{Sys: tree{c}, Resolve: func(path string) (string, error) { return path, nil }, Open: c.line}
}

// tree is /sys as it is now.
type tree struct{ c *Computer }

// Open is part of fs.FS.
func (t tree) Open(name string) (fs.File, error) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return t.c.sys.Open(name)
}

func (c *Computer) line(path string) (board.Line, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	open := c.lines[path]
	if open == nil {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	l := &line{Line: open(), c: c}
	c.open = append(c.open, l)
	return l, nil
}

// line is an open port.
type line struct {
	board.Line
	c      *Computer
	pulled sync.Once
}

// pull ends what waits for the port.
func (l *line) pull() { l.pulled.Do(func() { l.Line.Close() }) }

// Close closes the port, whether its cable is in or not.
func (l *line) Close() error {
	l.pull()
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	for i, o := range l.c.open {
		if o == l {
			l.c.open = append(l.c.open[:i], l.c.open[i+1:]...)
			return nil
		}
	}
	return errors.New("closed twice")
}

// socket is a pipe as a line: it has no rate.
type socket struct{ net.Conn }

// SetBaud is part of board.Line.
func (socket) SetBaud(int) error { return nil }
