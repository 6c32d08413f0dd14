//go:build !linux

package emberone

import (
	"errors"
	"io"

	"github.com/lodefw/lode/board"
)

func detect(u board.USB) board.Finding {
	return board.Finding{Saw: "a system that is not Linux", Want: u.About}
}

// OpenUSB needs Linux: the chips' baud rates are not among those of other systems'
// serial ports.
func OpenUSB(control, data string, o Options) (*board.Board, io.Closer, error) {
	return nil, nil, errors.New("emberone: boards on USB need Linux")
}
