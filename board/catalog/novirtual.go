//go:build novirtual

package catalog

import (
	"errors"
	"io"

	"github.com/lodefw/lode/board"
)

// virtuals says where the virtual boards are, as this program has none.
func virtuals() []board.Kind {
	return []board.Kind{{
		Name: "virtual", Where: "NAME",
		About: "left out of this program, which is made for a device's flash; the lode-miner of a computer has them",
		Open: func(board.OpenConfig) (*board.Board, io.Closer, error) {
			return nil, nil, errors.New("catalog: this program is made for a device's flash, so virtual boards are left out of it; take the lode-miner of a computer (make build), or lode-sim")
		},
	}}
}
