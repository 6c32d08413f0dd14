package update

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Signify's files are a comment line and a line of base64; the bytes begin with the
// algorithm, then comes the number of the key: 8 random bytes that tell keys apart.
const (
	comment   = "untrusted comment: "
	algorithm = "Ed"
	kdf       = "BK" // with 0 rounds the secret key is not encrypted
	maxText   = 1024
)

// KeyNumber tells keys apart; it proves nothing.
type KeyNumber [8]byte

// String writes hex digits.
func (n KeyNumber) String() string { return hex.EncodeToString(n[:]) }

// A PublicKey checks signatures.
type PublicKey struct {
	Number KeyNumber
	key    [ed25519.PublicKeySize]byte
}

// A SecretKey signs. It never prints its secret; Encode gives it for a file.
type SecretKey struct {
	Number KeyNumber
	key    [ed25519.PrivateKeySize]byte
}

// ErrSignature means that nobody vouches for the bytes: they were changed, or their
// signer is not trusted here.
var ErrSignature = errors.New("update: the signature does not fit")

// ErrTestKey means that the key is TestKey's, which everybody has.
var ErrTestKey = errors.New("update: this is lode's test key, which everybody has; a release needs a key of its own (lodectl keygen -update)")

// NewSecretKey makes a key from random bytes.
func NewSecretKey(random io.Reader) (SecretKey, error) {
	var seed [ed25519.SeedSize + 8]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return SecretKey{}, fmt.Errorf("update: random bytes for a key: %w", err)
	}
	return keyOf(seed), nil
}

func keyOf(seed [ed25519.SeedSize + 8]byte) (k SecretKey) {
	copy(k.key[:], ed25519.NewKeyFromSeed(seed[:ed25519.SeedSize]))
	copy(k.Number[:], seed[ed25519.SeedSize:])
	return k
}

// TestKey signs what is built without a key, so that everything can be tried. It is
// the same for everybody: it proves nothing, and releases refuse it.
func TestKey() SecretKey {
	var seed [ed25519.SeedSize + 8]byte
	sum := sha256.Sum256([]byte("lode's test key: everybody has it"))
	copy(seed[:], sum[:])
	copy(seed[ed25519.SeedSize:], "lodetest")
	return keyOf(seed)
}

// Public is the key that checks what k signs.
func (k SecretKey) Public() (p PublicKey) {
	p.Number = k.Number
	copy(p.key[:], k.key[ed25519.SeedSize:])
	return p
}

// String hides the secret.
func (k SecretKey) String() string { return "(secret update key " + k.Number.String() + ")" }

// GoString hides the secret.
func (k SecretKey) GoString() string { return k.String() }

// IsTest says whether this is TestKey's public half, whatever its number.
func (p PublicKey) IsTest() bool { return p.key == TestKey().Public().key }

// Sign gives the signature's file over exactly these bytes.
func (k SecretKey) Sign(message []byte) []byte {
	b := append([]byte(algorithm), k.Number[:]...)
	return encode("verify with the lode update key "+k.Number.String(), append(b, ed25519.Sign(k.key[:], message)...))
}

// Verify says whether signature, a signature's file, is of the key p over exactly
// these bytes.
func (p PublicKey) Verify(message, signature []byte) error {
	b, err := decode(signature, "signature", 2+8+ed25519.SignatureSize)
	switch {
	case err != nil:
		return err
	case KeyNumber(b[2:10]) != p.Number:
		return fmt.Errorf("%w: it is by the key %s, and this is %s", ErrSignature, KeyNumber(b[2:10]), p.Number)
	case !ed25519.Verify(p.key[:], message, b[10:]):
		return ErrSignature
	}
	return nil
}

