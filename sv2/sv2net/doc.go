// Package sv2net puts Stratum V2 frames on a connection: [Dial] and [Listen], and a
// [Conn] that sends and receives, with Noise or plain. Every wait has a limit, every
// length is checked before memory is taken for it, and a Conn that waits is small.
//
// A device:
//
//	conn, err := sv2net.Dial(ctx, url, sv2net.DialConfig{})
//	err = conn.Send(&sv2.SetupConnection{...})
//	frame, err := conn.Receive()
//
// A server makes a [Listener] with an identity, and does the handshake of each
// accepted Conn in that connection's own goroutine, so that a slow peer holds up
// nobody:
//
//	conn, err := listener.Accept()
//	go func() {
//		defer conn.Close()
//		if err := conn.Handshake(ctx); err != nil { ... }
//		for {
//			frame, err := conn.Receive()
//			...
//		}
//	}()
package sv2net
