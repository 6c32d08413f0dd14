package amlogic

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/drivers/fan"
)

// Numbers of pins in sysfs, of buses and channels.
const (
	pinEnable = 437
	pinPlug   = 439 // and the next two
	pinTach   = 447 // and the next three
	pinReset  = 454 // and the next two
	pinClock  = 476 // of the supply's bus, where it is made of pins
	pinData   = 477
	busBoards = 0
	busSupply = 1
	fanPeriod = 10 * time.Microsecond // another source says 100
)

// Boards lists the machines as kinds.
func Boards() (list []board.Kind) {
	for _, k := range Kinds() {
		list = append(list, board.Kind{
			Name: k.Name, About: k.About,
			Settings: []board.Setting{
				{Name: "psu-enable", About: "level of the supply's enable pin that turns it on: low in the S19k Pro's log, reported high on S21; needed",
					Values: []string{"low", "high"}},
				{Name: "psu-bus", About: "where the supply hangs: /dev/i2c-1, which is the usual, or pins 476 and 477", Values: []string{"i2c-1", "pins"}},
				{Name: "uarts", About: "hash board 1 is on ttyS1 (straight) or ttyS3 (reversed); needed if one is missing",
					Values: []string{string(Straight), string(Reversed)}},
			},
			Open:   func(c board.OpenConfig) (*board.Board, io.Closer, error) { return Open(&linux.System{}, k, c) },
			Detect: func() board.Finding { return Detect(&linux.System{}, k) },
		})
	}
	return list
}

// Open opens the machine that a computer is the control board of.
func Open(sys *linux.System, k antminer.Kind, c board.OpenConfig) (*board.Board, io.Closer, error) {
	if c.Settings["psu-enable"] == "" {
		return nil, nil, fmt.Errorf("amlogic: %s needs the setting psu-enable=low or high: the level at which the supply is on. "+
			"Sources differ (low on S19k Pro, high on S21); measure pin %d while the maker's firmware mines", k.Name, pinEnable)
	}
	o := &antminer.Opener{System: sys}
	p := parts(o, c.Settings)
	if o.Err != nil {
		return nil, nil, o.Fail(fmt.Errorf("amlogic: %s: %w", k.Name, o.Err))
	}
	b, err := New(context.Background(), p, k, antminer.Options{Clock: c.Clock, Voltage: c.Voltage, Log: c.Log})
	if err != nil {
		return nil, nil, o.Fail(err)
	}
	return b, o.Opened, nil
}

// parts opens everything that the control board has.
func parts(o *antminer.Opener, settings map[string]string) (p Parts) {
	for i := range 3 {
		p.Resets = append(p.Resets, o.Pin(pinReset+i))
		p.Plugs = append(p.Plugs, o.Pin(pinPlug+i))
	}
	p.Enable, p.EnableLow = o.Pin(pinEnable), settings["psu-enable"] == "low"
	for i := range 4 {
		p.Tachs = append(p.Tachs, o.Pin(pinTach+i))
	}
	for channel := range 2 {
		p.PWM = append(p.PWM, o.PWM(fan.PWMOptions{Channel: channel, Period: fanPeriod}))
	}
	p.I2C = o.Bus(busBoards)
	if settings["psu-bus"] == "pins" {
		p.Supply = linux.NewPinBus(o.Pin(pinClock), o.Pin(pinData))
	} else {
		p.Supply = o.Bus(busSupply)
	}
	p.Order = Order(settings["uarts"])
	for _, name := range lines() {
		p.Lines = append(p.Lines, o.Line(name))
	}
	return p
}

func lines() []string { return []string{"ttyS1", "ttyS2", "ttyS3"} }

// Detect looks at the device tree only. It cannot tell the machines apart: their
// chips would have to be powered for that.
func Detect(sys *linux.System, k antminer.Kind) board.Finding {
	f := board.Finding{
		Want:  "an Amlogic A113D (axg) with ttyS1 to ttyS3",
		Check: "look at /proc/device-tree/compatible",
	}
	switch {
	case !sys.IsLike("amlogic") || !sys.IsLike("axg", "a113"):
		f.Saw = sys.About()
	case !sys.Exists("/dev/ttyS1") || !sys.Exists("/dev/ttyS2") || !sys.Exists("/dev/ttyS3"):
		f.Saw, f.Check = sys.About()+" without these lines", "which serial lines does this kernel have?"
	default:
		f.Found, f.Saw = true, fmt.Sprintf("Amlogic control board (%s), which may be that of an %s", sys.About(), k.Name)
	}
	return f
}
