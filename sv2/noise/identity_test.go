package noise

import (
	"bytes"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"
)

func testIdentity(t testing.TB, authority SecretKey, now func() time.Time) *Identity {
	t.Helper()
	id, err := NewIdentity(IdentityConfig{Authority: authority, Random: rand.Reader, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func testKey(t testing.TB) SecretKey {
	t.Helper()
	k, err := NewSecretKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// shake runs a whole handshake.
func shake(t testing.TB, id *Identity, trust Authority) (server, client *Session) {
	t.Helper()
	i, err := NewInitiator(trust, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	act2, server, err := id.Respond(i.Act1())
	if err != nil {
		t.Fatal(err)
	}
	if client, err = i.Finish(act2, time.Now()); err != nil {
		t.Fatal(err)
	}
	return server, client
}

func TestHandshakeBothWays(t *testing.T) {
	key := testKey(t)
	id := testIdentity(t, key, time.Now)
	server, client := shake(t, id, Authority{Key: key.Public()})
	if server.Hash != client.Hash || server.Static != client.Static || client.Pending {
		t.Errorf("sessions differ: %x %x", server.Hash, client.Hash)
	}
	for _, n := range []int{0, 1, 500, MaxPiece, MaxPiece + 1, 3*MaxPiece + 5} {
		payload := bytes.Repeat([]byte{byte(n + 1)}, n)
		openWhole(t, server.Receive, sealed(t, client.Send, 0, 1, payload), payload)
		openWhole(t, client.Receive, sealed(t, server.Send, 0, 1, payload), payload)
	}
	other, _ := shake(t, id, Authority{Key: key.Public()})
	if other.Hash == server.Hash {
		t.Error("two handshakes are the same")
	}
	if _, err := other.Receive.OpenHeader(sealed(t, client.Send, 0, 1, nil)); !errors.Is(err, ErrDecrypt) {
		t.Errorf("a frame of another session opens: %v", err)
	}
}

func TestWrongKeyAndAnyone(t *testing.T) {
	id := testIdentity(t, testKey(t), time.Now)
	for name, c := range map[string]struct {
		trust Authority
		want  error
	}{
		"right key":        {Authority{Key: id.Authority()}, nil},
		"wrong key":        {Authority{Key: testKey(t).Public()}, ErrWrongKey},
		"no point at all":  {Authority{Key: PublicKey{31: 5}}, ErrWrongKey},
		"anyone":           {Authority{Anyone: true}, nil},
		"wrong, no clock":  {Authority{Key: testKey(t).Public(), Clock: Clock{Built: time.Now().Add(time.Hour)}}, ErrWrongKey},
		"right, no clock":  {Authority{Key: id.Authority(), Clock: Clock{Built: time.Now().Add(time.Hour)}}, nil},
		"right, strict":    {Authority{Key: id.Authority(), Clock: Clock{Built: time.Now().Add(time.Hour), Strict: true}}, ErrClock},
		"certificate over": {Authority{Key: id.Authority(), Clock: Clock{Built: time.Now().Add(time.Hour), Saved: time.Now().Add(2 * time.Hour)}}, ErrExpired},
	} {
		i, err := NewInitiator(c.trust, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		act2, _, err := id.Respond(i.Act1())
		if err != nil {
			t.Fatal(err)
		}
		s, err := i.Finish(act2, time.Now())
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil && s.Pending != (name == "right, no clock") {
			t.Errorf("%s: pending = %v", name, s.Pending)
		}
	}
}

func TestIdentityRenews(t *testing.T) {
	key := testKey(t)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	id := testIdentity(t, key, func() time.Time { return now })
	first := id.Certificate()
	if first.From() != now.Add(-DefaultBack) || first.Until() != now.Add(DefaultLife) {
		t.Errorf("certificate from %v until %v", first.From(), first.Until())
	}
	act1 := make([]byte, Act1Size)
	for _, step := range []struct {
		after time.Duration
		renew bool
	}{{10 * time.Minute, false}, {19 * time.Minute, false}, {2 * time.Minute, true}, {3 * time.Hour, true}, {-24 * time.Hour, true}} {
		before := id.Certificate()
		now = now.Add(step.after)
		_, s, err := id.Respond(act1)
		if err != nil {
			t.Fatal(err)
		}
		if renewed := s.Certificate != before; renewed != step.renew {
			t.Errorf("after %v: renewed %v, want %v", step.after, renewed, step.renew)
		}
		if err := s.Certificate.Verify(key.Public(), s.Static); err != nil {
			t.Error(err)
		}
		if left := s.Certificate.Until().Sub(now); left < DefaultLife/2 {
			t.Errorf("after %v: %v left", step.after, left)
		}
	}
}

func TestIdentityConcurrently(t *testing.T) {
	key := testKey(t)
	var mu sync.Mutex
	now := time.Now()
	id := testIdentity(t, key, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(7 * time.Minute)
		return now
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 6 {
				_, s, err := id.Respond(make([]byte, Act1Size))
				if err != nil {
					t.Error(err)
				} else if err := s.Certificate.Verify(key.Public(), s.Static); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestFixedIdentity(t *testing.T) {
	authority, static := testKey(t), testKey(t)
	now := time.Now()
	cert, err := Issue(authority, static.Public(), now.Add(-time.Hour), now.Add(time.Hour), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := FixedIdentity(static, cert, authority.Public(), rand.Reader, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if _, client := shake(t, id, Authority{Key: authority.Public()}); client.Static != static.Public() {
		t.Error("static key differs")
	}
	now = now.Add(2 * time.Hour)
	if _, _, err := id.Respond(make([]byte, Act1Size)); !errors.Is(err, ErrExpired) {
		t.Errorf("Respond with an old certificate = %v", err)
	}
	if _, err := FixedIdentity(testKey(t), cert, authority.Public(), rand.Reader, time.Now); !errors.Is(err, ErrWrongKey) {
		t.Errorf("FixedIdentity with another key = %v", err)
	}
}

func TestIssue(t *testing.T) {
	key, now := testKey(t), time.Now()
	if _, err := Issue(key, key.Public(), now, now.Add(-time.Second), rand.Reader); err == nil {
		t.Error("a certificate that ends before it begins")
	}
	if _, err := Issue(SecretKey{}, key.Public(), now, now, rand.Reader); err == nil {
		t.Error("a certificate of nobody")
	}
	c, err := Issue(key, key.Public(), time.Unix(-5, 0), now.AddDate(500, 0, 0), rand.Reader)
	if err != nil || c.ValidFrom != 0 || c.NotValidAfter != 1<<32-1 {
		t.Errorf("Issue = %+v, %v", c, err)
	}
}
