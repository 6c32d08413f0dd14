package board

import (
	"context"

	"periph.io/x/conn/v3/i2c"
)

// BusUntil is a bus on which nothing is begun any more once ctx has ended: for a Renew,
// which may talk to many parts that each answer late.
func BusUntil(ctx context.Context, bus i2c.Bus) i2c.Bus { return busUntil{bus, ctx} }

type busUntil struct {
	i2c.Bus
	ctx context.Context // a Bus has no other way to end
}

// Tx is part of i2c.Bus.
func (u busUntil) Tx(addr uint16, w, r []byte) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	return u.Bus.Tx(addr, w, r)
}
