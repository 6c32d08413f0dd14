package sv2net

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/noise"
)

// Openings of programs that came to the wrong port.
var (
	sv1Line  = `{"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.12.1"]}` + "\n"
	sv1Reply = `{"id":null,"result":null,"error":[20,"Parse error",null]}` + "\n"
	tlsHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x5a", 50)
	tlsAlert = "\x15\x03\x03\x00\x02\x02\x32"
	httpGet  = "GET / HTTP/1.1\r\nHost: pool.example:34254\r\n\r\n"
	http400  = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n"
)

// frame is m as it is on a plain connection.
func frame(m sv2.Message) string {
	b, err := new(sv2.Codec).AppendFrame(nil, m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestForeignClients: a server tells them apart before an act is complete, and does
// not wait for more.
func TestForeignClients(t *testing.T) {
	listen, _ := testPool(t)
	plain := listen
	plain.Plain = true
	setup := frame(&sv2.SetupConnection{MinVersion: 2, MaxVersion: 2, Vendor: "x"})
	for _, c := range []struct {
		name string
		cfg  ListenConfig
		say  string
		want error
	}{
		{"sv1", listen, sv1Line, ErrSv1}, {"sv1, begun", listen, sv1Line[:20], ErrSv1}, {"tls", listen, tlsHello[:11], ErrTLS},
		{"http", listen, httpGet, ErrHTTP}, {"plain sv2", listen, setup, ErrPlain},
		{"sv1 at plain", plain, sv1Line, ErrSv1}, {"tls at plain", plain, tlsHello, ErrTLS}, {"http at plain", plain, httpGet, ErrHTTP},
		{"noise at plain", plain, strings.Repeat("\x99", 64), ErrNoise}, {"gone", listen, "abc", ErrHangup}, {"gone at plain", plain, "", ErrHangup},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := net.Pipe()
				defer b.Close()
				go func() {
					io.WriteString(b, c.say)
					if c.want == ErrHangup {
						b.Close()
					}
				}()
				start := time.Now()
				err := Server(a, c.cfg).Handshake(context.Background())
				if !errors.Is(err, c.want) {
					t.Errorf("Handshake = %v, want %v", err, c.want)
				}
				if waited := time.Since(start); waited > 0 {
					t.Errorf("it took %v", waited)
				}
				if _, err := b.Write([]byte("x")); err == nil {
					t.Error("the connection is still open")
				}
			})
		})
	}
}

// TestForeignServers: a client says what answered.
func TestForeignServers(t *testing.T) {
	_, url := testPool(t)
	success := frame(&sv2.SetupConnectionSuccess{UsedVersion: 2})
	for name, c := range map[string]struct {
		say  string
		want error
	}{
		"sv1": {sv1Reply, ErrSv1}, "tls": {tlsAlert, ErrTLS}, "http": {http400, ErrHTTP}, "plain": {success, ErrPlain},
		"gone": {"", ErrHangup}, "gone within act 2": {strings.Repeat("\x88", 200), ErrHangup},
		"another protocol": {strings.Repeat("\x88", noise.Act2Size), noise.ErrDecrypt},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			go func() {
				defer a.Close()
				io.ReadFull(a, make([]byte, noise.Act1Size))
				io.WriteString(a, c.say)
			}()
			if _, err := Client(context.Background(), b, url, DialConfig{}); !errors.Is(err, c.want) {
				t.Errorf("Client = %v, want %v", err, c.want)
			}
		})
	}
}

