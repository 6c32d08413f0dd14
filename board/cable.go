package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Line is one of the serial ports that a board hangs on.
type Line interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetBaud(int) error
}

// ErrUnplugged says that a board's ports are gone: whatever it is told, it does not
// hear.
var ErrUnplugged = errors.New("board: not connected, is its cable plugged in?")

// A Cable leads to a board's control port and to its data port. When it is pulled out
// both go away for good; when it is plugged in again there are others, perhaps under
// other names. What hangs on its two ends stays, and sees ErrUnplugged in between.
type Cable struct {
	control, data End
	open          func() (control, data Line, where string, err error)

	mu     sync.Mutex // one Reconnect at a time
	closed bool
}

// NewCable opens the ports for the first time. Open finds them wherever they are now,
// and says where for people.
func NewCable(open func() (control, data Line, where string, err error)) (*Cable, error) {
	control, data, _, err := open()
	if err != nil {
		return nil, err
	}
	c := &Cable{open: open}
	c.control.now.Store(&port{Line: control})
	c.data.now.Store(&port{Line: data})
	return c, nil
}

// Control is the end of the control port.
func (c *Cable) Control() *End { return &c.control }

// Data is the end of the chips' line.
func (c *Cable) Data() *End { return &c.data }

// Reconnect opens the ports anew if one of them is gone; where is empty if none is.
// Nobody else reaches the new ones before look has found the same board there, and has
// made it safe: it may have been hashing all the while.
func (c *Cable) Reconnect(look func(control, data Line) error) (where string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return "", ErrUnplugged
	}
	if c.control.alive() && c.data.alive() {
		return "", nil
	}
	_ = c.drop() // they are dead; while they are open their names stay taken
	control, data, where, err := c.open()
	if err != nil {
		return "", fmt.Errorf("%w %w", ErrUnplugged, err)
	}
	if err := look(control, data); err != nil {
		return "", errors.Join(fmt.Errorf("%w %s: %w", ErrUnplugged, where, err), control.Close(), data.Close())
	}
	c.control.now.Store(&port{Line: control})
	c.data.now.Store(&port{Line: data})
	return where, nil
}

// Close closes the ports, and ends whatever waits for them.
func (c *Cable) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.drop()
}

func (c *Cable) drop() error { return errors.Join(c.control.drop(), c.data.drop()) }

// End is a port that may be another one after a while.
type End struct{ now atomic.Pointer[port] }

// port is an open one; nil: none is.
type port struct {
	Line
	gone atomic.Bool
}

func (e *End) alive() bool {
	p := e.now.Load()
	return p != nil && !p.gone.Load()
}

func (e *End) drop() error {
	if p := e.now.Swap(nil); p != nil {
		return p.Close()
	}
	return nil
}

// try does something with the port, and takes note when that shows that it is gone.
func (e *End) try(f func(Line) error) error {
	p := e.now.Load()
	if p == nil || p.gone.Load() {
		return ErrUnplugged
	}
	err := f(p.Line)
	if err != nil && !isLate(err) {
		p.gone.Store(true)
		err = fmt.Errorf("%w %w", ErrUnplugged, err)
	}
	return err
}

// isLate tells a deadline that has passed from a port that fails.
func isLate(err error) bool {
	var late interface{ Timeout() bool }
	return errors.As(err, &late) && late.Timeout()
}

// Read is part of io.Reader.
func (e *End) Read(b []byte) (n int, err error) {
	err = e.try(func(l Line) (err error) { n, err = l.Read(b); return err })
	return n, err
}

// Write is part of io.Writer.
func (e *End) Write(b []byte) (n int, err error) {
	err = e.try(func(l Line) (err error) { n, err = l.Write(b); return err })
	return n, err
}

// SetReadDeadline bounds the wait of Read.
func (e *End) SetReadDeadline(t time.Time) error {
	return e.try(func(l Line) error { return l.SetReadDeadline(t) })
}

// SetBaud changes the rate. A rate that the port has not got is no sign that it is gone.
func (e *End) SetBaud(baud int) error {
	p := e.now.Load()
	if p == nil || p.gone.Load() {
		return ErrUnplugged
	}
	return p.SetBaud(baud)
}

// RenewOver is a Board's Renew for one that hangs on a cable: over new ports the board is
// looked at and set up by fresh, and over those that are still there by stays.
func (c *Cable) RenewOver(stays func(context.Context) (string, error), fresh func(ctx context.Context, control, data Line) error) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		where, err := c.Reconnect(func(control, data Line) error { return fresh(ctx, control, data) })
		switch {
		case err != nil:
			return "", err
		case where != "":
			return "its cable is plugged in again: " + where, nil
		}
		return stays(ctx)
	}
}
