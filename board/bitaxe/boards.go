package bitaxe

import (
	"errors"
	"io"
	"strings"

	"github.com/lodefw/lode/board"
)

// Boards lists the boards that OpenUSB opens.
func Boards() (list []board.Kind) {
	for _, k := range Kinds() {
		list = append(list, board.Kind{
			Name: k.Name, About: "Bitaxe with a " + k.Model.String() + " whose controller runs bitaxe-raw, on USB",
			Where: "CONTROL,DATA, such as /dev/ttyACM0,/dev/ttyACM1",
			Open: func(c board.OpenConfig) (*board.Board, io.Closer, error) {
				control, data, both := strings.Cut(c.Where, ",")
				if !both || control == "" || data == "" {
					return nil, nil, errors.New("bitaxe: the board hangs on two serial ports: say which, as in " +
						k.Name + ":/dev/ttyACM0,/dev/ttyACM1")
				}
				return OpenUSB(control, data, k, Options{Clock: c.Clock, Log: c.Log})
			},
		})
	}
	return list
}