// TestWrongPool: the errors by which a client decides.
func TestWrongPool(t *testing.T) {
	listen, url := testPool(t)
	_, other := testPool(t)
	from, until := listen.Identity.Certificate().From(), listen.Identity.Certificate().Until()
	at := func(now time.Time) DialConfig { return DialConfig{Now: func() time.Time { return now }} }
	unset := at(time.Unix(99, 0))
	unset.Clock.Built = from
	strict := unset
	strict.Clock.Strict = true
	for name, c := range map[string]struct {
		url  noise.URL
		cfg  DialConfig
		want error
	}{
		"good":          {url, DialConfig{}, nil},
		"wrong key":     {other, DialConfig{}, noise.ErrWrongKey},
		"expired":       {url, at(until.Add(11 * time.Second)), noise.ErrExpired},
		"just expired":  {url, at(until.Add(9 * time.Second)), nil},
		"not yet valid": {url, at(from.Add(-11 * time.Second)), noise.ErrNotYetValid},
		"unset clock":   {url, unset, nil},
		"strict clock":  {url, strict, noise.ErrClock},
		"unset, wrong":  {other, unset, noise.ErrWrongKey},
		"no key":        {noise.URL{Host: "a", Port: 1}, DialConfig{}, ErrNoKey},
		"anyone":        {noise.URL{Host: "a", Port: 1}, DialConfig{Anyone: true}, nil},
	} {
		a, b := net.Pipe()
		server := Server(a, listen)
		go server.Handshake(context.Background())
		conn, err := Client(context.Background(), b, c.url, c.cfg)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil && conn.Pending() != (name == "unset clock") {
			t.Errorf("%s: pending = %v", name, conn.Pending())
		}
		if err != nil {
			if _, err := b.Write([]byte("x")); err == nil {
				t.Errorf("%s: connection is still open", name)
			}
		}
		a.Close()
		b.Close()
	}
}

// TestCheckTime: a pending certificate is judged by the first time that is known.
func TestCheckTime(t *testing.T) {
	listen, url := testPool(t)
	until := listen.Identity.Certificate().Until()
	for name, c := range map[string]struct {
		saved, ntime time.Time
		want         error
	}{
		"good":              {time.Time{}, until.Add(-time.Hour), nil},
		"ended":             {time.Time{}, until.Add(time.Minute), noise.ErrExpired},
		"far before":        {time.Time{}, until.AddDate(-1, 0, 0), noise.ErrNotYetValid},
		"saved, then later": {until.Add(-time.Minute), until.Add(time.Minute), noise.ErrExpired},
		"saved counts":      {until.Add(-time.Minute), until.AddDate(-1, 0, 0), nil},
	} {
		cfg := DialConfig{Now: func() time.Time { return time.Unix(5, 0) }}
		cfg.Clock = noise.Clock{Built: until.AddDate(0, 0, -30), Saved: c.saved}
		a, b := net.Pipe()
		_, conn := join(t, a, b, listen, url, cfg)
		if !conn.Pending() {
			t.Fatalf("%s: not pending", name)
		}
		err := conn.CheckTime(c.ntime)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: CheckTime = %v, want %v", name, err, c.want)
		}
		if closed := b.SetDeadline(time.Time{}) != nil; closed != (c.want != nil) {
			t.Errorf("%s: connection closed: %v", name, closed)
		}
		if err == nil && conn.Pending() {
			t.Errorf("%s: still pending", name)
		}
		if err == nil && conn.CheckTime(until.AddDate(1, 0, 0)) != nil {
			t.Errorf("%s: checked twice", name)
		}
		a.Close()
		b.Close()
	}
}

