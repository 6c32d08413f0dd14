package i2csim

import (
	"fmt"
	"slices"
)

// Registers is a chip with a register pointer: the first byte written chooses
// the register, further bytes go into it, a read returns it. Registers are one
// byte wide or as wide as their value.
type Registers struct {
	// Next makes longer reads and writes go on with the next address, as most
	// chips with byte registers do.
	Next bool

	pointer byte
	regs    map[byte]*register
	refresh func(reg byte) // updates what is measured, before a read
	written func(reg byte) // acts on a write
}

type register struct {
	value []byte
	fixed bool   // not writable
	first []byte // before the host wrote to it; nil: it never did
}

// NewRegisters returns a chip with the given values, all writable.
func NewRegisters(values map[byte][]byte) *Registers {
	c := &Registers{regs: map[byte]*register{}}
	for reg, v := range values {
		c.Set(reg, v...)
	}
	return c
}

// Set changes a register from the inside, whether the host could write it or not.
func (c *Registers) Set(reg byte, v ...byte) {
	if r := c.regs[reg]; r != nil {
		r.value = append(r.value[:0], v...)
		return
	}
	c.regs[reg] = &register{value: append([]byte(nil), v...)}
}

// fix makes registers read only.
func (c *Registers) fix(regs ...byte) {
	for _, reg := range regs {
		c.regs[reg].fixed = true
	}
}

// Get returns a register's bytes, nil if the chip has no such register.
func (c *Registers) Get(reg byte) []byte {
	if r := c.regs[reg]; r != nil {
		return r.value
	}
	return nil
}

// PowerCycle makes the chip forget whatever the host has written. Call it within Bus.Do.
func (c *Registers) PowerCycle() {
	for reg, r := range c.regs {
		if r.first == nil {
			continue
		}
		copy(r.value, r.first)
		if c.written != nil {
			c.written(reg)
		}
	}
}

// Tx implements Device.
func (c *Registers) Tx(w, r []byte) error {
	if len(w) > 0 {
		c.pointer = w[0]
		if err := c.write(w[1:]); err != nil {
			return err
		}
	}
	c.read(r)
	return nil
}

func (c *Registers) write(data []byte) error {
	reg := c.pointer
	for len(data) > 0 {
		r := c.regs[reg]
		if r == nil {
			return fmt.Errorf("register %#02x does not exist: %w", reg, ErrNAK)
		}
		n := min(len(r.value), len(data))
		if n == 0 {
			return fmt.Errorf("register %#02x takes no data: %w", reg, ErrNAK)
		}
		if !r.fixed {
			if r.first == nil {
				r.first = slices.Clone(r.value)
			}
			copy(r.value, data[:n])
			if c.written != nil {
				c.written(reg)
			}
		}
		data, reg = data[n:], reg+1
		if !c.Next {
			break
		}
	}
	return nil
}

// read fills out; what lies beyond a register reads as FF, as an idle bus does.
func (c *Registers) read(out []byte) {
	reg := c.pointer
	for len(out) > 0 {
		if c.refresh != nil {
			c.refresh(reg)
		}
		n := copy(out, c.Get(reg))
		if n == 0 {
			out[0], n = 0xff, 1
		}
		out, reg = out[n:], reg+1
		if !c.Next {
			break
		}
	}
	for i := range out {
		out[i] = 0xff
	}
}
