package emberone

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/serial"
)

// startBaud is the rate that chips have after a reset; the control port has none.
const startBaud = 115200

func detect(u board.USB) board.Finding { return u.Find(os.DirFS("/sys"), serial.Access) }

// OpenUSB opens the board's two serial ports, such as /dev/ttyACM0 (control) and
// /dev/ttyACM1 (data). Close them when the board has no power any more.
func OpenUSB(control, data string, o Options) (*board.Board, io.Closer, error) {
	if err := errors.Join(serial.Access(control), serial.Access(data)); err != nil {
		return nil, nil, fmt.Errorf("emberone: %w", err)
	}
	c, err := serial.Open(control, startBaud)
	if err != nil {
		return nil, nil, fmt.Errorf("emberone: control port: %w", err)
	}
	d, err := serial.Open(data, startBaud)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("emberone: data port: %w", err), c.Close())
	}
	b, err := FromUSB(c, d, o)
	if err != nil {
		return nil, nil, errors.Join(err, c.Close(), d.Close())
	}
	return b, ports{c, d}, nil
}

type ports [2]io.Closer

// Close closes both.
func (p ports) Close() error { return errors.Join(p[0].Close(), p[1].Close()) }
