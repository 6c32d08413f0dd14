package s19bbb

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/antminer"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/drivers/fan"
)

const fanPeriod = 100 * time.Microsecond

// Boards lists the machine as a kind.
func Boards() []board.Kind {
	var carriers []string
	for _, c := range Carriers() {
		carriers = append(carriers, c.Name)
	}
	return []board.Kind{{
		Name: Name, About: Kind().About,
		Settings: []board.Setting{
			{Name: "carrier", About: "the board below the BeagleBone: stock, or S19J_IO_BOARD_V2_0; needed if the device tree does not say", Values: carriers},
			{Name: "psu-enable", About: "level of the supply's enable pin that turns it on; needed", Values: []string{"low", "high"}},
			{Name: "fan-pwm", About: "the fans' channels below /sys/class/pwm, as CHIP.CHANNEL,... such as 0.0,0.1; needed"},
		},
		Open:   func(c board.OpenConfig) (*board.Board, io.Closer, error) { return Open(&linux.System{}, c) },
		Detect: func() board.Finding { return Detect(&linux.System{}) },
	}}
}

// CarrierOf finds out which carrier there is, by the device tree or the setting.
// The pins of one must never be tried on the other.
func CarrierOf(sys *linux.System, setting string) (Carrier, error) {
	var told Carrier
	for _, c := range Carriers() {
		if c.Model != "" && strings.Contains(sys.Model(), c.Model) {
			told = c
		}
	}
	for _, c := range Carriers() {
		switch {
		case c.Name != setting:
		case told.Name != "" && told.Name != c.Name:
			return Carrier{}, fmt.Errorf("s19bbb: the setting says carrier=%s, the device tree %q", setting, sys.Model())
		default:
			return c, nil
		}
	}
	if told.Name == "" {
		return Carrier{}, fmt.Errorf("s19bbb: the device tree says %q, which does not tell the carrier: look at what is printed on it, "+
			"and say carrier=s19j-io-v2 for S19J_IO_BOARD_V2_0, else carrier=stock; pins 4 and 5 are resets on one and a bus on the other", sys.About())
	}
	return told, nil
}

// Open opens the machine that a computer is the control board of.
func Open(sys *linux.System, c board.OpenConfig) (*board.Board, io.Closer, error) {
	carrier, err := CarrierOf(sys, c.Settings["carrier"])
	if err != nil {
		return nil, nil, err
	}
	if c.Settings["psu-enable"] == "" {
		return nil, nil, fmt.Errorf("s19bbb: the setting psu-enable=low or high is needed: the level at which the supply is on; "+
			"no source says it for sure: measure pin %d while the maker's firmware mines", carrier.Enable)
	}
	channels, err := parseChannels(c.Settings["fan-pwm"])
	if err != nil {
		return nil, nil, err
	}
	o := &antminer.Opener{System: sys}
	p := parts(o, carrier, channels)
	p.EnableLow = c.Settings["psu-enable"] == "low"
	if o.Err != nil {
		return nil, nil, o.Fail(fmt.Errorf("s19bbb: %w", o.Err))
	}
	b, err := New(context.Background(), p, antminer.Options{Clock: c.Clock, Voltage: c.Voltage, Log: c.Log})
	if err != nil {
		return nil, nil, o.Fail(err)
	}
	return b, o.Opened, nil
}

// parseChannels reads "0.0,1.1".
func parseChannels(text string) (list []fan.PWMOptions, err error) {
	for part := range strings.SplitSeq(text, ",") {
		o := fan.PWMOptions{Period: fanPeriod}
		if n, err := fmt.Sscanf(part+";", "%d.%d;", &o.Chip, &o.Channel); n != 2 || err != nil || o.Chip < 0 || o.Channel < 0 {
			return nil, fmt.Errorf("s19bbb: the setting fan-pwm is %q, want the fans' PWM channels as CHIP.CHANNEL, such as 0.0,0.1: "+
				"sources do not name them; see /sys/class/pwm", text)
		}
		list = append(list, o)
	}
	return list, nil
}

// parts opens everything that the control board has.
func parts(o *antminer.Opener, c Carrier, channels []fan.PWMOptions) (p Parts) {
	for _, n := range c.Resets {
		p.Resets = append(p.Resets, o.Pin(n))
	}
	p.Enable = o.Pin(c.Enable)
	for _, n := range c.Tachs {
		p.Tachs = append(p.Tachs, o.Pin(n))
	}
	for _, ch := range channels {
		p.PWM = append(p.PWM, o.PWM(ch))
	}
	p.I2C, p.Supply = o.Bus(c.Boards), o.Bus(c.Supply)
	for _, n := range c.Lines {
		p.Lines = append(p.Lines, o.Line(lineName(o.System, n)))
	}
	return p
}

// lineName: vendor kernels call the lines ttyO1, others ttyS1.
func lineName(sys *linux.System, number string) string {
	if sys.Exists("/dev/ttyO" + number) {
		return "ttyO" + number
	}
	return "ttyS" + number
}

// Detect looks at the device tree and the lines.
func Detect(sys *linux.System) board.Finding {
	f := board.Finding{Want: "a BeagleBone with the lines 1, 2 and 4 on an S19j Pro's carrier"}
	switch {
	case !sys.IsLike("beaglebone", "am335x"):
		f.Saw, f.Check = sys.About(), "look at /proc/device-tree/model"
		return f
	case !sys.Exists("/dev/"+lineName(sys, "1")) || !sys.Exists("/dev/"+lineName(sys, "2")) || !sys.Exists("/dev/"+lineName(sys, "4")):
		f.Saw, f.Check = sys.About()+" without these lines", "does its device tree turn on UART 1, 2 and 4?"
		return f
	}
	if c, err := CarrierOf(sys, ""); err == nil {
		f.Found, f.Saw = true, fmt.Sprintf("%s (carrier %s)", sys.About(), c.Name)
		return f
	}
	f.Saw, f.Check = sys.About()+", a BeagleBone that could be on any carrier", "if it is an S19j Pro's, name it: -board s19bbb -set carrier=..."
	return f
}
