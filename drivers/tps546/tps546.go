// Package tps546 drives the TPS546D24A, the core voltage regulator of Bitaxe
// boards, on PMBus. REFERENCE.md beside this file says what is known of it.
package tps546

import (
	"encoding/binary"
	"fmt"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/mmr"
	"periph.io/x/conn/v3/physic"
)

// Commands (PMBus part II, table 31; TPS546D24A datasheet, 7.6).
const (
	cmdOperation   = 0x01
	cmdOnOffConfig = 0x02
	cmdClearFaults = 0x03
	cmdVoutMode    = 0x20
	cmdVoutCommand = 0x21
	cmdStatusWord  = 0x79
	cmdReadVin     = 0x88
	cmdReadVout    = 0x8b
	cmdReadIout    = 0x8c
	cmdReadTemp    = 0x8d
	cmdDeviceID    = 0xad
)

const (
	operationOff = 0x00 // immediately
	operationOn  = 0x80
	// onOffConfig obeys OPERATION and not the CONTROL pin, and is off at power-up.
	onOffConfig = 0x1b
)

// Options of New.
type Options struct {
	// Min and Max are the board's limits of the output; chips in series have
	// their voltage times their number here. Without them no voltage is set.
	Min, Max physic.ElectricPotential
	// Stage, when set, is written to the chip: the power stage around it. Without
	// it the chip goes by its pins and its own memory.
	Stage *Stage
}

// Regulator is one chip.
type Regulator struct {
	dev      mmr.Dev8
	addr     uint16
	min, max physic.ElectricPotential
	exp      int8 // of VOUT
}

// New looks for the chip at addr (0x24 on Bitaxe), turns its output off, and
// sets it up. Nothing is ever stored in the chip's memory.
func New(bus i2c.Bus, addr uint16, o Options) (*Regulator, error) {
	r := &Regulator{
		dev:  mmr.Dev8{Conn: &i2c.Dev{Bus: bus, Addr: addr}, Order: binary.LittleEndian},
		addr: addr, min: o.Min, max: o.Max,
	}
	if err := r.probe(); err != nil {
		return nil, fmt.Errorf("tps546: no regulator at address %#02x: %w", addr, err)
	}
	if err := r.setup(o.Stage); err != nil {
		return nil, fmt.Errorf("tps546: set up: %w", err)
	}
	return r, nil
}

// probe tries for 20 ms: the chip answers 8 ms after its supply is up.
func (r *Regulator) probe() (err error) {
	for range 6 {
		if err = r.id(); err == nil {
			return nil
		}
		time.Sleep(3 * time.Millisecond)
	}
	return err
}

// id reads the block at AD: 54 49 54 6D 24 and 41 (D24A) or 62 (D24S).
func (r *Regulator) id() error {
	var id [7]byte
	if err := r.dev.Tx([]byte{cmdDeviceID}, id[:]); err != nil {
		return err
	}
	if string(id[:6]) != "\x06TIT\x6d\x24" || id[6] != 0x41 && id[6] != 0x62 {
		return fmt.Errorf("its id is % x, want 06 54 49 54 6d 24 and 41 or 62; is it another board version?", id)
	}
	return nil
}

func (r *Regulator) setup(stage *Stage) error {
	if err := r.Off(); err != nil {
		return err
	}
	if err := r.dev.WriteUint8(cmdOnOffConfig, onOffConfig); err != nil {
		return err
	}
	mode, err := r.dev.ReadUint8(cmdVoutMode)
	if err != nil {
		return err
	}
	exp, ok := exponent(mode)
	if !ok {
		return fmt.Errorf("output mode is %#02x, want a linear one (0x17 or 0x97)", mode)
	}
	r.exp = exp
	if stage != nil {
		if err := r.write(stage.settings(mode, r.min, r.max)); err != nil {
			return err
		}
	}
	return r.ClearFaults()
}

// String names the chip and its address.
func (r *Regulator) String() string { return fmt.Sprintf("TPS546 at %#02x", r.addr) }

// SetVoltage chooses the output, on or off, and reads it back.
func (r *Regulator) SetVoltage(v physic.ElectricPotential) error {
	if v < r.min || v > r.max || v <= 0 {
		return fmt.Errorf("tps546: %v is outside the board's limits %v to %v", v, r.min, r.max)
	}
	want := toLinear16(v, r.exp, physic.Volt)
	if err := r.dev.WriteUint16(cmdVoutCommand, want); err != nil {
		return fmt.Errorf("tps546: set voltage: %w", err)
	}
	got, err := r.dev.ReadUint16(cmdVoutCommand)
	if err == nil && got != want {
		err = fmt.Errorf("wrote %#04x, read back %#04x; the output is left as it is, turn it off", want, got)
	}
	if err != nil {
		return fmt.Errorf("tps546: set voltage: %w", err)
	}
	return nil
}

// On turns the output on at the voltage that was set last.
func (r *Regulator) On() error {
	raw, err := r.dev.ReadUint16(cmdVoutCommand)
	if err != nil {
		return fmt.Errorf("tps546: turn on: %w", err)
	}
	if v := linear16(raw, r.exp, physic.Volt); v < r.min-physic.MilliVolt || v > r.max+physic.MilliVolt {
		return fmt.Errorf("tps546: turn on: the output is set to %v, outside the board's limits %v to %v; set a voltage first", v, r.min, r.max)
	}
	return r.operate(operationOn)
}

// Off turns the output off, whatever state the rest is in.
func (r *Regulator) Off() error { return r.operate(operationOff) }

func (r *Regulator) operate(op uint8) error {
	if err := r.dev.WriteUint8(cmdOperation, op); err != nil {
		return fmt.Errorf("tps546: operation %#02x: %w", op, err)
	}
	got, err := r.dev.ReadUint8(cmdOperation)
	if err == nil && got != op {
		err = fmt.Errorf("read back %#02x", got)
	}
	if err != nil {
		return fmt.Errorf("tps546: operation %#02x: %w", op, err)
	}
	return nil
}

// ClearFaults forgets latched faults. An output that a fault turned off stays off.
func (r *Regulator) ClearFaults() error {
	if err := r.dev.Tx([]byte{cmdClearFaults}, nil); err != nil {
		return fmt.Errorf("tps546: clear faults: %w", err)
	}
	return nil
}

// Voltage is the measured output.
func (r *Regulator) Voltage() (physic.ElectricPotential, error) {
	raw, err := r.dev.ReadUint16(cmdReadVout)
	if err != nil {
		return 0, fmt.Errorf("tps546: output voltage: %w", err)
	}
	return linear16(raw, r.exp, physic.Volt), nil
}

// Input is the measured input voltage.
func (r *Regulator) Input() (physic.ElectricPotential, error) {
	raw, err := r.dev.ReadUint16(cmdReadVin)
	if err != nil {
		return 0, fmt.Errorf("tps546: input voltage: %w", err)
	}
	return linear11(raw, physic.Volt), nil
}

// Current is the measured output current.
func (r *Regulator) Current() (physic.ElectricCurrent, error) {
	raw, err := r.dev.ReadUint16(cmdReadIout)
	if err != nil {
		return 0, fmt.Errorf("tps546: output current: %w", err)
	}
	return linear11(raw, physic.Ampere), nil
}

// Temperature is the regulator's own.
func (r *Regulator) Temperature() (physic.Temperature, error) {
	raw, err := r.dev.ReadUint16(cmdReadTemp)
	if err != nil {
		return 0, fmt.Errorf("tps546: temperature: %w", err)
	}
	return physic.ZeroCelsius + linear11(raw, physic.Celsius), nil
}
