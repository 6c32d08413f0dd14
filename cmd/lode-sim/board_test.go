//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/board"
	"github.com/lodefw/lode/board/bitaxe"
	"github.com/lodefw/lode/drivers/a1"
	"github.com/lodefw/lode/drivers/bitaxeraw"
	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/tinytest/chipsim/spisim"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// patient is how to ask a board on a computer that is busy with other tests.
var patient = bitaxeraw.Options{Timeout: patience}

// data is a socket as a board's line: it has no rate.
type data struct{ net.Conn }

func (data) SetBaud(int) error { return nil }

const readID, gammaID = "55aa520500000a", "aa5513700000000006"

// mineable drives a whole Gamma like its firmware: power, reset, the chip's id, and
// off again.
func mineable(t *testing.T, b *board.Board, line io.ReadWriter) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if err := b.Up(ctx); err != nil {
		t.Fatal(err)
	}
	b.Resets[0].Set(false)
	if got := exchange(t, line, readID, 9); got != gammaID {
		t.Errorf("the chip says %s", got)
	}
	if err := b.Down(); err != nil {
		t.Error(err)
	}
}

// A whole board over ptys: a fault of it is seen over the control port, and its
// trace replays.
func TestWholeBoard(t *testing.T) {
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	s := start(t, "-board", "bitaxe-gamma", "-link", filepath.Join(dir, "gamma"), "-trace", trace, "-zeros", "12")
	control, line := filepath.Join(dir, "gamma-control"), filepath.Join(dir, "gamma-data")
	if got := s.next() + s.next(); !strings.Contains(got, control) || !strings.Contains(got, line) {
		t.Fatalf("printed %q", got)
	}
	if got, want := s.next(), "lode-miner -board bitaxe-gamma:"+control+","+line+" -set zeros=12"; got != want {
		t.Fatalf("printed %q, want %q", got, want)
	}
	kind, err := bitaxe.KindOf("bitaxe-gamma")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // closing the ports leaves the board as it is
		b, ports, err := bitaxe.OpenUSB(control, line, &kind, bitaxe.Options{WiredZeros: 12, Bridge: patient})
		if err != nil {
			t.Fatal(err)
		}
		b.Poll = patience
		if err := b.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		io.WriteString(s.in, "faults\nbreak fan stops\nvolts 3\nbreak glass\nstate\n")
		for !strings.HasPrefix(s.next(), "mV") {
		}
		if got := s.next(); !strings.HasPrefix(got, "1150 ") || !strings.HasSuffix(got, " 0") {
			t.Errorf("state %q", got)
		}
		if f := b.Measure(time.Now()).Fans[0]; f.Err != nil || f.RPM != 0 {
			t.Errorf("a fan that was stopped: %+v", f)
		}
		io.WriteString(s.in, "mend fan stops\nstatus\n")
		s.next()
		s.next()
		if f := b.Measure(time.Now()).Fans[0]; f.Err != nil || f.RPM < 1000 {
			t.Errorf("a fan that was mended: %+v", f)
		}
		if err := errors.Join(b.Down(), ports.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if err := run(t.Context(), cli.IO{Out: io.Discard}, []string{"-replay", trace}); err != nil {
		t.Error(err)
	}
}

// A whole board that goes away, as when its cable is pulled, and comes back: whoever has
// it open reaches it again, any number of times, with as many open files as before.
func TestWholeBoardAgain(t *testing.T) {
	link := filepath.Join(t.TempDir(), "gamma")
	serve := func() *session {
		s := start(t, "-board", "bitaxe-gamma", "-link", link, "-zeros", "12")
		s.next()
		s.next()
		s.next()
		return s
	}
	s := serve()
	kind, err := bitaxe.KindOf("bitaxe-gamma")
	if err != nil {
		t.Fatal(err)
	}
	b, ports, err := bitaxe.OpenUSB(link+"-control", link+"-data", &kind, bitaxe.Options{WiredZeros: 12, Bridge: patient})
	if err != nil {
		t.Fatal(err)
	}
	b.Poll = patience
	files := openFiles(t)
	for range 20 {
		if err := b.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.stop()
		if m := b.Measure(time.Now()); !m.Silent() {
			t.Errorf("a board that is gone says %+v", m)
		}
		if news, err := b.Renew(t.Context()); !errors.Is(err, board.ErrUnplugged) {
			t.Errorf("a board that is gone: %q, %v", news, err)
		}
		s = serve()
		if news, err := b.Renew(t.Context()); err != nil || !strings.Contains(news, "plugged in again") {
			t.Fatalf("a board that is back: %q, %v", news, err)
		}
		if p, err := b.Rails[0].Measure(); err != nil || p.Output != 0 {
			t.Errorf("it is back with %+v, %v", p, err)
		}
	}
	if now := openFiles(t); now > files {
		t.Errorf("%d files are open, there were %d", now, files)
	}
	if err := errors.Join(b.Down(), ports.Close()); err != nil {
		t.Error(err)
	}
}

// openFiles is how many this process has, lode-sim's included.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Over sockets, too: those that lode-sim makes, and those of an emulator.
func TestWholeBoardSockets(t *testing.T) {
	for _, dial := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "s")
		args := []string{"-board", "bitaxe-gamma", "-unix", path}
		open := func(name string) net.Conn {
			c, err := net.Dial("unix", path+name)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		if dial {
			args = append(args, "-dial")
			listeners := map[string]net.Listener{}
			for _, name := range []string{"-control", "-data"} {
				l, err := net.Listen("unix", path+name)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				listeners[name] = l
			}
			open = func(name string) net.Conn {
				c, err := listeners[name].Accept()
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
		}
		s := start(t, args...)
		s.next()
		s.next()
		s.next()
		control, line := open("-control"), open("-data")
		line.SetDeadline(time.Now().Add(patience))
		kind, _ := bitaxe.KindOf("bitaxe-gamma")
		b, err := bitaxe.FromUSB(control, data{line}, kind, bitaxe.Options{Bridge: patient})
		if err != nil {
			t.Fatal(err)
		}
		mineable(t, b, line)
		control.Close()
		line.Close()
		if err := s.stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
	}
}

// A driver brings A1 chips up over the socket, host after host, and leaves a trace.
func TestSPI(t *testing.T) {
	dir := t.TempDir()
	path, trace := filepath.Join(dir, "spi"), filepath.Join(dir, "trace")
	s := start(t, "-board", "rpi-a1", "-chips", "3", "-unix", path, "-trace", trace)
	if got := s.next(); !strings.Contains(got, "3 A1") {
		t.Fatalf("printed %q", got)
	}
	for range 2 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		c := spisim.Client{Stream: conn}
		if err := errors.Join(c.Reset(true), c.Reset(false)); err != nil {
			t.Fatal(err)
		}
		chain, err := a1.New(t.Context(), c, a1.Options{Chips: 3})
		if err != nil {
			t.Fatal(err)
		}
		if got := chain.String(); !strings.Contains(got, "3 A1 chips") {
			t.Errorf("found %s", got)
		}
		conn.Close()
	}
	if err := s.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	lines, err := os.ReadFile(trace)
	if err != nil || !bytes.HasPrefix(lines, []byte(`["x","010000000000",`)) {
		t.Errorf("trace %.100s, %v", lines, err)
	}
}
