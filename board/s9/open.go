package s9

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/drivers/uio"
	"github.com/lodefw/lode/drivers/zynqio"
)

// Pins in sysfs: the first connector's, of eight in a row; a hash board pulls its
// plug pin high.
const (
	firstReset = 888
	firstPlug  = 897
)

// hashBus is the I²C bus of hash boards.
const hashBus = 0

// fanCore is the fan core's name.
const fanCore = "fan-control"

// Boards lists the machine as a kind.
func Boards() []board.Kind {
	return []board.Kind{{
		Name: Name, About: "Antminer S9 with Braiins' open FPGA design (zynq-io-am1-s9)",
		Open:   func(c board.OpenConfig) (*board.Board, io.Closer, error) { return Open(&linux.System{}, c) },
		Detect: func() board.Finding { return Detect(&linux.System{}) },
	}}
}

// Open opens the machine that a computer is the control board of.
func Open(sys *linux.System, c board.OpenConfig) (*board.Board, io.Closer, error) {
	o := &antminer.Opener{System: sys}
	p, err := parts(o)
	if err = errors.Join(err, o.Err); err != nil {
		return nil, nil, o.Fail(fmt.Errorf("s9: %w", err))
	}
	b, err := New(context.Background(), p, Options{Clock: c.Clock, Voltage: c.Voltage, Log: c.Log})
	if err != nil {
		return nil, nil, o.Fail(err)
	}
	return b, o.Opened, nil
}

// parts opens everything that the control board has.
func parts(o *antminer.Opener) (p Parts, err error) {
	p.I2C = o.Bus(hashBus)
	fans, err := window(o, fanCore)
	if err != nil {
		return p, err
	}
	p.Fans = zynqio.NewFans(fans)
	for _, n := range Connectors() {
		reset, plug := o.Pin(firstReset+n-1), o.Pin(firstPlug+n-1)
		if o.Err != nil {
			return p, o.Err
		}
		present, err := plug.Level()
		if err != nil {
			return p, fmt.Errorf("connector J%d: its plug pin cannot be read: %w", n, err)
		}
		if !present {
			continue
		}
		core, err := openCore(o, n)
		if err != nil {
			return p, fmt.Errorf("connector J%d: %w", n, err)
		}
		p.HashBoards = append(p.HashBoards, HashBoard{Connector: n, Core: core, Reset: reset})
	}
	return p, nil
}

func window(o *antminer.Opener, names ...string) (*uio.Device, error) {
	d, err := uio.Open(o.System.Path("/"), names...)
	if err == nil {
		o.Opened = append(o.Opened, d)
	}
	return d, err
}

// openCore opens a chain's four windows. Sources differ in the second's name.
func openCore(o *antminer.Opener, connector int) (*zynqio.Core, error) {
	var errs []error
	open := func(names ...string) *uio.Device {
		for i := range names {
			names[i] = fmt.Sprintf("chain%d-%s", connector, names[i])
		}
		d, err := window(o, names...)
		errs = append(errs, err)
		return d
	}
	w := zynqio.Windows{
		Common: open("common"), Command: open("cmd-rx", "cmd"), WorkRx: open("work-rx"), WorkTx: open("work-tx"),
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return zynqio.New(w)
}

// Detect looks at the names of the FPGA's cores, and touches none.
func Detect(sys *linux.System) board.Finding {
	f := board.Finding{Want: "the cores chain6-common, chain7-common, chain8-common and fan-control of zynq-io-am1-s9"}
	found, err := uio.Find(sys.Path("/"))
	var there []string
	for _, n := range Connectors() {
		if name := fmt.Sprintf("chain%d-common", n); found[name] != "" {
			there = append(there, name)
		}
	}
	switch {
	case err == nil && len(there) > 0 && found[fanCore] != "":
		f.Found, f.Saw = true, fmt.Sprintf("%s with %s", sys.About(), strings.Join(there, ", "))
	case sys.IsLike("zynq", "antminer s9"):
		f.Saw = sys.About() + " without these cores"
		f.Check = "its FPGA may have the maker's design: boot with Braiins' bitstream, and a device tree that names its cores for UIO"
	default:
		f.Saw, f.Check = sys.About(), "look at /proc/device-tree/model and /sys/class/uio/*/name"
	}
	return f
}
