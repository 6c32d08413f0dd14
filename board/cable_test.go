package board_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/board"
)

// port is a line that somebody may break.
type port struct {
	name   string
	broken error
	closed bool
}

func (p *port) Read([]byte) (int, error) {
	if p.broken != nil {
		return 0, p.broken
	}
	return 0, os.ErrDeadlineExceeded
}

func (p *port) Write(b []byte) (int, error)     { return len(b), p.broken }
func (p *port) SetReadDeadline(time.Time) error { return p.broken }
func (p *port) SetBaud(int) error               { return errors.New("no such rate") }
func (p *port) Close() error                    { p.closed = true; return nil }

// lines opens ports, and remembers them.
type lines struct {
	list []*port
	err  error
}

func (l *lines) open() (control, data board.Line, where string, err error) {
	if l.err != nil {
		return nil, nil, "", l.err
	}
	c, d := &port{name: "control"}, &port{name: "data"}
	l.list = append(l.list, c, d)
	return c, d, "here", nil
}

func (l *lines) allClosed() bool {
	for _, p := range l.list {
		if !p.closed {
			return false
		}
	}
	return true
}

func TestReconnect(t *testing.T) {
	var l lines
	c, err := board.NewCable(l.open)
	if err != nil {
		t.Fatal(err)
	}
	look := func(control, data board.Line) error {
		if _, err := c.Control().Write([]byte{1}); !errors.Is(err, board.ErrUnplugged) {
			t.Errorf("while the new ports are looked at, others get %v", err)
		}
		return nil
	}
	var b [4]byte
	if _, err := c.Data().Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, board.ErrUnplugged) {
		t.Errorf("a deadline that has passed: %v", err)
	}
	if err := c.Data().SetBaud(1); err == nil || errors.Is(err, board.ErrUnplugged) {
		t.Errorf("a rate that is missing: %v", err)
	}
	if where, err := c.Reconnect(look); where != "" || err != nil {
		t.Errorf("nothing is gone: %q, %v", where, err)
	}
	l.list[1].broken = io.ErrUnexpectedEOF
	if _, err := c.Data().Read(b[:]); !errors.Is(err, board.ErrUnplugged) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a port that is gone: %v", err)
	}
	l.err = errors.New("not there")
	if _, err := c.Reconnect(look); !errors.Is(err, board.ErrUnplugged) || !strings.Contains(err.Error(), "not there") {
		t.Errorf("%v", err)
	}
	if !l.allClosed() {
		t.Error("a dead cable's ports are open")
	}
	l.err = nil
	if _, err := c.Reconnect(func(_, _ board.Line) error { return errors.New("another board") }); !errors.Is(err, board.ErrUnplugged) || !strings.Contains(err.Error(), "another board") {
		t.Errorf("%v", err)
	}
	if !l.allClosed() {
		t.Error("another board's ports are open")
	}
	if where, err := c.Reconnect(look); where != "here" || err != nil {
		t.Errorf("%q, %v", where, err)
	}
	if n, err := c.Control().Write(b[:]); n != 4 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	if err := c.Close(); err != nil || !l.allClosed() {
		t.Errorf("closed: %v", err)
	}
	if _, err := c.Reconnect(look); !errors.Is(err, board.ErrUnplugged) {
		t.Errorf("a cable that was closed: %v", err)
	}
}

// A new cable whose ports are not there fails.
func TestNoCable(t *testing.T) {
	l := lines{err: os.ErrNotExist}
	if _, err := board.NewCable(l.open); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Reads and writes of a chain go through a cable: nothing may allocate there.
func TestCableAllocates(t *testing.T) {
	var l lines
	c, err := board.NewCable(l.open)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if n := testing.AllocsPerRun(100, func() { c.Data().Write(b); c.Data().SetReadDeadline(time.Time{}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Renew looks over new ports, or sets the old ones up once more.
func TestRenewOver(t *testing.T) {
	var l lines
	c, err := board.NewCable(l.open)
	if err != nil {
		t.Fatal(err)
	}
	did := ""
	renew := c.RenewOver(
		func(context.Context) (string, error) { did += " stays"; return "", nil },
		func(context.Context, board.Line, board.Line) error { did += " fresh"; return nil })
	for range 2 {
		if news, err := renew(t.Context()); news != "" || err != nil {
			t.Errorf("%q, %v", news, err)
		}
	}
	l.list[0].broken = io.EOF
	c.Control().Write(nil)
	if news, err := renew(t.Context()); news != "its cable is plugged in again: here" || err != nil {
		t.Errorf("%q, %v", news, err)
	}
	if did != " stays stays fresh" {
		t.Error(did)
	}
}

// A line whose device was away is opened again with the next chain's first rate.
func TestLasting(t *testing.T) {
	var list []*port
	var missing error
	l, err := board.NewLasting(func() (board.Line, error) {
		if missing != nil {
			return nil, missing
		}
		list = append(list, &port{})
		return list[len(list)-1], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SetBaud(115200); err == nil || errors.Is(err, board.ErrUnplugged) || len(list) != 1 {
		t.Errorf("a line that is well: %v, opened %d times", err, len(list))
	}
	list[0].broken, missing = io.EOF, os.ErrNotExist
	if _, err := l.Write([]byte{1}); !errors.Is(err, board.ErrUnplugged) {
		t.Errorf("its device is away: %v", err)
	}
	if err := l.SetBaud(115200); !errors.Is(err, board.ErrUnplugged) || !errors.Is(err, os.ErrNotExist) || !list[0].closed {
		t.Errorf("still away: %v, closed %v", err, list[0].closed)
	}
	missing = nil
	if err := l.SetBaud(115200); errors.Is(err, board.ErrUnplugged) || len(list) != 2 {
		t.Errorf("back: %v, opened %d times", err, len(list))
	}
	if _, err := l.Write([]byte{1}); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil || !list[1].closed {
		t.Errorf("closed: %v", err)
	}
	if err := l.SetBaud(115200); !errors.Is(err, os.ErrClosed) || len(list) != 2 {
		t.Errorf("a line that was closed for good: %v", err)
	}
}
