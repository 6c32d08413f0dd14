package noise

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ellswift"
	"github.com/flynn/noise"
	"github.com/lodefw/lode/internal/vectors"
)

// secretOf takes a vector's secret key.
func secretOf(t *testing.T, b []byte) SecretKey {
	t.Helper()
	if len(b) != KeySize {
		t.Fatalf("secret key of %d bytes", len(b))
	}
	k, ok := secretKey([KeySize]byte(b))
	if !ok {
		t.Fatalf("not a secret key: %x", b)
	}
	return k
}

func fieldOf(t *testing.T, b []byte) *btcec.FieldVal {
	t.Helper()
	if len(b) != 32 {
		t.Fatalf("not a field value: %x", b)
	}
	var v btcec.FieldVal
	v.SetByteSlice(b)
	return v.Normalize()
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}

// noiseHKDF is the key derivation of Noise by the standard library, to hold the
// library that does the handshake to something else.
func noiseHKDF(t *testing.T, ck, ikm []byte) (o1, o2 []byte) {
	t.Helper()
	out, err := hkdf.Key(sha256.New, ikm, ck, "", 64)
	if err != nil {
		t.Fatal(err)
	}
	return out[:32], out[32:]
}

func TestPrimitives(t *testing.T) {
	kinds := map[string]int{}
	vectors.Each(t, "primitives", func(t *testing.T, v struct {
		InputASCII  string `json:"input_ascii"`
		SHA256      vectors.Hex
		CK          vectors.Hex
		IKM         vectors.Hex
		Output1     vectors.Hex
		Output2     vectors.Hex
		H           vectors.Hex `json:"h_after_empty_prologue"`
		Key         vectors.Hex
		Counter     uint64
		Nonce       vectors.Hex `json:"nonce12"`
		AD          vectors.Hex
		Plaintext   vectors.Hex
		Ciphertext  vectors.Hex
		PlainLength *int `json:"plaintext_length"`
		WireLength  int  `json:"ciphertext_length"`
		Chunks      int
	}) {
		switch {
		case v.InputASCII != "":
			kinds["name"]++
			h := sha256.Sum256([]byte(v.InputASCII))
			same(t, "hash of the name", h[:], v.SHA256)
		case v.H != nil:
			kinds["noise"]++
			same(t, "h of a new handshake", state(&curve{}, noise.DHKey{}).ChannelBinding(), v.H)
			h := sum(v.CK)
			same(t, "h from ck", h[:], v.H)
		case v.Output1 != nil:
			kinds["hkdf"]++
			o1, o2 := noiseHKDF(t, v.CK, v.IKM)
			same(t, "output 1", o1, v.Output1)
			same(t, "output 2", o2, v.Output2)
		case v.Key != nil:
			kinds["aead"]++
			c := newCipher([32]byte(v.Key), v.Counter)
			nonce := c.next()
			same(t, "nonce", nonce, v.Nonce)
			same(t, "sealed", (*c.aead()).Seal(nil, nonce, v.Plaintext, v.AD), v.Ciphertext)
			plain, err := (*c.aead()).Open(nil, nonce, v.Ciphertext, v.AD)
			if err != nil {
				t.Error(err)
			}
			same(t, "opened", plain, v.Plaintext)
		case v.PlainLength != nil:
			kinds["ctlen"]++
			n := *v.PlainLength
			if SealedSize(n) != v.WireLength || pieces(n) != v.Chunks {
				t.Errorf("%d bytes: %d on the wire in %d pieces, want %d in %d", n,
					SealedSize(n), pieces(n), v.WireLength, v.Chunks)
			}
		}
	})
	for _, kind := range []string{"name", "noise", "hkdf", "aead", "ctlen"} {
		if kinds[kind] == 0 {
			t.Errorf("no vectors of kind %s", kind)
		}
	}
}

func TestEllswiftDecode(t *testing.T) {
	vectors.Each(t, "ellswift_decode", func(t *testing.T, v struct{ Ellswift, X vectors.Hex }) {
		e := encoding(v.Ellswift)
		x, err := decode(&e)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "x", x.Bytes()[:], v.X)
	})
}

func TestXSwiftECInv(t *testing.T) {
	vectors.Each(t, "xswiftec_inv", func(t *testing.T, v struct {
		U, X    vectors.Hex
		TByCase []*vectors.Hex `json:"t_by_case"`
	}) {
		for i, want := range v.TByCase {
			got := ellswift.XSwiftECInv(fieldOf(t, v.U), fieldOf(t, v.X), i)
			switch {
			case want == nil && got != nil:
				t.Errorf("case %d: t = %x, want none", i, got.Bytes()[:])
			case want != nil && got == nil:
				t.Errorf("case %d: no t, want %x", i, *want)
			case want != nil:
				same(t, "t", got.Bytes()[:], *want)
				if got.IsZero() || fieldOf(t, v.U).IsZero() {
					continue // encode never draws these, which decode takes for 1
				}
				// What encode makes of it decodes to x again.
				draw := append(append([]byte(nil), v.U...), byte(i))
				e, err := encode(fieldOf(t, v.X), bytes.NewReader(draw))
				if err != nil {
					t.Fatal(err)
				}
				x, err := decode(&e)
				if err != nil {
					t.Fatal(err)
				}
				same(t, "x", x.Bytes()[:], v.X)
			}
		}
	})
}

