package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// A pty is the master's end of a pseudo-terminal; the host opens the slave as a
// serial device. The master sees the rate that the host has set, any rate.
type pty struct {
	master *os.File
	slave  string
}

func openPTY() (line, error) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("lode-sim: %w; -unix serves sockets instead", err)
	}
	p := &pty{master: f}
	err = p.control(func(fd int) error {
		n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
		if err != nil {
			return err
		}
		p.slave = fmt.Sprintf("/dev/pts/%d", n)
		return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	})
	if err == nil {
		err = p.raw()
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lode-sim: pseudo-terminal: %w", err)
	}
	return p, nil
}

func (p *pty) control(f func(fd int) error) error {
	c, err := p.master.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	return errors.Join(c.Control(func(fd uintptr) { inner = f(int(fd)) }), inner)
}

// raw keeps the line from echoing the chips' words back to them, should a host
// not do so itself.
func (p *pty) raw() error {
	return p.control(func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cflag = t.Cflag&^unix.CSIZE | unix.CS8 | unix.CREAD | unix.CLOCAL
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		return unix.IoctlSetTermios(fd, unix.TCSETS, t)
	})
}

func (p *pty) path() string { return p.slave }
func (p *pty) close() error { return p.master.Close() }

// baud is the rate that the host has set.
func (p *pty) baud() (rate int) {
	_ = p.control(func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
		if err == nil {
			rate = int(t.Ospeed)
		}
		return err
	})
	return rate
}

func (p *pty) serve(ctx context.Context, port *chipsim.Port, hungUp func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	rate := &rate{pty: p, port: port}
	wg.Go(func() { answers(ctx, port, rate) })
	wg.Go(func() { rate.poll(ctx) })
	b := make([]byte, 4096)
	for open := false; ctx.Err() == nil; {
		// A kernel may keep the arrival of bytes to itself after a hang-up: look again.
		_ = p.master.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := p.master.Read(b)
		if n > 0 {
			open = true
			rate.hear(b[:n])
		}
		switch {
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, syscall.EIO): // nobody has the slave open
			if open {
				_ = p.raw() // the kernel forgets it with the last close
				hungUp()
			}
			open = false
			sleep(ctx, 5*time.Millisecond)
		default:
			return fmt.Errorf("lode-sim: %s: %w", p.slave, err)
		}
	}
	return nil
}

func (p *pty) stream(ctx context.Context, answer func(io.ReadWriter) error) error {
	for ctx.Err() == nil {
		if err := answer(&ptyStream{pty: p, ctx: ctx}); err != nil {
			return err
		}
	}
	return nil
}

// A ptyStream is what one host says, until it closes the slave.
type ptyStream struct {
	*pty
	ctx  context.Context // a Reader has no other way to end
	open bool
}

// Read is part of io.Reader.
func (s *ptyStream) Read(b []byte) (int, error) {
	for s.ctx.Err() == nil {
		_ = s.master.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := s.master.Read(b)
		switch {
		case n > 0:
			s.open = true
			return n, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, syscall.EIO): // nobody has the slave open
			if s.open {
				_ = s.raw()
				return 0, io.EOF
			}
			sleep(s.ctx, 5*time.Millisecond)
		default:
			return 0, fmt.Errorf("lode-sim: %s: %w", s.slave, err)
		}
	}
	return 0, io.EOF
}

// Write is part of io.Writer. What nobody reads is lost.
func (s *ptyStream) Write(b []byte) (int, error) {
	_ = s.master.SetWriteDeadline(time.Now().Add(time.Second))
	n, err := s.master.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EAGAIN) {
		return len(b), nil
	}
	return n, err
}

// A rate follows the host's baud rate.
type rate struct {
	pty  *pty
	port *chipsim.Port
	mu   sync.Mutex
	last int
}

// hear passes bytes on with the rates that they may have been sent at.
func (r *rate) hear(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, now := r.last, r.pty.baud()
	r.last = now
	if before == 0 {
		before = now
	}
	r.port.Hear(b, before, now)
}

// poll looks for changes while the host is silent: it may listen at a new rate.
func (r *rate) poll(ctx context.Context) {
	for ctx.Err() == nil {
		sleep(ctx, 2*time.Millisecond)
		r.check()
	}
}

func (r *rate) check() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.pty.baud(); now > 0 && now != r.last {
		// r.last stays: bytes written before the change may still be unread.
		r.port.AtRate(now)
	}
}

// Write gives an answer to the host. One that nobody reads is lost, as on a line.
func (r *rate) Write(b []byte) (int, error) {
	r.check()
	_ = r.pty.master.SetWriteDeadline(time.Now().Add(time.Second))
	n, err := r.pty.master.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EAGAIN) {
		return n, nil
	}
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		return n, fmt.Errorf("lode-sim: %s: %w", r.pty.slave, err)
	}
	return n, err
}
