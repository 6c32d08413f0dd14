package sv2net

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/lodefw/lode/sv2/noise"
)

// keepAlive finds peers that are gone without a word within about two minutes; Sv2
// itself has no such messages.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}
}

// Dial connects to the pool that url names and does the handshake. The errors of
// package noise tell a wrong key from a certificate out of its time; ErrSv1 and its
// like tell what answered instead of a pool.
func Dial(ctx context.Context, url noise.URL, cfg DialConfig) (*Conn, error) {
	if url.Protocol != noise.Sv2 {
		return nil, fmt.Errorf("sv2net: dial %v: this is a Stratum V1 URL (%v), want stratum2+tcp://host:port/KEY", url, url.Protocol)
	}
	if !url.HasKey && !cfg.Plain && !cfg.Anyone {
		return nil, fmt.Errorf("sv2net: dial %v: %w", url.Address(), ErrNoKey)
	}
	cfg = cfg.fill()
	nc, err := dial(ctx, url.Address(), &cfg)
	if err != nil {
		return nil, fmt.Errorf("sv2net: dial %v: %w", url.Address(), err)
	}
	c, err := Client(ctx, nc, url, cfg)
	if err != nil {
		return nil, fmt.Errorf("sv2net: dial %v: %w", url.Address(), err)
	}
	return c, nil
}

// dial opens the connection below.
func dial(ctx context.Context, address string, cfg *DialConfig) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	if cfg.Net != nil {
		return cfg.Net(ctx, "tcp", address)
	}
	d := net.Dialer{KeepAliveConfig: keepAlive()}
	nc, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		noDelay(nc)
	}
	return nc, err
}

// noDelay switches Nagle's algorithm off: a share must not wait for an
// acknowledgement. Go does so by itself; this says that we rely on it.
func noDelay(nc net.Conn) {
	if t, ok := nc.(*net.TCPConn); ok {
		t.SetNoDelay(true)
	}
}
