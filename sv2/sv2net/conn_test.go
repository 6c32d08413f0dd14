package sv2net

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/lodefw/lode/internal/vectors"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/buffer"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/template"
)

func TestSendAndReceive(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		server, client := pair(t, plain)
		if client.Secure() == plain {
			t.Errorf("Secure = %v", client.Secure())
		}
		for _, size := range []int{0, 1, 400, inSize - 6, inSize, inSize + 1, noise.MaxPiece, noise.MaxPiece + 1, 200000} {
			payload := bytes.Repeat([]byte{7}, size)
			sent := make(chan error, 1)
			go func() { sent <- client.SendFrame(sv2.Frame{Type: sv2.Ext(0x4001) | 9, Payload: payload}) }()
			f, err := server.Receive()
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if f.Type != sv2.Ext(0x4001)|9 || !bytes.Equal(f.Payload, payload) {
				t.Errorf("%d bytes: type %#x, %d bytes came", size, f.Type, len(f.Payload))
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		}
		go server.SendAll(testJob(), &mining.SetNewPrevHash{JobID: 2}, testJob())
		for _, want := range []sv2.Type{mining.TypeNewMiningJob, mining.TypeSetNewPrevHash, mining.TypeNewMiningJob} {
			if f, err := client.Receive(); err != nil || f.Type != want {
				t.Fatalf("Receive = %#x, %v, want %#x", f.Type, err, want)
			}
		}
	})
}

