package sv2net

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/noise"
)

// listenTCP serves each connection with serve, on loopback.
func listenTCP(t *testing.T, cfg ListenConfig, serve func(*Conn)) (host string, port uint16) {
	t.Helper()
	l, err := Listen(context.Background(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	host, text, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.Atoi(text)
	return host, uint16(n)
}

func TestDialAndListen(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		listen, url := testPool(t)
		listen.Plain = plain
		url.Host, url.Port = listenTCP(t, listen, func(c *Conn) {
			if err := c.Handshake(context.Background()); err != nil {
				t.Error(err)
				return
			}
			for {
				f, err := c.Receive()
				if err != nil {
					if err != io.EOF {
						t.Errorf("server: %v", err)
					}
					return
				}
				if err := c.SendFrame(f); err != nil {
					t.Error(err)
				}
			}
		})
		c, err := Dial(context.Background(), url, DialConfig{Plain: plain})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 10 {
			if err := c.SendAll(&sv2.SetupConnection{Vendor: "lode"}, testShare()); err != nil {
				t.Fatal(err)
			}
			for _, want := range []sv2.Type{sv2.TypeSetupConnection, testShare().Type()} {
				if f, err := c.Receive(); err != nil || f.Type != want {
					t.Fatalf("Receive = %v, %v", f, err)
				}
			}
		}
		if cert, ok := c.Certificate(); ok == plain || ok && cert.Until().Before(time.Now()) {
			t.Errorf("Certificate = %+v, %v", cert, ok)
		}
		if c.RemoteAddr().String() != url.Address() {
			t.Errorf("RemoteAddr = %v", c.RemoteAddr())
		}
	})
}

func TestDialErrors(t *testing.T) {
	listen, url := testPool(t)
	_, other := testPool(t)
	url.Host, url.Port = listenTCP(t, listen, func(c *Conn) { c.Handshake(context.Background()) })
	other.Host, other.Port = url.Host, url.Port
	if _, err := Dial(context.Background(), other, DialConfig{}); !errors.Is(err, noise.ErrWrongKey) || !strings.Contains(err.Error(), other.Key.String()) {
		t.Errorf("wrong key: %v", err)
	}
	if _, err := Dial(context.Background(), url, DialConfig{}); err != nil {
		t.Errorf("right key: %v", err)
	}
	for name, u := range map[string]noise.URL{
		"no key": {Host: url.Host, Port: url.Port},
		"sv1":    {Host: url.Host, Port: url.Port, Protocol: noise.Sv1},
	} {
		if _, err := Dial(context.Background(), u, DialConfig{}); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
	fail := errors.New("no route")
	cfg := DialConfig{Net: func(context.Context, string, string) (net.Conn, error) { return nil, fail }}
	if _, err := Dial(context.Background(), url, cfg); !errors.Is(err, fail) {
		t.Errorf("own dialer: %v", err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url.Port = uint16(closed.Addr().(*net.TCPAddr).Port)
	closed.Close()
	var refused *net.OpError
	if _, err := Dial(context.Background(), url, DialConfig{}); !errors.As(err, &refused) || refused.Op != "dial" {
		t.Errorf("closed port: %v", err)
	}
}

func TestListenNeedsIdentity(t *testing.T) {
	if _, err := Listen(context.Background(), "127.0.0.1:0", ListenConfig{}); err == nil {
		t.Error("listens with Noise and without identity")
	}
}

// TestClose ends a Receive that waits.
func TestClose(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		a, b := tcpPair(t)
		listen, url := testPool(t)
		listen.Plain = plain
		server, client := join(t, a, b, listen, url, DialConfig{Plain: plain})
		ended := make(chan error)
		go func() {
			_, err := client.Receive()
			ended <- err
		}()
		client.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Receive = %v", err)
		}
		if err := client.Send(testShare()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Send = %v", err)
		}
		if _, err := server.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("the other end: %v", err)
		}
	})
}

// TestHangup: a peer that goes on talking reads the last message all the same.
func TestHangup(t *testing.T) {
	for range 20 {
		a, b := tcpPair(t)
		listen, url := testPool(t)
		server, client := join(t, a, b, listen, url, DialConfig{})
		for range 50 {
			if err := client.Send(testJob()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := server.Receive(); err != nil {
			t.Fatal(err)
		}
		if err := server.Send(&sv2.SetupConnectionError{ErrorCode: "protocol-version-mismatch"}); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- server.Hangup(time.Minute) }()
		if f, err := client.Receive(); err != nil || f.Type != sv2.TypeSetupConnectionError {
			t.Fatalf("Receive = %v, %v", f, err)
		}
		if _, err := client.Receive(); err != io.EOF {
			t.Errorf("then %v", err)
		}
		client.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := server.Receive(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Receive after Hangup = %v", err)
		}
	}
}
