package noise

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/address/v2/base58"
)

// The pair that is in every example configuration of the reference implementation.
const (
	demoPublic = "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72"
	demoSecret = "mkDLTBBRxdBv998612qipDYoTK3YUrqLe8uWw7gu3iXbSrn2n"
)

func TestSecretKeyText(t *testing.T) {
	k, err := ParseSecretKey(demoSecret)
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Public().String(); got != demoPublic {
		t.Errorf("public key = %s, want %s", got, demoPublic)
	}
	if got := k.Encode(); got != demoSecret {
		t.Errorf("Encode = %s, want %s", got, demoSecret)
	}
	for range 20 {
		k, err := NewSecretKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseSecretKey(k.Encode())
		if err != nil || !again.Equal(k) {
			t.Fatalf("key does not survive its text: %v", err)
		}
		if p, err := ParsePublicKey(k.Public().String()); err != nil || !p.Equal(k.Public()) {
			t.Fatalf("public key does not survive its text: %v, %v", p, err)
		}
	}
}

func TestBadKeys(t *testing.T) {
	n, _ := hex.DecodeString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	for name, text := range map[string]string{
		"empty":          "",
		"public key":     demoPublic,
		"mistyped":       demoSecret[:20] + "Z" + demoSecret[21:],
		"cut off":        demoSecret[:40],
		"endless":        strings.Repeat("9", 1<<20),
		"zero":           SecretKey{box(new([32]byte))}.Encode(),
		"curve's order":  SecretKey{box((*[32]byte)(n))}.Encode(),
		"hidden":         hidden,
		"not in base 58": strings.Repeat("0", 51),
	} {
		if k, err := ParseSecretKey(text); !errors.Is(err, ErrKey) || !k.IsZero() {
			t.Errorf("%s: ParseSecretKey = %v, want ErrKey", name, err)
		}
	}
	if _, err := ParsePublicKey(demoSecret); !errors.Is(err, ErrKey) {
		t.Errorf("ParsePublicKey of a secret key = %v", err)
	}
	if _, err := NewSecretKey(bytes.NewReader(make([]byte, 1<<20))); err == nil {
		t.Error("NewSecretKey made a key of zeroes")
	}
	if _, err := NewSecretKey(strings.NewReader("short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("NewSecretKey = %v", err)
	}
}

// holder has keys where a program would have them, also in fields that fmt reads
// without asking.
type holder struct {
	Name     string
	Key      SecretKey
	Pointer  *SecretKey
	hidden   SecretKey
	list     []SecretKey
	byName   map[string]SecretKey
	identity *Identity
	cipher   Cipher
	ciphers  *Cipher
	session  Session
	begun    Initiator
}

func TestKeysNeverPrint(t *testing.T) {
	key, err := ParseSecretKey(demoSecret)
	if err != nil {
		t.Fatal(err)
	}
	id := testIdentity(t, key, time.Now)
	_, session := shake(t, id, Authority{Key: key.Public()})
	i, err := NewInitiator(Authority{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h := holder{"name", key, &key, key, []SecretKey{key}, map[string]SecretKey{"a": key}, id,
		*newCipher(*key.d(), 0), newCipher(*key.d(), 0), *session, *i}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%c", "%o", "% x"} {
		for _, v := range []any{key, &key, h, &h, []any{key}, h.list, h.byName, id, *i, i, session, *session, h.cipher} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("key", "key", key, "pointer", &key, "holder", h, "id", id)
	}
	for _, v := range []any{key, &key, h, id} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	text := strings.ToLower(out.String())
	ephemeral := i.curve.ephemeral.secret
	for _, k := range []SecretKey{key, id.current.Load().key.secret, ephemeral} {
		for _, form := range []string{hex.EncodeToString(k.d()[:8]), strings.ToLower(k.Encode()), fmt.Sprintf("%d %d %d", k.d()[3], k.d()[4], k.d()[5]),
			fmt.Sprintf("%#x, %#x, %#x", k.d()[3], k.d()[4], k.d()[5]), fmt.Sprintf("%d,%d,%d", k.d()[3], k.d()[4], k.d()[5]), fmt.Sprintf("% x", k.d()[3:8])} {
			if at := strings.Index(text, form); at >= 0 {
				t.Errorf("a key is printed as %s: %s", form, text[max(at-100, 0):at+100])
			}
		}
	}
	if !strings.Contains(text, hidden) {
		t.Errorf("nothing says %s", hidden)
	}
}

func TestKeyInConfiguration(t *testing.T) {
	var c struct {
		Secret SecretKey
		Public PublicKey
		Pool   URL
	}
	text := `{"Secret":"` + demoSecret + `","Public":"` + demoPublic + `","Pool":"stratum2+tcp://pool.example:34254/` + demoPublic + `"}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if !c.Secret.Public().Equal(c.Public) || !c.Pool.Key.Equal(c.Public) {
		t.Errorf("read %+v", c)
	}
	shown, err := json.Marshal(c)
	if want := strings.Replace(text, demoSecret, hidden, 1); err != nil || string(shown) != want {
		t.Errorf("shown as %s, %v, want %s", shown, err, want)
	}
}

// FuzzKeyText takes its input as text, and as the bytes of text with the right
// checksum, which chance would hardly find.
func FuzzKeyText(f *testing.F) {
	for _, s := range []string{demoPublic, demoSecret, "", "9", hidden, "2di19GHYQnAZJmEpoUeP7C3Eg9TCcksHr23rZCC83dvUiZgiDL"} {
		f.Add(s)
		if b, first, err := base58.CheckDecode(s); err == nil {
			f.Add(string(append([]byte{first}, b...)))
		}
	}
	check := func(t *testing.T, text string) {
		if k, err := ParsePublicKey(text); err == nil && k.String() != text {
			t.Errorf("%q is read as %v", text, k)
		}
		if k, err := ParseSecretKey(text); err == nil && k.Encode() != text {
			t.Errorf("%q is read as another key", text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		check(t, text)
		if 0 < len(text) && len(text) < longestKey {
			check(t, base58.CheckEncode([]byte(text[1:]), text[0]))
		}
	})
}
