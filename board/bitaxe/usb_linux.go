package bitaxe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/drivers/serial"
)

// startBaud is the rate that chips have after a reset; the control port has none.
const startBaud = 115200

// askWithin bounds how long a board may be asked for its kind.
const askWithin = 10 * time.Second

func detect(u board.USB) board.Finding { return u.Find(os.DirFS("/sys"), serial.Access) }

// OpenUSB opens the two serial ports of a board whose controller runs bitaxe-raw,
// such as /dev/ttyACM0 (control) and /dev/ttyACM1 (data). Without a kind the board
// is asked for it. Close the ports when the board has no power any more.
func OpenUSB(control, data string, k *Kind, o Options) (*board.Board, io.Closer, error) {
	if err := errors.Join(serial.Access(control), serial.Access(data)); err != nil {
		return nil, nil, fmt.Errorf("bitaxe: %w", err)
	}
	c, err := serial.Open(control, startBaud)
	if err != nil {
		return nil, nil, fmt.Errorf("bitaxe: control port: %w", err)
	}
	d, err := serial.Open(data, startBaud)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("bitaxe: data port: %w", err), c.Close())
	}
	ports := closers{c, d}
	b, err := openOn(c, d, k, o)
	if err != nil {
		return nil, nil, errors.Join(err, ports.Close())
	}
	return b, ports, nil
}

func openOn(control, data *serial.Port, k *Kind, o Options) (*board.Board, error) {
	p, err := fromBridge(control, data, o.Bridge)
	if err != nil {
		return nil, err
	}
	if k == nil {
		ctx, stop := context.WithTimeout(context.Background(), askWithin)
		defer stop()
		asked, err := Ask(ctx, p, o)
		if err != nil {
			return nil, err
		}
		k = &asked
	}
	return New(p, *k, o)
}

type closers []io.Closer

// Close closes all.
func (list closers) Close() (err error) {
	for _, c := range list {
		err = errors.Join(err, c.Close())
	}
	return err
}
