package emberone

import (
	"io"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bitaxeraw"
)

func usb() board.USB {
	return board.USB{
		About:        "an emberOne/00",
		Manufacturer: bitaxeraw.EmberOneManufacturer, Product: bitaxeraw.EmberOneProduct,
	}
}

// pinSupply is the setting that says what the chips' pins are fed from.
const pinSupply = "pin-supply"

// Boards lists the board, which OpenUSB opens.
func Boards() []board.Kind {
	return []board.Kind{{
		Name: Name, About: "emberOne/00 on USB, twelve BM1362",
		Where: board.USBPorts,
		Settings: append(board.LineSettings(), board.Setting{
			Name:   pinSupply,
			About:  "volts that the chips' pins are fed from: 6 on boards with a boost regulator, made after v5; without it the chips get 3.1 V and 225 MHz",
			Values: []string{"5", "6"},
		}),
		Open:   open,
		Detect: func() board.Finding { return detect(usb()) },
	}}
}

func open(c board.OpenConfig) (*board.Board, io.Closer, error) {
	control, data, err := board.CutPorts(c.Where)
	if err != nil {
		return nil, nil, err
	}
	zeros, baud, err := c.Line()
	if err != nil {
		return nil, nil, err
	}
	return OpenUSB(control, data, Options{
		SixVolts: c.Settings[pinSupply] == "6", WiredZeros: zeros, Baud: baud, Clock: c.Clock, Voltage: c.Voltage, Log: c.Log,
	})
}
