package rpi

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/linux"
	"github.com/lodefw/lode/drivers/a1"
	"github.com/lodefw/lode/drivers/bitfury"
	"github.com/lodefw/lode/drivers/tmp75"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Settings that both kinds have.
func settings(own ...board.Setting) []board.Setting {
	return append([]board.Setting{
		{Name: "chips", About: "how many chips hang on each chain"},
		{Name: "sensor", About: "I²C bus and address of an LM75 or TMP75 at the chips, such as 1:0x48, or none"},
	}, own...)
}

// Boards lists the kinds of boards on a Pi. Nothing can be looked for on SPI
// without disturbing what else may hang there, so they have to be named.
func Boards() []board.Kind {
	return []board.Kind{
		{
			Name: "rpi-a1", About: "Raspberry Pi with Bitmine A1 chips at /dev/spidev0.0",
			Settings: settings(
				board.Setting{Name: "backplane", About: "what the chips hang on: a CoinCraft Desk's backplane, or none for a chain that is wired to the header", Values: []string{"desk", "none"}},
				board.Setting{Name: "reset", About: "GPIO of the chain's reset line, low in reset, where there is no backplane"},
			),
			Open: openA1,
		},
		{
			Name: "rpi-bitfury", About: "Raspberry Pi with Bitfury 55 nm chips at /dev/spidev0.0",
			Settings: settings(
				board.Setting{Name: "banks", About: "banks of a BFSB backplane that are in use, such as 1,2, or none for a chain that is wired to the header"},
				board.Setting{Name: "generation", About: "of the chips; 1 if not given", Values: []string{"1", "2"}},
			),
			Open: openBitfury,
		},
	}
}

// opening is a board that is being opened.
type opening struct {
	board.OpenConfig
	sys   *linux.System
	ports linux.Closers
	buses map[int]i2c.Bus
	chips int
	// computer and sensor are its thermometers; sensor may be nil.
	computer, sensor Thermometer
}

func begin(c board.OpenConfig) (*opening, error) {
	o := &opening{OpenConfig: c, sys: &linux.System{}, buses: make(map[int]i2c.Bus)}
	var err error
	if o.chips, err = strconv.Atoi(c.Settings["chips"]); err != nil {
		return nil, errors.New("rpi: how many chips are on each chain? Set chips")
	}
	if o.computer, err = ownThermometer(o.sys); err != nil {
		return nil, err
	}
	if o.sensor, err = o.openSensor(c.Settings["sensor"]); err != nil {
		return nil, o.fail(err)
	}
	return o, nil
}

// fail closes what was opened.
func (o *opening) fail(err error) error { return errors.Join(err, o.ports.Close()) }

func (o *opening) i2c(number int) (i2c.Bus, error) {
	if b, ok := o.buses[number]; ok {
		return b, nil
	}
	b, err := o.sys.I2C(number)
	if err != nil {
		return nil, err
	}
	o.ports = append(o.ports, b)
	o.buses[number] = b
	return b, nil
}

func (o *opening) openSensor(where string) (Thermometer, error) {
	if where == "none" {
		return nil, nil
	}
	number, addr, err := parseSensor(where)
	if err != nil {
		return nil, err
	}
	b, err := o.i2c(number)
	if err != nil {
		return nil, err
	}
	s, err := tmp75.New(b, addr, tmp75.Options{Model: tmp75.LM75A}) // reads a TMP75 too, to 1/8 °C
	if err != nil {
		return nil, fmt.Errorf("rpi: sensor: %w", err)
	}
	return s.Temperature, nil
}

func parseSensor(text string) (number int, addr uint16, err error) {
	a, b, _ := strings.Cut(text, ":")
	number, err = strconv.Atoi(a)
	at, err2 := strconv.ParseUint(b, 0, 7)
	if err != nil || err2 != nil {
		return 0, 0, fmt.Errorf("rpi: sensor %q, want the bus and address of a sensor at the chips, such as 1:0x48, or none", text)
	}
	return number, uint16(at), nil
}

