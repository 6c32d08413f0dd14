package noise

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/lodefw/lode/internal/vectors"
)

// frameVector is a frame of a handshake vector. Long ones have a rule in place of
// the payload, and hashes in place of the sealed bytes.
type frameVector struct {
	Extension uint16 `json:"extension_type"`
	Type      uint8  `json:"msg_type"`
	Length    int    `json:"plaintext_length"`
	Plaintext *vectors.Hex
	Pattern   struct{ N, Seed int } `json:"plaintext_pattern"`
	To        *vectors.Hex          `json:"initiator_to_responder"`
	From      *vectors.Hex          `json:"responder_to_initiator"`
	ToHash    vectors.Hex           `json:"initiator_to_responder_sha256"`
	FromHash  vectors.Hex           `json:"responder_to_initiator_sha256"`
}

// payload is the frame's plain payload.
func (f frameVector) payload() []byte {
	if f.Plaintext != nil {
		return *f.Plaintext
	}
	b := make([]byte, f.Pattern.N)
	for i := range b {
		b[i] = byte(f.Pattern.Seed + 7*i + i>>8)
	}
	return b
}

// check seals the frame, compares, and opens it.
func (f frameVector) check(t *testing.T, send, receive *Cipher, want *vectors.Hex, hash vectors.Hex) {
	t.Helper()
	payload := f.payload()
	if len(payload) != f.Length {
		t.Fatalf("payload of %d bytes, want %d", len(payload), f.Length)
	}
	b := sealed(t, send, f.Extension, f.Type, payload)
	if want != nil {
		same(t, "sealed frame", b, *want)
	} else {
		h := sha256.Sum256(b)
		same(t, "hash of the sealed frame", h[:], hash)
	}
	openWhole(t, receive, b, payload)
}

// sealed makes a frame on the wire.
func sealed(t *testing.T, c *Cipher, extension uint16, number uint8, payload []byte) []byte {
	t.Helper()
	n := len(payload)
	b := make([]byte, SealedHeader+SealedSize(n))
	copy(b, []byte{byte(extension), byte(extension >> 8), number, byte(n), byte(n >> 8), byte(n >> 16)})
	copy(b[SealedHeader:], payload)
	if err := c.SealFrame(b, n); err != nil {
		t.Fatal(err)
	}
	return b
}

func openWhole(t *testing.T, c *Cipher, b, want []byte) {
	t.Helper()
	h, err := c.OpenHeader(b[:SealedHeader])
	if err != nil {
		t.Fatal(err)
	}
	if n := int(h[3]) | int(h[4])<<8 | int(h[5])<<16; n != len(want) {
		t.Errorf("header says %d bytes, want %d", n, len(want))
	}
	payload, err := c.OpenPayload(b[SealedHeader:])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(payload, want) {
		t.Errorf("payload of %d bytes differs", len(payload))
	}
}

