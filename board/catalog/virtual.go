//go:build !novirtual

package catalog

import (
	"io"
	"strings"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/virtual"
)

// virtuals are the boards in this process, as "virtual:NAME".
func virtuals() []board.Kind {
	return []board.Kind{{
		Name: "virtual", Where: "NAME",
		About: "virtual board in this process: " + strings.Join(virtual.Names(), ", "),
		Open: func(c board.OpenConfig) (*board.Board, io.Closer, error) {
			b, err := virtual.New(virtual.Config{Board: c.Where, Log: c.Log})
			if err != nil {
				return nil, nil, err
			}
			return b.Board, nil, nil
		},
	}}
}
