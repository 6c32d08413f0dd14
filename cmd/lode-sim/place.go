package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/lodefw/lode/internal/cli"
	"github.com/lodefw/lode/tinytest/chipsim"
)

// A line is where the host is: a pty or a socket.
type line interface {
	// serve moves bytes between host and port until ctx ends; hungUp is called
	// when a host has left.
	serve(ctx context.Context, p *chipsim.Port, hungUp func()) error
	// stream calls answer with each host, one after the other, until ctx ends.
	// answer returns when its stream ends.
	stream(ctx context.Context, answer func(io.ReadWriter) error) error
	path() string
	close() error
}

// A place is a line with the link to it.
type place struct {
	line line
	link string
}

// place opens a line. name tells it from the board's others, and only the link's
// path has it where there are no others.
func (o *options) place(name string, others bool) (p place, err error) {
	path := o.unix
	if others {
		path += name
	}
	switch {
	case o.unix != "" && o.dial:
		p.line = dialled(path)
	case o.unix != "":
		p.line, err = listen(path)
	default:
		p.line, err = openPTY()
	}
	if err != nil {
		return p, cli.Fail(cli.Bind, err)
	}
	if o.link == "" {
		return p, nil
	}
	p.link = o.link + name
	if old, err := os.Lstat(p.link); err == nil && old.Mode()&os.ModeSymlink != 0 {
		os.Remove(p.link) // ours, of a run that was killed
	}
	if err := os.Symlink(p.line.path(), p.link); err != nil {
		p.link = ""
		p.close()
		return place{}, cli.Fail(cli.Config, err)
	}
	return p, nil
}

// String is the path to open.
func (p place) String() string {
	if p.link != "" {
		return p.link
	}
	return p.line.path()
}

// shown is the path with what a link points to.
func (p place) shown() string {
	if p.link != "" {
		return p.link + " -> " + p.line.path()
	}
	return p.line.path()
}

func (p place) close() {
	if p.line != nil {
		p.line.close()
	}
	if p.link != "" {
		os.Remove(p.link)
	}
}

// dialled is a socket that somebody else makes: an emulator that serves its UART.
type dialled string

func (d dialled) path() string { return string(d) }
func (d dialled) close() error { return nil }

// redial is the pause before the next try.
const redial = 50 * time.Millisecond

func (d dialled) serve(ctx context.Context, p *chipsim.Port, hungUp func()) error {
	return d.hosts(ctx, func(conn net.Conn) error {
		hostOn(ctx, conn, p)
		hungUp()
		return nil
	})
}

func (d dialled) stream(ctx context.Context, answer func(io.ReadWriter) error) error {
	return d.hosts(ctx, func(conn net.Conn) error { return leaving(answer(conn)) })
}

func (d dialled) hosts(ctx context.Context, host func(net.Conn) error) error {
	for ctx.Err() == nil {
		conn, err := net.Dial("unix", string(d))
		if err == nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			err = host(conn)
			stop()
			conn.Close()
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
		sleep(ctx, redial)
	}
	return nil
}

// leaving is nil for the errors that a host's leaving makes.
func leaving(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
