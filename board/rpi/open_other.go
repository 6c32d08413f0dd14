//go:build !linux

package rpi

import (
	"errors"

	"github.com/lodefw/lode/drivers/bitfury"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

var errOther = errors.New("rpi: this is no Raspberry Pi with Linux")

func (o *opening) spi(spi.Mode, physic.Frequency) (spi.Conn, error) { return nil, errOther }

func (o *opening) wires() (bitfury.Lines, error) { return bitfury.Lines{}, errOther }