func TestHandshakeVectors(t *testing.T) {
	vectors.Each(t, "noise_handshakes", func(t *testing.T, v struct {
		AuthorityX      vectors.Hex `json:"authority_xonly"`
		InitiatorSecret vectors.Hex `json:"initiator_ephemeral_secret"`
		InitiatorPublic vectors.Hex `json:"initiator_ephemeral_ellswift"`
		ResponderSecret vectors.Hex `json:"responder_ephemeral_secret"`
		ResponderPublic vectors.Hex `json:"responder_ephemeral_ellswift"`
		StaticSecret    vectors.Hex `json:"responder_static_secret"`
		StaticPublic    vectors.Hex `json:"responder_static_ellswift"`
		StaticX         vectors.Hex `json:"responder_static_xonly"`
		Cert            struct {
			ValidFrom int64 `json:"valid_from"`
			Plaintext vectors.Hex
		}
		Act1      vectors.Hex
		Act2      vectors.Hex
		CKAfterEE vectors.Hex `json:"ck_after_ee"`
		CKAfterES vectors.Hex `json:"ck_after_es"`
		Hash      vectors.Hex `json:"handshake_hash"`
		KeyTo     vectors.Hex `json:"key_initiator_to_responder"`
		KeyFrom   vectors.Hex `json:"key_responder_to_initiator"`
		Frames    []frameVector
	}) {
		ephemeral := keyPair{secretOf(t, v.InitiatorSecret), encoding(v.InitiatorPublic)}
		i, err := newInitiator(Authority{Key: PublicKey(v.AuthorityX)}, ephemeral)
		if err != nil {
			t.Fatal(err)
		}
		if v.Act1 != nil {
			same(t, "act 1", i.Act1(), v.Act1)
		}
		cert, err := ParseCertificate(v.Cert.Plaintext)
		if err != nil {
			t.Fatal(err)
		}
		own := &credentials{keyPair{secretOf(t, v.StaticSecret), encoding(v.StaticPublic)}, PublicKey(v.StaticX), cert}
		act2, server, err := respond(own, keyPair{secretOf(t, v.ResponderSecret), encoding(v.ResponderPublic)}, i.Act1())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "act 2", act2, v.Act2)
		client, err := i.Finish(v.Act2, time.Unix(v.Cert.ValidFrom, 0))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "static key", client.Static[:], v.StaticX)
		same(t, "client's hash", client.Hash[:], v.Hash)
		same(t, "server's hash", server.Hash[:], v.Hash)

		// The key schedule, once more without the library.
		name := sum([]byte("Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256"))
		ee, err := (&curve{initiator: true}).DH(ephemeral.dhKey().Private, v.ResponderPublic)
		if err != nil {
			t.Fatal(err)
		}
		ck, _ := noiseHKDF(t, name[:], ee)
		same(t, "ck after ee", ck, v.CKAfterEE)
		es, err := (&curve{initiator: true}).DH(ephemeral.dhKey().Private, v.StaticPublic)
		if err != nil {
			t.Fatal(err)
		}
		ck, _ = noiseHKDF(t, ck, es)
		same(t, "ck after es", ck, v.CKAfterES)
		to, from := noiseHKDF(t, ck, nil)
		same(t, "key to the responder", to, v.KeyTo)
		same(t, "key to the initiator", from, v.KeyFrom)

		for _, f := range v.Frames {
			f.check(t, client.Send, server.Receive, f.To, f.ToHash)
			f.check(t, server.Send, client.Receive, f.From, f.FromHash)
		}
	})
}

// expectations names the errors of noise_act2 vectors.
func expectation(name string) error {
	return map[string]error{
		"length": ErrLength, "decrypt": ErrDecrypt, "version": ErrVersion, "signature": ErrWrongKey,
		"not-yet-valid": ErrNotYetValid, "expired": ErrExpired,
	}[name]
}

func TestAct2Vectors(t *testing.T) {
	vectors.Each(t, "noise_act2", func(t *testing.T, v struct {
		Secret     vectors.Hex `json:"initiator_ephemeral_secret"`
		Public     vectors.Hex `json:"initiator_ephemeral_ellswift"`
		AuthorityX vectors.Hex `json:"authority_xonly"`
		Now        int64
		Act2       vectors.Hex
		Expect     string
		Static     vectors.Hex `json:"responder_static_xonly"`
		Cert       vectors.Hex `json:"cert_plaintext"`
	}) {
		trust := Authority{Key: PublicKey(v.AuthorityX), Clock: Clock{Skew: -1}} // the vectors have no leeway
		i, err := newInitiator(trust, keyPair{secretOf(t, v.Secret), encoding(v.Public)})
		if err != nil {
			t.Fatal(err)
		}
		s, err := i.Finish(v.Act2, time.Unix(v.Now, 0))
		want := expectation(v.Expect)
		if want == nil && v.Expect != "ok" {
			t.Fatalf("unknown expectation %q", v.Expect)
		}
		if !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Fatalf("Finish = %v, want %v", err, want)
		}
		if err == nil && v.Static != nil {
			same(t, "static key", s.Static[:], v.Static)
			b, _ := s.Certificate.AppendBinary(nil)
			same(t, "certificate", b, v.Cert)
		}
	})
}

func TestCipherNeverWraps(t *testing.T) {
	c := newCipher([32]byte{1}, math.MaxUint64-2)
	b := make([]byte, SealedHeader+SealedSize(3))
	if err := c.SealFrame(b, 3); err != nil {
		t.Fatalf("the last two counters: %v", err)
	}
	if err := c.SealFrame(make([]byte, SealedHeader), 0); !errors.Is(err, ErrCounter) {
		t.Errorf("SealFrame = %v, want ErrCounter", err)
	}
	c = newCipher([32]byte{1}, math.MaxUint64-1)
	if err := c.SealFrame(b, 3); !errors.Is(err, ErrCounter) {
		t.Errorf("SealFrame across the end = %v, want ErrCounter", err)
	}
	if _, err := newCipher([32]byte{1}, math.MaxUint64).OpenHeader(make([]byte, SealedHeader)); !errors.Is(err, ErrCounter) {
		t.Errorf("OpenHeader = %v, want ErrCounter", err)
	}
}