// ownThermometer is the Pi's.
func ownThermometer(sys *linux.System) (Thermometer, error) {
	zone := linux.Folder(sys.Path("/sys/class/thermal/thermal_zone0"))
	read := func() (physic.Temperature, error) {
		b, err := zone.ReadFile("temp")
		if err != nil {
			return 0, err
		}
		milli, err := strconv.Atoi(strings.TrimSpace(string(b)))
		return physic.ZeroCelsius + physic.Temperature(milli)*physic.MilliKelvin, err
	}
	if _, err := read(); err != nil {
		return nil, fmt.Errorf("rpi: the computer's own temperature: %w; is this a Raspberry Pi?", err)
	}
	return read, nil
}

func openA1(c board.OpenConfig) (*board.Board, io.Closer, error) {
	o, err := begin(c)
	if err != nil {
		return nil, nil, err
	}
	chains, err := o.a1Chains()
	if err != nil {
		return nil, nil, o.fail(err)
	}
	b, err := NewA1(chains, o.computer, o.sensor, A1Options{Chips: o.chips, Clock: c.Clock, Log: c.Log})
	if err != nil {
		return nil, nil, o.fail(err)
	}
	return b, o.ports, nil
}

func (o *opening) a1Chains() ([]A1Chain, error) {
	conn, err := o.spi(a1.Mode, a1.DefaultSpeed)
	if err != nil {
		return nil, err
	}
	switch o.Settings["backplane"] {
	case "desk":
		b, err := o.i2c(1)
		if err != nil {
			return nil, err
		}
		return Desk(b, conn)
	case "none":
		reset, err := o.pin("reset", o.Settings["reset"])
		if err != nil {
			return nil, err
		}
		return []A1Chain{{Conn: conn, Reset: func(low bool) error { return reset.Out(gpio.Level(!low)) }}}, nil
	}
	return nil, errors.New("rpi: what do the chips hang on? Set backplane to desk or none")
}

// pin is a pin of the header by its GPIO number.
func (o *opening) pin(what, text string) (*linux.Pin, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 || n > 27 {
		return nil, fmt.Errorf("rpi: %s is GPIO %q, want one of the header's, 2 to 27: set %s", what, text, what)
	}
	var errs []error
	for _, label := range []string{"pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"} { // Pi 1 to 3, 4, 5
		p, err := o.sys.PinAt(label, n)
		if err == nil {
			o.ports = append(o.ports, p)
			return p, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("rpi: %s: %w", what, errors.Join(errs...))
}

const banksThere = 4

// bankPins are the enables of a BFSB backplane's four banks.
func bankPins() [banksThere]string { return [4]string{"18", "23", "24", "25"} }

func openBitfury(c board.OpenConfig) (*board.Board, io.Closer, error) {
	o, err := begin(c)
	if err != nil {
		return nil, nil, err
	}
	chains, err := o.bitfuryChains()
	if err != nil {
		return nil, nil, o.fail(err)
	}
	options := BitfuryOptions{Chips: o.chips, Log: c.Log}
	if c.Settings["generation"] == "2" {
		options.Cores = bitfury.CoresRev2
	}
	b, err := NewBitfury(chains, o.computer, o.sensor, options)
	if err != nil {
		return nil, nil, o.fail(err)
	}
	return b, o.ports, nil
}

func (o *opening) bitfuryChains() ([]BitfuryChain, error) {
	banks := o.Settings["banks"]
	if banks == "" {
		return nil, errors.New("rpi: which banks of a BFSB backplane are in use? Set banks, such as 1,2; or none for a chain on the header")
	}
	conn, err := o.spi(bitfury.Mode, bitfury.DefaultSpeed)
	if err != nil {
		return nil, err
	}
	lines, err := o.wires()
	if err != nil {
		return nil, err
	}
	if banks == "none" {
		return []BitfuryChain{{Conn: conn, Links: lines.Reset}}, nil
	}
	var used []int
	for text := range strings.SplitSeq(banks, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > banksThere || slices.Contains(used, n-1) {
			return nil, fmt.Errorf("rpi: banks %q, want some of 1 to %d, each once", banks, banksThere)
		}
		used = append(used, n-1)
	}
	var enable []gpio.PinOut
	for _, number := range bankPins() {
		p, err := o.pin("banks", number)
		if err != nil {
			return nil, err
		}
		enable = append(enable, p)
	}
	return Banks(conn, lines.Reset, enable, used)
}
