package bm13xx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Register 20 of a BM1387 is the I²C master of its own (bosminer, bm1387.rs):
// 31 busy, 24 go, 23..17 address, 16 write, 15..8 register, 7..0 data.
const (
	reg87I2C  Reg = 0x20
	i2cBusy       = 1 << 31
	i2cGo         = 1 << 24
	i2cWrite      = 1 << 16
	i2cTries      = 50 // 1 ms apart, until it is not busy
	i2cRepeat     = 3  // reads that answer for another register
	i2cPause      = 50 * ms
	i2cLimit      = time.Second

	// Its pins are those that misc control gives it: 30 leaves the rate alone, 14
	// and 6..5 are data and clock, 16 another pair of pins.
	miscI2C     = 1<<30 | 1<<14 | 3<<5
	miscI2CPair = 1 << 16
)

// ChipBus is the I²C bus behind a chip: hash boards have their thermometer there.
// It speaks while its chain is in Run, and knows devices with registers of a byte:
// a transaction writes a register's number and reads a byte, or writes both.
type ChipBus struct {
	c    *Chain
	chip int
}

var _ i2c.Bus = (*ChipBus)(nil)

// I2C is the bus behind a chip, whose pins it sets up. It is an error for models
// whose chips are not known to have one.
func (c *Chain) I2C(ctx context.Context, chip int) (*ChipBus, error) {
	if c.model != BM1387 || chip < 0 || chip >= c.Chips() {
		return nil, fmt.Errorf("bm13xx: no I²C bus is known behind chip %d of %d %v", chip, c.Chips(), c.model)
	}
	b := &ChipBus{c, chip}
	misc, err := c.readChip(ctx, chip, reg87MiscControl)
	if err == nil {
		err = c.writeChip(ctx, chip, reg87MiscControl, misc&^miscI2CPair|miscI2C)
	}
	if err == nil {
		_, err = b.idle(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("bm13xx: the I²C bus of chip %d: %w", chip, err)
	}
	return b, nil
}

// String names the bus.
func (b *ChipBus) String() string { return fmt.Sprintf("I²C of chip %d", b.chip) }

// SetSpeed cannot be done.
func (b *ChipBus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("bm13xx: the speed of the %v is the chip's", b)
}

// Tx does one transaction. A device that does not acknowledge reads as FF: its
// driver must look at an id.
func (b *ChipBus) Tx(addr uint16, w, r []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), i2cLimit)
	defer cancel()
	var err error
	switch {
	case addr > 0x7f:
		err = fmt.Errorf("address %#x has more than seven bits", addr)
	case len(w) == 1 && len(r) == 1:
		r[0], err = b.read(ctx, uint32(addr), w[0])
	case len(w) == 2 && len(r) == 0:
		err = b.write(ctx, uint32(addr)<<17|i2cWrite|uint32(w[0])<<8|uint32(w[1]))
	default:
		err = fmt.Errorf("the chip cannot write %d bytes and read %d", len(w), len(r))
	}
	if err != nil {
		return fmt.Errorf("bm13xx: %v: %w", b, err)
	}
	return nil
}

func (b *ChipBus) write(ctx context.Context, value uint32) error {
	if _, err := b.idle(ctx); err != nil {
		return err
	}
	if err := b.c.writeChip(ctx, b.chip, reg87I2C, i2cGo|value); err != nil {
		return err
	}
	_, err := b.idle(ctx)
	return err
}

func (b *ChipBus) read(ctx context.Context, addr uint32, reg byte) (byte, error) {
	const about = 0x00fe_ff00 // address and register
	want := addr<<17 | uint32(reg)<<8
	var got uint32
	for try := range i2cRepeat {
		if try > 0 {
			if err := sleep(ctx, i2cPause); err != nil {
				return 0, err
			}
		}
		if err := b.write(ctx, want); err != nil {
			return 0, err
		}
		var err error
		if got, err = b.idle(ctx); err != nil {
			return 0, err
		}
		if got&about == want {
			return byte(got), nil
		}
	}
	return 0, fmt.Errorf("asked for %08x, the chip answers for %08x", want, got&about)
}

// idle waits until the master is not busy, and returns its register.
func (b *ChipBus) idle(ctx context.Context) (value uint32, err error) {
	for range i2cTries {
		if value, err = b.c.readChip(ctx, b.chip, reg87I2C); err != nil {
			return 0, err
		}
		if value&i2cBusy == 0 {
			return value, nil
		}
		if err := sleep(ctx, ms); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("busy for ever: %08x", value)
}

// readChip reads a register of one chip of a chain that is in Run.
func (c *Chain) readChip(ctx context.Context, chip int, reg Reg) (uint32, error) {
	values, err := c.read(ctx, &reading{reg: reg, one: true, chip: chip})
	for errors.Is(err, errBusy) { // somebody reads all chips
		if err = sleep(ctx, i2cPause); err == nil {
			values, err = c.read(ctx, &reading{reg: reg, one: true, chip: chip})
		}
	}
	if err != nil {
		return 0, err
	}
	if len(values) == 0 {
		return 0, fmt.Errorf("chip %d does not answer for register %02x", chip, reg)
	}
	return values[0].Value, nil
}

// writeChip writes a register of one chip of a chain that is in Run.
func (c *Chain) writeChip(ctx context.Context, chip int, reg Reg, value uint32) error {
	c.mu.Lock()
	cmd := c.to(chip, reg, value)
	c.mu.Unlock()
	req := request{write: &cmd, done: make(chan error, 1)}
	if err := c.request(ctx, req); err != nil {
		return err
	}
	select {
	case err := <-req.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