// drip says one byte a second, for ever.
func drip(nc net.Conn, b []byte) {
	for i := 0; ; i++ {
		if _, err := nc.Write(b[i%len(b):][:1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, server, client *Conn, raw net.Conn) error
		want error
		wait time.Duration
	}{
		{"silence", func(_ *testing.T, server, _ *Conn, _ net.Conn) error {
			server.SetReceiveTimeout(time.Minute)
			_, err := server.Receive()
			return err
		}, ErrIdle, time.Minute},
		{"dripping frame", func(t *testing.T, server, client *Conn, raw net.Conn) error {
			out, _ := wire(client, make([]byte, 100))
			go drip(raw, out)
			_, err := server.Receive()
			return err
		}, ErrSlow, DefaultFrame},
		{"dripping large frame", func(t *testing.T, server, client *Conn, raw net.Conn) error {
			out, _ := wire(client, make([]byte, 3000))
			go func() {
				raw.Write(out[:2000])
				drip(raw, out[2000:])
			}()
			_, err := server.Receive()
			return err
		}, ErrSlow, DefaultFrame},
		{"header only", func(t *testing.T, server, client *Conn, raw net.Conn) error {
			out, head := wire(client, make([]byte, 100))
			server.SetReceiveTimeout(time.Second)
			go raw.Write(out[:head])
			_, err := server.Receive()
			return err
		}, ErrSlow, DefaultFrame},
		{"peer does not read", func(_ *testing.T, server, _ *Conn, _ net.Conn) error {
			return server.Send(testJob())
		}, ErrBlocked, DefaultWrite},
	} {
		modes(t, func(t *testing.T, plain bool) {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server, client := pair(t, plain)
					start := time.Now()
					err := c.run(t, server, client, client.nc)
					if waited := time.Since(start); !errors.Is(err, c.want) || waited != c.wait {
						t.Errorf("after %v: %v, want %v after %v", waited, err, c.want, c.wait)
					}
					client.Close()
					server.Close()
					time.Sleep(time.Minute) // virtual: whoever drips sees the end
				})
			})
		})
	}
}

// wire is a frame as c would send it, and where its payload begins.
func wire(c *Conn, payload []byte) (b []byte, head int) {
	nc := c.nc
	a, m := newMemory()
	c.nc = m
	c.SendFrame(sv2.Frame{Payload: payload})
	c.nc = nc
	return a.from.b, c.payloadAt()
}

// TestIdleGoesOn: after silence the connection still works.
func TestIdleGoesOn(t *testing.T) {
	modes(t, func(t *testing.T, plain bool) {
		synctest.Test(t, func(t *testing.T) {
			server, client := pair(t, plain)
			server.SetReceiveTimeout(time.Second)
			for range 3 {
				if _, err := server.Receive(); !errors.Is(err, ErrIdle) {
					t.Fatalf("Receive = %v", err)
				}
			}
			server.SetReceiveTimeout(0)
			go func() {
				time.Sleep(time.Hour)
				client.Send(testShare())
			}()
			if _, err := server.Receive(); err != nil {
				t.Errorf("Receive = %v", err)
			}
		})
	})
}

// TestEndlessHandshake: bytes do not buy time, at either end.
func TestEndlessHandshake(t *testing.T) {
	noisy := make([]byte, 1000)
	rand.Read(noisy)
	noisy[0] = 0x99
	listen, url := testPool(t)
	plain := listen
	plain.Plain = true
	for name, run := range map[string]func(a, b net.Conn) error{
		"silent client":   func(a, b net.Conn) error { return Server(a, listen).Handshake(context.Background()) },
		"dripping client": func(a, b net.Conn) error { go drip(b, noisy); return Server(a, listen).Handshake(context.Background()) },
		"plain, silent":   func(a, b net.Conn) error { return Server(a, plain).Handshake(context.Background()) },
		"client does not read": func(a, b net.Conn) error {
			go b.Write(noisy[:64])
			return Server(a, listen).Handshake(context.Background())
		},
		"silent server": func(a, b net.Conn) error {
			go io.Copy(io.Discard, b)
			_, err := Client(context.Background(), a, url, DialConfig{})
			return err
		},
		"dripping server": func(a, b net.Conn) error {
			go io.Copy(io.Discard, b)
			go drip(b, noisy)
			_, err := Client(context.Background(), a, url, DialConfig{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := net.Pipe()
				start := time.Now()
				err := run(a, b)
				if waited := time.Since(start); !errors.Is(err, ErrSlow) && !errors.Is(err, ErrBlocked) || waited != DefaultHandshake {
					t.Errorf("after %v: %v", waited, err)
				}
				a.Close()
				b.Close()
				time.Sleep(time.Minute) // virtual: whoever drips sees the end
			})
		})
	}
}

