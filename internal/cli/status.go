package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Limits of the status socket: it answers and closes.
const (
	statusTimeout = 5 * time.Second
	statusClients = 8       // more wait in the kernel's queue
	statusRequest = 1 << 10 // bytes of a request that are looked at
	statusAnswer  = 1 << 20 // bytes that a reader takes
)

// ListenStatus opens the address of a status socket: host:port, or unix:PATH. Bare
// ":port" means the loopback address, because a status is nobody else's business.
func ListenStatus(addr string) (net.Listener, error) {
	network, addr := statusAddress(addr)
	l, err := net.Listen(network, addr)
	if err != nil && network == "unix" && abandoned(addr) && os.Remove(addr) == nil {
		l, err = net.Listen(network, addr)
	}
	if err != nil {
		return nil, Failf(Bind, "status: %w; choose another -status address", err)
	}
	return l, nil
}

// abandoned says whether path is a socket that nobody listens on: a process that was
// killed leaves its own behind, and its successor must be able to start.
func abandoned(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

func statusAddress(addr string) (network, address string) {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return "unix", path
	}
	if strings.HasPrefix(addr, ":") {
		addr = "127.0.0.1" + addr
	}
	return "tcp", addr
}

// ServeStatus answers each connection on l with status() as one JSON value, until
// ctx ends. The client sends a line first (or ends its side): if that is an HTTP GET
// the answer has an HTTP head, so that curl and browsers can read it too.
func ServeStatus(ctx context.Context, l net.Listener, status func() any, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	slots := make(chan struct{}, statusClients)
	for {
		slots <- struct{}{}
		c, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return nil
		}
		if err != nil { // out of files, say: the program goes on without a status
			log.Warn("status socket cannot accept", "err", err)
			<-slots
			if !pause(ctx, time.Second) {
				return nil
			}
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := answerStatus(ctx, c, status); err != nil {
				log.Debug("status request failed", "err", err)
			}
		})
	}
}

// pause waits for d; it is false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func answerStatus(ctx context.Context, c net.Conn, status func() any) error {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := c.SetDeadline(time.Now().Add(statusTimeout)); err != nil {
		return err
	}
	isHTTP, err := readRequest(c)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(status(), "", "  ")
	if err != nil {
		return err
	}
	body = append(body, '\n')
	if isHTTP {
		head := fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\n\r\n", len(body))
		body = append([]byte(head), body...)
	}
	_, err = c.Write(body)
	return err
}

// readRequest reads up to the first line's end, and for HTTP up to the empty line.
func readRequest(c io.Reader) (isHTTP bool, err error) {
	buf := make([]byte, statusRequest)
	n := 0
	for n < len(buf) {
		m, err := c.Read(buf[n:])
		n += m
		isHTTP = bytes.HasPrefix(buf[:n], []byte("GET "))
		end := []byte("\n")
		if isHTTP {
			end = []byte("\r\n\r\n")
		}
		if bytes.Contains(buf[:n], end) || errors.Is(err, io.EOF) {
			return isHTTP, nil
		}
		if err != nil {
			return isHTTP, err
		}
	}
	return isHTTP, nil
}

// FetchStatus reads the JSON of a status socket.
func FetchStatus(ctx context.Context, addr string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	network, address := statusAddress(addr)
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, Failf(TryAgain, "status: %w; is the program running with -status %s?", err, addr)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if _, err := io.WriteString(c, "status\n"); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(c, statusAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	if len(b) > statusAnswer || !json.Valid(b) {
		return nil, fmt.Errorf("status: what %s answers is no status; is this the -status address and not the mining port?", addr)
	}
	return b, nil
}
