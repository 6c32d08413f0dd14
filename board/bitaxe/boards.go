package bitaxe

import (
	"io"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/bitaxeraw"
)

// usb is how a board calls itself whose controller runs bitaxe-raw. It does not say
// of which kind it is.
func usb() board.USB {
	return board.USB{
		About:        "a Bitaxe whose controller runs bitaxe-raw",
		Manufacturer: bitaxeraw.BitaxeManufacturer, Product: bitaxeraw.BitaxeProduct,
	}
}

// Boards lists the boards that OpenUSB opens: "bitaxe" for any, and each kind.
func Boards() []board.Kind {
	list := []board.Kind{{
		Name: "bitaxe", About: "any Bitaxe on USB whose controller runs bitaxe-raw: its chips are asked what they are",
		Where: board.USBPorts, Settings: board.LineSettings(), Open: open(nil), Detect: func() board.Finding { return detect(usb()) },
	}}
	for _, k := range Kinds() {
		list = append(list, board.Kind{
			Name: k.Name, About: "Bitaxe " + k.About + " on USB whose controller runs bitaxe-raw",
			Where: board.USBPorts, Settings: board.LineSettings(), Open: open(&k), Detect: func() board.Finding { return perhaps(detect(usb())) },
		})
	}
	return list
}

// perhaps is the finding for one kind: USB does not tell which one it is.
func perhaps(f board.Finding) board.Finding {
	if f.Found {
		f.Found, f.Check = false, "only its chips know which one it is: open bitaxe, or name it"
	}
	return f
}

// open opens a kind, or with nil asks the board which one it is.
func open(k *Kind) func(board.OpenConfig) (*board.Board, io.Closer, error) {
	return func(c board.OpenConfig) (*board.Board, io.Closer, error) {
		control, data, err := board.CutPorts(c.Where)
		if err != nil {
			return nil, nil, err
		}
		zeros, baud, err := c.Line()
		if err != nil {
			return nil, nil, err
		}
		return OpenUSB(control, data, k, Options{Clock: c.Clock, Voltage: c.Voltage, WiredZeros: zeros, Baud: baud, Log: c.Log})
	}
}