func TestHandshakeCancelled(t *testing.T) {
	listen, url := testPool(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		a, b := net.Pipe()
		go io.Copy(io.Discard, b)
		if err := Server(a, listen).Handshake(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Handshake = %v", err)
		}
		a, b = net.Pipe()
		go io.Copy(io.Discard, b)
		if _, err := Client(ctx, a, url, DialConfig{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Client = %v", err)
		}
		b.Close()
	})
}

// TestHonestActsPass: what looks like text by chance in one byte is no reason to
// drop an honest peer.
func TestHonestActsPass(t *testing.T) {
	random := bytes.Repeat([]byte{0xe3, 0x41}, 40)
	for first := range 256 {
		random[0] = byte(first)
		if err := sniff(random); err != nil {
			t.Errorf("act that begins with %#x: %v", first, err)
		}
	}
}

// FuzzReceive reads any bytes as a plain stream, in any pieces, and holds frames to
// the bytes that came.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(frame(testShare())+frame(testJob())), uint8(7))
	f.Add([]byte(frame(&sv2.SetupConnection{})), uint8(1))
	f.Add([]byte("\x00\x00\x01\xff\xff\xff"), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		cfg := Config{MaxPayload: 5000}.fill(0)
		c := newConn(&script{say: bytes.NewReader(stream), piece: int(piece) + 1}, &cfg)
		c.ready.Store(true)
		var again []byte
		for {
			f, err := c.Receive()
			if err != nil {
				break
			}
			again = sv2.Header{Type: f.Type, Length: len(f.Payload)}.Append(again)
			again = append(again, f.Payload...)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Errorf("read %x from %x", again, stream)
		}
	})
}

// FuzzReceiveSealed changes a sealed stream anywhere: frames before the change
// come, none after it.
func FuzzReceiveSealed(f *testing.F) {
	stream := func() []byte {
		c := newConn(nil, new(Config))
		c.session = &noise.Session{Send: noise.NewCipher([32]byte{9})}
		a, m := newMemory()
		cfg := Config{}.fill(0)
		c.nc, c.cfg = m, &cfg
		c.ready.Store(true)
		c.Send(testShare())
		c.Send(testJob())
		c.SendFrame(sv2.Frame{Type: 3, Payload: make([]byte, 2000)})
		return a.from.b
	}()
	f.Add(0, byte(1), uint8(30))
	f.Add(70, byte(0x80), uint8(0))
	f.Add(len(stream)-1, byte(4), uint8(255))
	f.Fuzz(func(t *testing.T, at int, flip byte, piece uint8) {
		if flip == 0 || at < 0 {
			return
		}
		bad := bytes.Clone(stream)
		at %= len(bad)
		bad[at] ^= flip
		cfg := Config{MaxPayload: 5000}.fill(0)
		c := newConn(&script{say: bytes.NewReader(bad), piece: int(piece) + 1}, &cfg)
		c.session = &noise.Session{Receive: noise.NewCipher([32]byte{9})}
		c.ready.Store(true)
		for end := 0; ; {
			f, err := c.Receive()
			if err != nil {
				if !errors.Is(err, noise.ErrDecrypt) {
					t.Errorf("byte %d changed: %v", at, err)
				}
				return
			}
			if end += noise.SealedHeader + noise.SealedSize(len(f.Payload)); end > at {
				t.Fatalf("byte %d changed, frame until %d came", at, end)
			}
		}
	})
}

// FuzzSniff looks for honest bytes that are dropped: 64 of them where one is not
// text, and which do not begin like a known record.
func FuzzSniff(f *testing.F) {
	for _, s := range []string{sv1Line, tlsHello, tlsAlert, httpGet, http400, "", "{", "\x16\x03\x01"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := sniff(b)
		if (err == ErrSv1 || err == ErrHTTP) && (len(b) < textSize || b[0] < ' ') {
			t.Errorf("%q: %v", b, err)
		}
	})
}
