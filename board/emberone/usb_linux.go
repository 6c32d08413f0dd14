package emberone

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/serial"
)

// startBaud is the rate that chips have after a reset; the control port has none.
const startBaud = 115200

func detect(u board.USB) board.Finding { return u.Find(os.DirFS("/sys"), serial.Access) }

func host() board.USBHost {
	return board.USBHost{Sys: os.DirFS("/sys"), Resolve: filepath.EvalSymlinks, Open: openLine}
}

func openLine(path string) (board.Line, error) {
	if err := serial.Access(path); err != nil {
		return nil, err
	}
	return serial.Open(path, startBaud)
}

// OpenUSB opens the board's two serial ports, such as /dev/ttyACM0 (control) and
// /dev/ttyACM1 (data). Close them when the board has no power any more.
func OpenUSB(control, data string, o Options) (*board.Board, io.Closer, error) {
	c, err := host().Cable(control, data)
	if err != nil {
		return nil, nil, fmt.Errorf("emberone: %w", err)
	}
	b, err := FromCable(c, o)
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return b, c, nil
}