func TestECDH(t *testing.T) {
	vectors.Each(t, "ellswift_ecdh", func(t *testing.T, v struct {
		Priv       vectors.Hex `json:"priv_ours"`
		Ours       vectors.Hex `json:"ellswift_ours"`
		Theirs     vectors.Hex `json:"ellswift_theirs"`
		Initiating bool
		XOurs      vectors.Hex `json:"x_ours"`
		XTheirs    vectors.Hex `json:"x_theirs"`
		XShared    vectors.Hex `json:"x_shared"`
		Shared     vectors.Hex `json:"shared_secret"`
	}) {
		own := keyPair{secretOf(t, v.Priv), encoding(v.Ours)}
		c := &curve{initiator: v.Initiating}
		shared, err := c.DH(own.dhKey().Private, v.Theirs)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "shared secret", shared, v.Shared)
		same(t, "their x", c.x.Bytes()[:], v.XTheirs)
		same(t, "our x", xOf(own.secret).Bytes()[:], v.XOurs)
		var d btcec.ModNScalar
		d.SetByteSlice(v.Priv)
		x, err := multiply(&d, c.x)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "shared x", x[:], v.XShared)
	})
}

func TestBIP340(t *testing.T) {
	vectors.Each(t, "bip340", func(t *testing.T, v struct {
		Secret    vectors.Hex `json:"secret_key"`
		Public    vectors.Hex `json:"public_key"`
		Aux       vectors.Hex `json:"aux_rand"`
		Message   vectors.Hex
		Signature vectors.Hex
		Valid     bool
	}) {
		digest := len(v.Message) == 32 // certificates sign nothing else
		if got := verify(PublicKey(v.Public), v.Message, v.Signature); got != (v.Valid && digest) {
			t.Errorf("verify = %v", got)
		}
		if len(v.Secret) == 0 {
			return
		}
		key := secretOf(t, v.Secret)
		public := key.Public()
		same(t, "public key", public[:], v.Public)
		signature, err := sign(key, v.Message, [32]byte(v.Aux))
		if !digest {
			if err == nil {
				t.Errorf("signed a message of %d bytes", len(v.Message))
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, "signature", signature[:], v.Signature)
	})
}

func TestAuthorityKeys(t *testing.T) {
	vectors.Each(t, "authority_keys", func(t *testing.T, v struct {
		Key    string
		OK     bool
		XOnly  vectors.Hex
		Secret vectors.Hex
	}) {
		k, err := ParsePublicKey(v.Key)
		if !v.OK {
			if !errors.Is(err, ErrKey) {
				t.Errorf("ParsePublicKey = %v, %v, want ErrKey", k, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		same(t, "key", k[:], v.XOnly)
		if k.String() != v.Key {
			t.Errorf("String = %s", k)
		}
		if len(v.Secret) > 0 {
			if public := secretOf(t, v.Secret).Public(); !public.Equal(k) {
				t.Errorf("key of the secret = %v", public)
			}
		}
	})
}

func TestURLVectors(t *testing.T) {
	vectors.Each(t, "urls", func(t *testing.T, v struct {
		URL    string
		Expect struct {
			OK       bool
			Protocol string
			Host     string
			Port     uint16
			Key      *vectors.Hex
		}
	}) {
		u, err := ParseURL(v.URL)
		if (err == nil) != v.Expect.OK {
			t.Fatalf("ParseURL = %+v, %v", u, err)
		}
		if err != nil {
			return
		}
		if v.Expect.Protocol == "" {
			v.Expect.Protocol = "sv2"
		}
		if u.Host != v.Expect.Host || u.Port != v.Expect.Port || u.Protocol.String() != v.Expect.Protocol || u.HasKey != (v.Expect.Key != nil) {
			t.Errorf("ParseURL = %+v, want %+v", u, v.Expect)
		}
		if v.Expect.Key != nil {
			same(t, "key", u.Key[:], *v.Expect.Key)
		}
		if again, err := ParseURL(u.String()); err != nil || again != u {
			t.Errorf("%v parses as %+v, %v", u, again, err)
		}
	})
}

func TestCertificateVectors(t *testing.T) {
	vectors.Each(t, "certificates", func(t *testing.T, v struct {
		AuthoritySecret vectors.Hex `json:"authority_secret"`
		AuthorityX      vectors.Hex `json:"authority_xonly"`
		StaticX         vectors.Hex `json:"static_xonly"`
		Version         uint16
		ValidFrom       uint32      `json:"valid_from"`
		NotValidAfter   uint32      `json:"not_valid_after"`
		Digest          vectors.Hex `json:"digest"`
		Signature       vectors.Hex `json:"signature_zero_aux"`
		Message         vectors.Hex `json:"signature_noise_message"`
	}) {
		parsed, err := ParseCertificate(v.Message)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Version != v.Version || parsed.ValidFrom != v.ValidFrom || parsed.NotValidAfter != v.NotValidAfter {
			t.Errorf("parsed %+v", parsed)
		}
		authority, static := PublicKey(v.AuthorityX), PublicKey(v.StaticX)
		digest := parsed.digest(static)
		same(t, "digest", digest[:], v.Digest)
		if err := parsed.Verify(authority, static); (err == nil) != (v.Version == CertificateVersion) {
			t.Errorf("Verify = %v", err)
		}
		if v.Version != CertificateVersion {
			return
		}
		secret := secretOf(t, v.AuthoritySecret)
		if !secret.Public().Equal(authority) {
			t.Errorf("authority = %v, want %v", secret.Public(), authority)
		}
		zeroes := bytes.NewReader(make([]byte, 32))
		issued, err := Issue(secret, static, time.Unix(int64(v.ValidFrom), 0), time.Unix(int64(v.NotValidAfter), 0), zeroes)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := issued.AppendBinary(nil)
		same(t, "certificate", b, v.Message)
		same(t, "signature", issued.Signature[:], v.Signature)
	})
}
