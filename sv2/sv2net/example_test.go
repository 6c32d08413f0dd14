package sv2net_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// A server accepts one connection and answers SetupConnection.
func serve(ctx context.Context, l *sv2net.Listener) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Handshake(ctx); err != nil {
		return err
	}
	frame, err := conn.Receive()
	if err != nil {
		return err
	}
	var setup sv2.SetupConnection
	if err := sv2.Unmarshal(frame.Payload, &setup); err != nil {
		return err
	}
	fmt.Println("server: hello from", setup.Vendor)
	return conn.Send(&sv2.SetupConnectionSuccess{UsedVersion: 2})
}

func Example() {
	ctx := context.Background()
	key, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	identity, err := noise.NewIdentity(noise.IdentityConfig{Authority: key, Random: rand.Reader, Now: time.Now})
	if err != nil {
		panic(err)
	}
	listener, err := sv2net.Listen(ctx, "127.0.0.1:0", sv2net.ListenConfig{Identity: identity})
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, listener) }()

	url, err := noise.ParseURL("stratum2+tcp://" + listener.Addr().String() + "/" + identity.Authority().String())
	if err != nil {
		panic(err)
	}
	conn, err := sv2net.Dial(ctx, url, sv2net.DialConfig{})
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	if err := conn.Send(&sv2.SetupConnection{MinVersion: 2, MaxVersion: 2, Vendor: "example"}); err != nil {
		panic(err)
	}
	frame, err := conn.Receive()
	if err != nil {
		panic(err)
	}
	fmt.Println("client: success:", frame.Type == sv2.TypeSetupConnectionSuccess, <-served)
	// Output:
	// server: hello from example
	// client: success: true <nil>
}
