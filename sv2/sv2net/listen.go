package sv2net

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// A Listener accepts connections. Limits of how many, and from where, are its
// user's.
type Listener struct {
	ln  net.Listener
	cfg *ListenConfig
}

// Listen listens on a TCP address such as :34254.
func Listen(ctx context.Context, address string, cfg ListenConfig) (*Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive()}
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("sv2net: listen: %w", err)
	}
	l, err := NewListener(ln, cfg)
	if err != nil {
		ln.Close()
	}
	return l, err
}

// NewListener accepts from ln, which it closes in the end.
func NewListener(ln net.Listener, cfg ListenConfig) (*Listener, error) {
	if cfg.Identity == nil && !cfg.Plain {
		return nil, errors.New("sv2net: listen: no identity; give one, or allow plain connections")
	}
	cfg.Config = cfg.Config.fill(PoolPayload)
	return &Listener{ln, &cfg}, nil
}

// Accept waits for the next connection, and does not wait for its handshake: call
// Handshake on it in a goroutine of its own. After an error that is not
// net.ErrClosed, as when file descriptors run out, wait a little and go on.
func (l *Listener) Accept() (*Conn, error) {
	nc, err := l.ln.Accept()
	if err != nil {
		return nil, fmt.Errorf("sv2net: accept: %w", err)
	}
	noDelay(nc)
	return serve(nc, l.cfg), nil
}

// Addr is the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.ln.Addr() }

// Close ends Accept. Connections live on.
func (l *Listener) Close() error { return l.ln.Close() }
