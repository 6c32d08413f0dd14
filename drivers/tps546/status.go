package tps546

import (
	"errors"
	"fmt"
	"strings"
)

// ErrFault says that the regulator reports a fault; the text has the names.
var ErrFault = errors.New("regulator fault")

// Status is STATUS_WORD and the registers behind its bits.
type Status struct {
	Word                           uint16
	Vout, Iout, Input, Heat, Comms uint8 // 7A to 7E
}

// Off says that the output is off, for whatever reason.
func (s Status) Off() bool { return s.Word&0x0040 != 0 }

// Err is ErrFault with the names of all latched faults, or nil. Warnings and
// trouble on the bus alone are no fault.
func (s Status) Err() error {
	var names []string
	for _, c := range causes {
		if c.register(s)&c.bit != 0 && c.fault {
			names = append(names, c.name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("tps546: %w: %s", ErrFault, strings.Join(names, ", "))
}

// String lists faults and warnings.
func (s Status) String() string {
	var names []string
	for _, c := range causes {
		if c.register(s)&c.bit != 0 {
			names = append(names, c.name)
		}
	}
	if s.Off() {
		names = append(names, "off")
	}
	if len(names) == 0 {
		return "good"
	}
	return strings.Join(names, ", ")
}

type cause struct {
	register func(Status) uint8
	bit      uint8
	fault    bool
	name     string
}

func vout(s Status) uint8  { return s.Vout }
func iout(s Status) uint8  { return s.Iout }
func input(s Status) uint8 { return s.Input }
func heat(s Status) uint8  { return s.Heat }
func comms(s Status) uint8 { return s.Comms }

// causes are the bits of the status registers (TPS546D24A datasheet, 7.6.50 to 54).
var causes = [...]cause{
	{vout, 0x80, true, "output over voltage"},
	{vout, 0x40, false, "output over voltage warning"},
	{vout, 0x20, false, "output under voltage warning"},
	{vout, 0x10, true, "output under voltage"},
	{vout, 0x08, false, "voltage beyond VOUT_MAX or VOUT_MIN refused"},
	{vout, 0x04, true, "output did not rise in time"},
	{iout, 0x80, true, "output over current"},
	{iout, 0x20, false, "output over current warning"},
	{input, 0x80, true, "input over voltage"},
	{input, 0x20, false, "input under voltage warning"},
	{input, 0x08, true, "input too low"},
	{heat, 0x80, true, "over temperature"},
	{heat, 0x40, false, "over temperature warning"},
	{comms, 0x80, false, "invalid command"},
	{comms, 0x40, false, "invalid data"},
	{comms, 0x10, true, "memory error"},
	{comms, 0x02, false, "communication error"},
}

// Status reads the status word, and the registers behind it that have something
// to say.
func (r *Regulator) Status() (Status, error) {
	word, err := r.dev.ReadUint16(cmdStatusWord)
	if err != nil {
		return Status{}, fmt.Errorf("tps546: status: %w", err)
	}
	s := Status{Word: word}
	for _, part := range []struct {
		bit uint16
		cmd uint8
		v   *uint8
	}{
		{0x8000, 0x7a, &s.Vout}, {0x4000, 0x7b, &s.Iout}, {0x2000, 0x7c, &s.Input},
		{0x0004, 0x7d, &s.Heat}, {0x0002, 0x7e, &s.Comms},
	} {
		if word&part.bit == 0 {
			continue
		}
		if *part.v, err = r.dev.ReadUint8(part.cmd); err != nil {
			return Status{}, fmt.Errorf("tps546: status %#02x: %w", part.cmd, err)
		}
	}
	return s, nil
}
