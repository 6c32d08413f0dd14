package noise

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"
)

// FuzzAct1 answers any 64 bytes, and refuses all else.
func FuzzAct1(f *testing.F) {
	id := testIdentity(f, testKey(f), time.Now)
	i, err := NewInitiator(Authority{}, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(i.Act1())
	f.Add(make([]byte, Act1Size))
	f.Add(bytes.Repeat([]byte{0xff}, Act1Size))
	f.Add([]byte("{\"id\":1}"))
	f.Fuzz(func(t *testing.T, act1 []byte) {
		act2, s, err := id.Respond(act1)
		if (err == nil) != (len(act1) == Act1Size) {
			t.Fatalf("Respond to %d bytes = %v", len(act1), err)
		}
		if err == nil && (len(act2) != Act2Size || s.Send == nil) {
			t.Fatalf("act 2 has %d bytes", len(act2))
		}
	})
}

// FuzzAct2 gives an initiator bytes that nobody sealed for it: the ephemeral key is
// new each time, so all must be refused.
func FuzzAct2(f *testing.F) {
	id := testIdentity(f, testKey(f), time.Now)
	i, err := NewInitiator(Authority{}, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	act2, _, err := id.Respond(i.Act1())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(act2)
	f.Add(act2[:Act2Size-1])
	f.Add(make([]byte, Act2Size))
	f.Fuzz(func(t *testing.T, act2 []byte) {
		i, err := NewInitiator(Authority{Anyone: true}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Finish(act2, time.Now()); err == nil {
			t.Fatal("Finish took bytes that nobody sealed")
		}
	})
}

func FuzzCertificate(f *testing.F) {
	key := testKey(f)
	c, err := Issue(key, key.Public(), time.Unix(1, 0), time.Unix(2, 0), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, _ := c.AppendBinary(nil)
	f.Add(good)
	f.Add(good[:40])
	f.Add(make([]byte, CertificateSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCertificate(b)
		if err != nil {
			return
		}
		if again, _ := c.AppendBinary(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x is read as %+v", b, c)
		}
		if err := c.Verify(key.Public(), key.Public()); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("forged: %x", b)
		}
		Clock{}.Check(c, time.Unix(1, 0))
	})
}

// FuzzOpen gives a cipher bytes that are not what was sealed.
func FuzzOpen(f *testing.F) {
	b := make([]byte, SealedHeader+SealedSize(5))
	if err := NewCipher([32]byte{}).SealFrame(b, 5); err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:10])
	f.Fuzz(func(t *testing.T, in []byte) {
		c := NewCipher([32]byte{})
		in = bytes.Clone(in)
		n := min(len(in), SealedHeader)
		if _, err := c.OpenHeader(in[:n]); err != nil {
			return
		}
		if _, err := c.OpenPayload(in[n:]); err == nil && len(in) != len(b) && len(in) != SealedHeader {
			t.Fatalf("opened %x", in)
		}
	})
}