// TestOneWrite counts writes: a frame, or several sent together, is one.
func TestOneWrite(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		server, client := memoryPair(t, plain)
		counter := &counting{Conn: client.nc}
		client.nc = counter
		if err := client.Send(testShare()); err != nil {
			t.Fatal(err)
		}
		if err := client.SendAll(testShare(), testShare(), &template.RequestTransactionDataSuccess{
			TransactionList: []sv2.Bytes{make([]byte, 200000)}}, testShare()); err != nil {
			t.Fatal(err)
		}
		if counter.writes != 2 {
			t.Errorf("%d writes", counter.writes)
		}
		for range 5 {
			if _, err := server.Receive(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

type counting struct {
	net.Conn
	writes int
}

func (c *counting) Write(p []byte) (int, error) { c.writes++; return c.Conn.Write(p) }

// TestTorn reads a stream of frames of many sizes in pieces of many sizes.
func TestTorn(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		sizes := []int{0, 24, 0, 45, 500, 980, 1000, 1002, 1018, 1024, 1025, 3000, 10, 70000, 0, 24, 1024}
		for _, piece := range []int{1, 2, 3, 5, 6, 7, 21, 22, 23, 61, 100, 1023, 1024, 1025, 1 << 20} {
			server, client := memoryPair(t, plain)
			for i, n := range sizes {
				if err := client.SendFrame(sv2.Frame{Type: sv2.Type(i), Payload: bytes.Repeat([]byte{byte(i)}, n)}); err != nil {
					t.Fatal(err)
				}
			}
			server.nc = &script{say: server.nc, piece: piece}
			for i, n := range sizes {
				f, err := server.Receive()
				if err != nil {
					t.Fatalf("pieces of %d: frame %d: %v", piece, i, err)
				}
				if f.Type != sv2.Type(i) || !bytes.Equal(f.Payload, bytes.Repeat([]byte{byte(i)}, n)) {
					t.Fatalf("pieces of %d: frame %d: type %d, %d bytes", piece, i, f.Type, len(f.Payload))
				}
			}
		}
	})
}

// TestSurplus has the server's first frame in the same segment as act 2, torn
// everywhere.
func TestSurplus(t *testing.T) {
	listen, url := testPool(t)
	for _, piece := range []int{1, 64, 233, 234, 235, 240, 300, 1 << 20} {
		a, b := net.Pipe()
		server := Server(&oneSegment{Conn: a}, listen)
		done := make(chan error, 1)
		go func() {
			err := server.Handshake(context.Background())
			if err == nil {
				err = server.Send(&sv2.SetupConnectionSuccess{UsedVersion: 2})
			}
			done <- err
		}()
		client, err := Client(context.Background(), &torn{b, piece}, url, DialConfig{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := client.Receive()
		if err != nil || f.Type != sv2.TypeSetupConnectionSuccess {
			t.Errorf("pieces of %d: %v, %v", piece, f, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		a.Close()
		b.Close()
	}
}

// oneSegment holds act 2 back until the next write.
type oneSegment struct {
	net.Conn
	held []byte
}

func (s *oneSegment) Write(p []byte) (int, error) {
	if s.held == nil {
		s.held = bytes.Clone(p)
		return len(p), nil
	}
	_, err := s.Conn.Write(append(s.held, p...))
	s.held = []byte{}
	return len(p), err
}

// torn reads in small pieces.
type torn struct {
	net.Conn
	piece int
}

func (c *torn) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(c.piece, len(p))]) }

func TestConcurrentSend(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		server, client := pair(t, plain)
		const senders, each = 8, 50
		shared := testShare() // a pool sends one message on many connections
		var wg sync.WaitGroup
		for range senders {
			wg.Go(func() {
				for range each {
					if err := client.SendAll(shared, testJob()); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Go(func() { client.SetReceiveTimeout(1e9) })
		for i := range 2 * senders * each {
			f, err := server.Receive()
			want := []sv2.Type{mining.TypeSubmitSharesStandard, mining.TypeNewMiningJob}[i%2]
			if err != nil || f.Type != want {
				t.Fatalf("frame %d: %v, %v", i, f, err)
			}
		}
		wg.Wait()
	})
}

func TestEndOfStream(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		for cut, want := range map[int]error{0: io.EOF, 1: io.ErrUnexpectedEOF, 6: io.ErrUnexpectedEOF, 22: io.ErrUnexpectedEOF, 29: io.ErrUnexpectedEOF} {
			server, client := memoryPair(t, plain)
			if err := client.Send(testShare()); err != nil {
				t.Fatal(err)
			}
			stream := client.nc.(*memory).to
			server.nc = &script{say: bytes.NewReader(stream.b[:cut]), piece: 100}
			_, err := server.Receive()
			if !errors.Is(err, want) {
				t.Errorf("cut after %d bytes: %v, want %v", cut, err, want)
			}
			if _, again := server.Receive(); again != err {
				t.Errorf("then %v", again)
			}
		}
	})
}

func TestFlippedBits(t *testing.T) {
	server, client := memoryPair(t, false)
	if err := client.Send(testShare()); err != nil {
		t.Fatal(err)
	}
	stream := client.nc.(*memory).to
	wire := bytes.Clone(stream.b)
	session := *server.session
	for i := range wire {
		bad := bytes.Clone(wire)
		bad[i] ^= 1 << (i % 8)
		receive := *session.Receive // counter 0 again
		server.session = &noise.Session{Receive: &receive}
		server.failed, server.r, server.w = nil, 0, 0
		server.nc = &script{say: bytes.NewReader(bad), piece: 100}
		if f, err := server.Receive(); !errors.Is(err, noise.ErrDecrypt) {
			t.Errorf("bit of byte %d: %v, %v", i, f, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		server, client := memoryPair(t, plain)
		server.cfg = &Config{MaxPayload: PoolPayload, Pool: buffer.New(1 << 20)}
		for _, c := range []struct {
			size int
			want error
		}{{PoolPayload, nil}, {PoolPayload + 1, ErrTooLarge}} {
			if err := client.SendFrame(sv2.Frame{Type: 1, Payload: make([]byte, c.size)}); err != nil {
				t.Fatal(err)
			}
			if _, err := server.Receive(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%d bytes: %v", c.size, err)
			}
		}
		if out := server.cfg.Pool.Stats().Out; out != 0 {
			t.Errorf("%d bytes are still lent", out)
		}
	})
}

// TestPool lends large frames' buffers and gets them back, and refuses when there
// are none.
func TestPool(t *testing.T) {
	server, client := memoryPair(t, false)
	pool := buffer.New(300000)
	server.cfg = &Config{MaxPayload: FullPayload, Pool: pool}
	for range 10 {
		if err := client.SendFrame(sv2.Frame{Type: 1, Payload: make([]byte, 200000)}); err != nil {
			t.Fatal(err)
		}
		if err := client.Send(testShare()); err != nil {
			t.Fatal(err)
		}
		if f, err := server.Receive(); err != nil || len(f.Payload) != 200000 || pool.Stats().Out < 200000 {
			t.Fatalf("%d bytes, %v, %+v", len(f.Payload), err, pool.Stats())
		}
		if _, err := server.Receive(); err != nil || pool.Stats().Out != 0 {
			t.Fatalf("%v, %+v", err, pool.Stats())
		}
	}
	if err := client.SendFrame(sv2.Frame{Type: 1, Payload: make([]byte, 400000)}); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Receive(); !errors.Is(err, buffer.ErrExhausted) {
		t.Errorf("Receive = %v", err)
	}
}

func TestBadMessageLeavesConnection(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		server, client := memoryPair(t, plain)
		bad := &mining.SetExtranoncePrefix{ExtranoncePrefix: make([]byte, 33)}
		if err := client.Send(bad); err == nil {
			t.Error("Send took a prefix of 33 bytes")
		}
		if err := client.SendAll(testShare(), bad); err == nil {
			t.Error("SendAll took a prefix of 33 bytes")
		}
		if err := client.Send(testJob()); err != nil {
			t.Fatal(err)
		}
		if f, err := server.Receive(); err != nil || f.Type != mining.TypeNewMiningJob {
			t.Errorf("Receive = %v, %v", f, err)
		}
	})
}

func TestNotReady(t *testing.T) {
	listen, _ := testPool(t)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := Server(a, listen)
	if err := c.Send(testShare()); err != ErrNotReady {
		t.Errorf("Send = %v", err)
	}
	if _, err := c.Receive(); err != ErrNotReady {
		t.Errorf("Receive = %v", err)
	}
}

func TestStreamVectors(t *testing.T) {
	vectors.Each(t, "noise_stream", func(t *testing.T, v struct {
		Key    vectors.Hex
		Stream vectors.Hex
		Frames []vectors.Hex `json:"frames_before_end"`
		End    string
	}) {
		end := map[string]error{"end": io.EOF, "short": io.ErrUnexpectedEOF, "decrypt": noise.ErrDecrypt}[v.End]
		if end == nil {
			t.Fatalf("unknown end %q", v.End)
		}
		for _, piece := range []int{1, 7, 1 << 20} {
			cfg := Config{MaxPayload: FullPayload}.fill(0)
			c := newConn(&script{say: bytes.NewReader(v.Stream), piece: piece}, &cfg)
			c.session = &noise.Session{Receive: noise.NewCipher([32]byte(v.Key))}
			c.ready.Store(true)
			for i, want := range v.Frames {
				f, err := c.Receive()
				if err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
				got := append(sv2.Header{Type: f.Type, Length: len(f.Payload)}.Append(nil), f.Payload...)
				if !bytes.Equal(got, want) {
					t.Errorf("frame %d = %x, want %x", i, got, want)
				}
			}
			if f, err := c.Receive(); !errors.Is(err, end) {
				t.Errorf("pieces of %d: end = %v, %v, want %v", piece, f, err, end)
			}
		}
	})
}
