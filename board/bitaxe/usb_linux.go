package bitaxe

import (
	"errors"
	"fmt"
	"io"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/serial"
)

// startBaud is the rate that chips have after a reset; the control port has none.
const startBaud = 115200

// OpenUSB opens the two serial ports of a board whose controller runs bitaxe-raw,
// such as /dev/ttyACM0 (control) and /dev/ttyACM1 (data). Close them when the board
// has no power any more.
func OpenUSB(control, data string, k Kind, o Options) (*board.Board, io.Closer, error) {
	c, err := serial.Open(control, startBaud)
	if err != nil {
		return nil, nil, fmt.Errorf("bitaxe: control port: %w", err)
	}
	d, err := serial.Open(data, startBaud)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("bitaxe: data port: %w", err), c.Close())
	}
	ports := closers{c, d}
	b, err := FromUSB(c, d, k, o)
	if err != nil {
		return nil, nil, errors.Join(err, ports.Close())
	}
	return b, ports, nil
}

type closers []io.Closer

// Close closes all.
func (list closers) Close() (err error) {
	for _, c := range list {
		err = errors.Join(err, c.Close())
	}
	return err
}
