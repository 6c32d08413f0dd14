package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/lodefw/lode/tinytest/chipsim"
)

// A socket serves one host at a time. It has no baud rate: the host counts as
// being at the chips'.
type socket struct{ *net.UnixListener }

func listen(path string) (line, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("lode-sim: %w; remove the file if no lode-sim uses it", err)
	}
	return socket{l}, nil
}

func (s socket) path() string { return s.Addr().String() }
func (s socket) close() error { return s.Close() }

func (s socket) serve(ctx context.Context, p *chipsim.Port, hungUp func()) error {
	return s.hosts(ctx, func(conn net.Conn) error {
		hostOn(ctx, conn, p)
		hungUp()
		return nil
	})
}

func (s socket) stream(ctx context.Context, answer func(io.ReadWriter) error) error {
	return s.hosts(ctx, func(conn net.Conn) error { return leaving(answer(conn)) })
}

// hosts takes one host after the other.
func (s socket) hosts(ctx context.Context, host func(net.Conn) error) error {
	defer context.AfterFunc(ctx, func() { s.Close() })()
	for {
		conn, err := s.Accept()
		if err != nil {
			return fmt.Errorf("lode-sim: %w", err)
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		err = host(conn)
		stop()
		conn.Close()
		if err != nil {
			return err
		}
	}
}

// hostOn moves bytes until the host leaves.
func hostOn(ctx context.Context, conn net.Conn, p *chipsim.Port) {
	ctx, cancel := context.WithCancel(ctx)
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var wg sync.WaitGroup
	wg.Go(func() { answers(ctx, p, conn) })
	_, _ = io.Copy(portWriter{p}, conn) // its end is the host's leaving
	cancel()
	wg.Wait()
}

// portWriter hides Port's Read from io.Copy.
type portWriter struct{ io.Writer }

// answers copies what the chips say until ctx ends or the host is gone.
func answers(ctx context.Context, p *chipsim.Port, w io.Writer) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		p.SetReadDeadline(past())
	})
	defer func() {
		if !stop() {
			<-ended // else its deadline could be the last: a busy loop for the next host
		}
		p.SetReadDeadline(never())
	}()
	b := make([]byte, 4096)
	for ctx.Err() == nil {
		n, err := p.Read(b)
		if err != nil {
			var timeout interface{ Timeout() bool }
			if !errors.As(err, &timeout) {
				return
			}
			continue
		}
		if _, err := w.Write(b[:n]); err != nil {
			return
		}
	}
}

// past and never are deadlines.
func past() time.Time  { return time.Unix(1, 0) }
func never() time.Time { return time.Time{} }
