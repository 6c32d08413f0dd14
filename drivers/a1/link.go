package a1

import (
	"fmt"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
)

// The bus (REFERENCE.md, "Bus").
const (
	Mode         = spi.Mode1
	DefaultSpeed = 2 * physic.MegaHertz
	MinSpeed     = 500 * physic.KiloHertz
	MaxSpeed     = 4 * physic.MegaHertz
)

// MaxChips is the longest chain that programs are known to drive.
const MaxChips = 64

// Connect opens a chain's end of a port; a speed of 0 is the default.
func Connect(p spi.Port, speed physic.Frequency) (spi.Conn, error) {
	if speed == 0 {
		speed = DefaultSpeed
	}
	if speed < MinSpeed || speed > MaxSpeed {
		return nil, fmt.Errorf("a1: bus speed of %v, want %v to %v", speed, MinSpeed, MaxSpeed)
	}
	c, err := p.Connect(speed, Mode, 8)
	if err != nil {
		return nil, fmt.Errorf("a1: %v: %w", p, err)
	}
	return c, nil
}

// longest is the longest exchange: a job and the zeros that push its echo out of
// the last chip, and the larger slack of an enumerate.
const longest = jobSize + trailer + 4*MaxChips + 64

// link makes exchanges on the bus: a command in one transfer, then zeros in
// another that push the answer out. It belongs to one goroutine and does not
// allocate.
type link struct {
	conn  spi.Conn
	w, r  [longest]byte
	zeros [longest]byte
}

// command starts a message: what is written to the returned bytes is sent.
func (l *link) command(cmd command, chip, payload int) []byte {
	b := l.w[:headSize+payload+trailer]
	clear(b)
	b[0], b[1] = byte(cmd), byte(chip)
	return b
}

// exchange sends msg, then as many zeros as push says, and returns all that came
// back. It is valid until the next exchange.
func (l *link) exchange(msg []byte, push int) ([]byte, error) {
	n := len(msg)
	if err := l.conn.Tx(msg, l.r[:n]); err != nil {
		return nil, fmt.Errorf("a1: bus: %w", err)
	}
	if push > 0 {
		if err := l.conn.Tx(l.zeros[:push], l.r[n:n+push]); err != nil {
			return nil, fmt.Errorf("a1: bus: %w", err)
		}
	}
	return l.r[:n+push], nil
}

// answerAt is how far behind its command the answer of a chip begins, in bytes;
// of all n chips for a broadcast.
func answerAt(chip int) int { return 4*chip - 2 }
func echoAt(n int) int      { return 4 * n }
