package sv2net

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
)

// testPool is a server's configuration and the URL that its clients have.
func testPool(t testing.TB) (ListenConfig, noise.URL) {
	t.Helper()
	key, err := noise.NewSecretKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := noise.NewIdentity(noise.IdentityConfig{Authority: key, Random: rand.Reader, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return ListenConfig{Identity: id}, noise.URL{Host: "pool.example", Port: 34254, Key: id.Authority(), HasKey: true}
}

// join does the handshake of both ends of a pipe. A plain server waits for the
// first frame, so join sends one and takes it out.
func join(t testing.TB, a, b net.Conn, server ListenConfig, url noise.URL, client DialConfig) (s, c *Conn) {
	t.Helper()
	s = Server(a, server)
	result := make(chan error, 1)
	go func() { result <- s.Handshake(context.Background()) }()
	c, err := Client(context.Background(), b, url, client)
	if err != nil {
		b.Close()
		t.Fatalf("client: %v; server: %v", err, <-result)
	}
	if server.Plain {
		go c.Send(&sv2.SetupConnection{Vendor: "test"})
	}
	if err := <-result; err != nil {
		t.Fatalf("server: %v", err)
	}
	if server.Plain {
		if f, err := s.Receive(); err != nil || f.Type != sv2.TypeSetupConnection {
			t.Fatalf("first frame: %v, %v", f, err)
		}
	}
	return s, c
}

// pair joins two ends of a net.Pipe, in which a write waits until it is read.
func pair(t testing.TB, plain bool) (server, client *Conn) {
	t.Helper()
	listen, url := testPool(t)
	listen.Plain = plain
	listen.MaxPayload = FullPayload
	a, b := net.Pipe()
	t.Cleanup(func() { a.Close(); b.Close() })
	return join(t, a, b, listen, url, DialConfig{Plain: plain, Config: Config{MaxPayload: FullPayload}})
}

// modes runs a test plain and with Noise.
func modes(t *testing.T, run func(t *testing.T, plain bool)) {
	t.Run("plain", func(t *testing.T) { run(t, true) })
	t.Run("noise", func(t *testing.T) { run(t, false) })
}

// memory is one end of a pipe that keeps what is written until it is read, and
// allocates nothing for it. One goroutine uses both ends.
type memory struct {
	net.Conn // for the methods that are not used
	from, to *ring
}

type ring struct {
	b []byte // written
	r int    // of it, read
}

func newMemory() (a, b *memory) {
	x, y := new(ring), new(ring)
	return &memory{from: x, to: y}, &memory{from: y, to: x}
}

var errEmpty = errors.New("nothing written")

func (m *memory) Read(p []byte) (int, error) {
	n := copy(p, m.from.b[m.from.r:])
	m.from.r += n
	if m.from.r == len(m.from.b) {
		m.from.b, m.from.r = m.from.b[:0], 0
	}
	if n == 0 {
		return 0, errEmpty
	}
	return n, nil
}

func (m *memory) Write(p []byte) (int, error) {
	m.to.b = append(m.to.b, p...)
	return len(p), nil
}

func (*memory) Close() error                     { return nil }
func (*memory) SetDeadline(time.Time) error      { return nil }
func (*memory) SetReadDeadline(time.Time) error  { return nil }
func (*memory) SetWriteDeadline(time.Time) error { return nil }

// memoryPair joins two ends of a memory without a handshake on it.
func memoryPair(t testing.TB, plain bool) (server, client *Conn) {
	t.Helper()
	a, b := newMemory()
	cfg := Config{MaxPayload: FullPayload}.fill(0)
	server, client = newConn(a, &cfg), newConn(b, &cfg)
	if !plain {
		listen, url := testPool(t)
		i, err := noise.NewInitiator(noise.Authority{Key: url.Key}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		act2, s, err := listen.Identity.Respond(i.Act1())
		if err != nil {
			t.Fatal(err)
		}
		server.session = s
		if client.session, err = i.Finish(act2, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	server.ready.Store(true)
	client.ready.Store(true)
	return server, client
}

// script is a peer that says what it is told to, in pieces as long as it is told to.
type script struct {
	net.Conn
	say   io.Reader
	piece int
}

func (s *script) Read(p []byte) (int, error)       { return s.say.Read(p[:min(s.piece, len(p))]) }
func (*script) Write(p []byte) (int, error)        { return len(p), nil }
func (*script) Close() error                       { return nil }
func (*script) SetDeadline(time.Time) error        { return nil }
func (*script) SetReadDeadline(time.Time) error    { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

func testShare() *mining.SubmitSharesStandard {
	return &mining.SubmitSharesStandard{ChannelID: 1, SequenceNumber: 2, JobID: 3, Nonce: 4, NTime: 5, Version: 6}
}

func testJob() *mining.NewMiningJob {
	return &mining.NewMiningJob{ChannelID: 1, JobID: 2, MinNTime: sv2.Some(3), Version: 4, MerkleRoot: sv2.U256{5}}
}
