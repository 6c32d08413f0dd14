//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodefw/lode/internal/cli"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		code cli.Code
		says string
	}{
		{"-h", cli.OK, "bitaxe-gamma"},
		{"-version", cli.OK, "lode-sim"},
		{"", cli.Usage, "-board"},
		{"-board nonsense", cli.Usage, "nonsense"},
		{"-model BM9", cli.Usage, "BM1370"},
		{"-model BM1370 -chips 300", cli.Usage, "300"},
		{"-model BM1370 -faults fire", cli.Usage, "fire"},
		{"-model BM1370 -chains 100", cli.Usage, "100"},
		{"-board bitaxe-gamma -dial", cli.Usage, "-unix"},
		{"-model A1", cli.Usage, "-unix"},
		{"-model A1 -unix x -chips 100", cli.Usage, "100"},
		{"-board bitaxe-gamma -unix /nonexistent/a", cli.Bind, "nonexistent"},
		{"-model BM1370 extra", cli.Usage, "extra"},
		{"-model BM1370 -unix /nonexistent/a", cli.Bind, "nonexistent"},
		{"-replay /nonexistent", cli.Config, "nonexistent"},
	} {
		var out bytes.Buffer
		err := run(t.Context(), cli.IO{Out: &out, Err: io.Discard}, strings.Fields(c.args))
		text := out.String()
		if err != nil {
			text += err.Error()
		}
		if cli.CodeOf(err) != c.code || !strings.Contains(text, c.says) {
			t.Errorf("lode-sim %s: code %d, %q; want %d, %q", c.args, cli.CodeOf(err), text, c.code, c.says)
		}
	}
}

// A session is a running lode-sim.
type session struct {
	t     *testing.T
	lines <-chan string // of its standard output
	in    io.Writer
	stop  func() error
}

func start(t *testing.T, args ...string) *session {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	outR, outW := io.Pipe()
	inR, inW := io.Pipe()
	var err error
	var wg sync.WaitGroup
	wg.Go(func() {
		err = run(ctx, cli.IO{In: inR, Out: outW, Err: io.Discard}, args)
		outW.Close()
		inR.Close()
	})
	lines := make(chan string, 1000)
	wg.Go(func() {
		defer close(lines)
		for scan := bufio.NewScanner(outR); scan.Scan(); {
			lines <- scan.Text()
		}
	})
	s := &session{t: t, lines: lines, in: inW}
	s.stop = sync.OnceValue(func() error {
		cancel()
		outR.Close()
		wg.Wait()
		return err
	})
	t.Cleanup(func() { s.stop() })
	return s
}

// next is the next line of output.
func (s *session) next() string {
	s.t.Helper()
	line, more := <-s.lines
	if !more {
		s.t.Fatalf("lode-sim ended: %v", s.stop())
	}
	return line
}

// clocked waits until the first of so many chips has a clock, or none.
func (s *session) clocked(chips int, want bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		io.WriteString(s.in, "status\n")
		s.next()
		row := s.next()
		for range chips - 1 {
			s.next()
		}
		if (strings.Fields(row)[4] != "0.00") == want {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("a clock is %v, want %v: %s", !want, want, row)
		}
	}
}

// exchange writes and reads n bytes.
func exchange(t *testing.T, rw io.ReadWriter, frame string, n int) string {
	t.Helper()
	b, err := hex.DecodeString(frame)
	if err == nil {
		_, err = rw.Write(b)
	}
	got := make([]byte, n)
	if err == nil {
		_, err = io.ReadFull(rw, got)
	}
	if err != nil {
		t.Fatalf("after %s: %v", frame, err)
	}
	return hex.EncodeToString(got)
}

// openAt opens a device as firmware does: raw, at any rate.
func openAt(t *testing.T, path string) (f *os.File, setBaud func(uint32)) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.SetReadDeadline(time.Now().Add(patience))
	return f, func(rate uint32) {
		c, err := f.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		c.Control(func(fd uintptr) {
			var x *unix.Termios
			if x, err = unix.IoctlGetTermios(int(fd), unix.TCGETS2); err != nil {
				return
			}
			x.Iflag, x.Oflag, x.Lflag = 0, 0, 0
			x.Cflag = x.Cflag&^(unix.CBAUD|unix.CSIZE) | unix.BOTHER | unix.CS8
			x.Ispeed, x.Ospeed = rate, rate
			err = unix.IoctlSetTermios(int(fd), unix.TCSETS2, x)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Firmware opens the device, finds the chips, changes the rate, and finds them at
// the new one only; when it leaves they are as new.
func TestPTY(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "-model", "BM1370", "-chips", "2", "-link", filepath.Join(dir, "chain"), "-trace", filepath.Join(dir, "trace"))
	if line := s.next(); !strings.Contains(line, filepath.Join(dir, "chain1")) {
		t.Fatalf("printed %q", line)
	}
	const clock, rate = "55aa51090008403c02211c", "55aa51090028013000001a"
	for range 2 {
		f, setBaud := openAt(t, filepath.Join(dir, "chain1"))
		setBaud(115200)
		if got := exchange(t, f, readID, 18); got != gammaID+gammaID {
			t.Fatalf("answer %s", got)
		}
		exchange(t, f, clock+rate, 0)
		setBaud(3125000)
		if got := exchange(t, f, readID, 18); got != gammaID+gammaID {
			t.Fatalf("answer at the new rate %s", got)
		}
		s.clocked(2, true)
		f.Close()
		s.clocked(2, false) // the kernel tells of the hang-up when it likes
	}
	io.WriteString(s.in, "fault dead-chip chip=1\nvolts 1100\nfan 0.9\nheal\nstatus\n")
	if head, row := s.next(), s.next(); !strings.Contains(head, "MHz") || !strings.Contains(row, "true") {
		t.Errorf("status %q %q", head, row)
	}
	if err := s.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if err := run(t.Context(), cli.IO{Out: io.Discard}, []string{"-replay", filepath.Join(dir, "trace")}); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "chain1")); err == nil {
		t.Error("the link is left behind")
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chain")
	s := start(t, "-model", "BM1397", "-chips", "3", "-unix", path, "-speed", "10")
	s.next()
	for range 2 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		const id = "aa5513971800000006"
		if got := exchange(t, conn, "55aa520500000a", 27); got != id+id+id {
			t.Errorf("answer %s", got)
		}
		conn.Close()
	}
	io.WriteString(s.in, "dance\nfault nonsense\nvolts x\nreset\nstatus\n")
	if !strings.Contains(s.next(), "MHz") {
		t.Error("no status")
	}
}

// Hosts that leave in the middle of an answer leave nothing to the next one.
func TestSocketLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chain")
	s := start(t, "-model", "BM1397", "-chips", "3", "-unix", path, "-speed", "1000")
	s.next()
	ask, _ := hex.DecodeString(strings.Repeat(readID, 20))
	for range 300 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conn.Write(ask)
		io.ReadFull(conn, make([]byte, 9))
		conn.Close()
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if got := exchange(t, conn, readID, 9); got != "aa5513971800000006" {
		t.Errorf("answer %s", got)
	}
}