// VerifyAny tries the trusted keys. A release refuses the test key even if it is
// among them.
func VerifyAny(message, signature []byte, trusted []PublicKey, release bool) error {
	err := fmt.Errorf("%w: no key is trusted here", ErrSignature)
	for _, p := range trusted {
		if err = p.Verify(message, signature); err != nil {
			continue
		}
		if release && p.IsTest() {
			return ErrTestKey
		}
		return nil
	}
	return err
}

// Encode is the public key's file.
func (p PublicKey) Encode() []byte {
	b := append([]byte(algorithm), p.Number[:]...)
	return encode("lode update key "+p.Number.String()+", public", append(b, p.key[:]...))
}

// ParsePublicKey reads a public key's file.
func ParsePublicKey(text []byte) (p PublicKey, err error) {
	b, err := decode(text, "public key", 2+8+ed25519.PublicKeySize)
	if err != nil {
		return p, err
	}
	copy(p.Number[:], b[2:])
	copy(p.key[:], b[10:])
	return p, nil
}

// ParsePublicKeys reads the files of several keys, one after the other.
func ParsePublicKeys(text []byte) ([]PublicKey, error) {
	var keys []PublicKey
	lines := strings.SplitAfter(string(text), "\n")
	for ; len(lines) > 1; lines = lines[2:] {
		p, err := ParsePublicKey([]byte(lines[0] + lines[1]))
		if err != nil {
			return nil, err
		}
		keys = append(keys, p)
	}
	if len(keys) == 0 || strings.TrimSpace(strings.Join(lines, "")) != "" {
		return nil, errors.New("update: public keys: each is a comment line and a line of base64")
	}
	return keys, nil
}

// Encode is the secret key's file: not encrypted, as signify -G -n writes it. Keep
// it where only the signer can read it.
func (k SecretKey) Encode() []byte {
	b := append([]byte(algorithm+kdf), make([]byte, 4+16)...) // rounds, salt
	sum := sha512.Sum512(k.key[:])
	b = append(append(b, sum[:8]...), k.Number[:]...)
	return encode("lode update key "+k.Number.String()+", SECRET", append(b, k.key[:]...))
}

// ParseSecretKey reads a secret key's file.
func ParseSecretKey(text []byte) (k SecretKey, err error) {
	b, err := decode(text, "secret key", 2+2+4+16+8+8+ed25519.PrivateKeySize)
	if err != nil {
		return k, err
	}
	sum := sha512.Sum512(b[40:])
	switch {
	case string(b[2:4]) != kdf:
		return k, errors.New("update: secret key: its encryption is not known")
	case !bytes.Equal(b[4:8], make([]byte, 4)):
		return k, errors.New("update: secret key: it is encrypted; lode reads those of signify -G -n and lodectl keygen -update")
	case subtle.ConstantTimeCompare(sum[:8], b[24:32]) != 1:
		return k, errors.New("update: secret key: it is damaged")
	case !bytes.Equal(ed25519.NewKeyFromSeed(b[40:72]), b[40:]):
		return k, errors.New("update: secret key: its halves do not belong together")
	}
	copy(k.Number[:], b[32:])
	copy(k.key[:], b[40:])
	return k, nil
}

func encode(what string, b []byte) []byte {
	return []byte(comment + what + "\n" + base64.StdEncoding.EncodeToString(b) + "\n")
}

func decode(text []byte, what string, size int) ([]byte, error) {
	bad := func(why string) ([]byte, error) { return nil, fmt.Errorf("update: %s: %s", what, why) }
	first, rest, ok := strings.Cut(string(text), "\n")
	switch line, more, end := strings.Cut(rest, "\n"); {
	case len(text) > maxText:
		return bad("too long")
	case !ok || !strings.HasPrefix(first, comment):
		return bad(fmt.Sprintf("its first line must begin with %q", comment))
	case !end || more != "":
		return bad("it must be two whole lines")
	default:
		b, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(b) != size || string(b[:2]) != algorithm {
			return bad(fmt.Sprintf("its second line is no Ed25519 %s of signify", what))
		}
		return b, nil
	}
}
