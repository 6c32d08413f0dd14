//go:build !linux

package main

import "errors"

func openPTY() (line, error) {
	return nil, errors.New("lode-sim: devices need Linux; -unix serves sockets")
}
