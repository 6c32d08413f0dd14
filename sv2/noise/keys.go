package noise

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"

	"github.com/btcsuite/btcd/address/v2/base58"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// KeySize is the size of a secret key and of a public key's x coordinate, in bytes.
const KeySize = 32

// longestKey bounds the work that text from outside can cause; keys have 51
// characters or fewer.
const longestKey = 64

// keyVersion is in front of an authority key in its text form (4.7.1), as a U16.
const keyVersion = 1

// PublicKey is the x coordinate of a point (BIP340): an authority's key, or the
// key that a certificate vouches for. It need not be on the curve; what
// ParsePublicKey returns is.
type PublicKey [KeySize]byte

// ParsePublicKey reads an authority key from its text form (4.7.1), 51 characters
// that begin with 9.
func ParsePublicKey(text string) (PublicKey, error) {
	b, err := decodeText(text)
	if err != nil {
		return PublicKey{}, err
	}
	switch {
	case len(b) == KeySize:
		return PublicKey{}, fmt.Errorf("noise: secret key, or public key from before 2024, where an authority's public key was expected: %w", ErrKey)
	case len(b) < 2 || binary.LittleEndian.Uint16(b) != keyVersion:
		return PublicKey{}, fmt.Errorf("noise: authority key of another version than %d: %w", keyVersion, ErrKey)
	case len(b) != 2+KeySize:
		return PublicKey{}, fmt.Errorf("noise: authority key of %d bytes, want %d: %w", len(b)-2, KeySize, ErrKey)
	}
	k := PublicKey(b[2:])
	if _, err := schnorr.ParsePubKey(k[:]); err != nil {
		return PublicKey{}, fmt.Errorf("noise: authority key is not a point of secp256k1: %w", ErrKey)
	}
	return k, nil
}

// decodeText undoes base58check.
func decodeText(text string) ([]byte, error) {
	if len(text) > longestKey {
		return nil, fmt.Errorf("noise: key of %d characters, want about 51: %w", len(text), ErrKey)
	}
	rest, first, err := base58.CheckDecode(text)
	if err != nil {
		return nil, fmt.Errorf("noise: key is mistyped or cut off, its checksum does not match: %w", ErrKey)
	}
	return append([]byte{first}, rest...), nil
}

// String is the key's text form (4.7.1).
func (k PublicKey) String() string {
	return base58.CheckEncode(append([]byte{keyVersion >> 8}, k[:]...), keyVersion&0xff)
}

// MarshalText gives the text form.
func (k PublicKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the text form.
func (k *PublicKey) UnmarshalText(text []byte) (err error) {
	*k, err = ParsePublicKey(string(text))
	return err
}

// Equal compares in constant time.
func (k PublicKey) Equal(other PublicKey) bool {
	return subtle.ConstantTimeCompare(k[:], other[:]) == 1
}

// hidden is what a secret key looks like wherever it is printed.
const hidden = "(secret)"

// SecretKey is a scalar of secp256k1 that never prints: fmt, slog and json give
// "(secret)". Encode shows it. The zero SecretKey is no key; copies share their
// bytes, and are the same key. Compare with Equal.
type SecretKey struct {
	d sealedBox[[KeySize]byte]
}

// sealedBox holds what must not print. fmt reads unexported fields without asking
// them for their Format, and follows some pointers; of a func it has the address.
type sealedBox[T any] func() *T

func box[T any](v *T) sealedBox[T] { return func() *T { return v } }

// NewSecretKey makes a key of the first 32 bytes from random that are one.
func NewSecretKey(random io.Reader) (SecretKey, error) {
	for range 64 { // one try in 2^127 fails
		var d [KeySize]byte
		if _, err := io.ReadFull(random, d[:]); err != nil {
			return SecretKey{}, fmt.Errorf("noise: make key: %w", err)
		}
		if k, ok := secretKey(d); ok {
			return k, nil
		}
	}
	return SecretKey{}, fmt.Errorf("noise: make key: random source gives no usable bytes")
}

// secretKey takes d as a key if 1 <= d < n, the order of the curve.
func secretKey(d [KeySize]byte) (SecretKey, bool) {
	var s btcec.ModNScalar
	if s.SetBytes(&d) != 0 || s.IsZero() {
		return SecretKey{}, false
	}
	return SecretKey{box(&d)}, true
}

// ParseSecretKey reads what Encode gives. Other Stratum V2 software uses the same
// form: base58check of the 32 bytes.
func ParseSecretKey(text string) (SecretKey, error) {
	b, err := decodeText(text)
	if err != nil {
		return SecretKey{}, err
	}
	if len(b) == 2+KeySize {
		return SecretKey{}, fmt.Errorf("noise: public key where a secret key was expected: %w", ErrKey)
	}
	if len(b) != KeySize {
		return SecretKey{}, fmt.Errorf("noise: secret key of %d bytes, want %d: %w", len(b), KeySize, ErrKey)
	}
	k, ok := secretKey([KeySize]byte(b))
	if !ok {
		return SecretKey{}, fmt.Errorf("noise: secret key is zero or beyond the curve's order: %w", ErrKey)
	}
	return k, nil
}

// Encode is the text form that ParseSecretKey reads. Keep it out of logs.
func (k SecretKey) Encode() string {
	if k.IsZero() {
		return ""
	}
	return base58.CheckEncode(k.d()[1:], k.d()[0])
}

// IsZero says that k is no key.
func (k SecretKey) IsZero() bool { return k.d == nil }

// Public is the key that belongs to k. It panics if k is zero.
func (k SecretKey) Public() PublicKey {
	priv, _ := btcec.PrivKeyFromBytes(k.d()[:])
	defer priv.Zero()
	return PublicKey(schnorr.SerializePubKey(priv.PubKey()))
}

// Equal compares in constant time.
func (k SecretKey) Equal(other SecretKey) bool {
	if k.IsZero() || other.IsZero() {
		return k.IsZero() == other.IsZero()
	}
	return subtle.ConstantTimeCompare(k.d()[:], other.d()[:]) == 1
}

// Format writes "(secret)" for every verb.
func (SecretKey) Format(s fmt.State, _ rune) { io.WriteString(s, hidden) }

// String is "(secret)".
func (SecretKey) String() string { return hidden }

// GoString is "(secret)".
func (SecretKey) GoString() string { return hidden }

// LogValue is "(secret)".
func (SecretKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText gives "(secret)", so that a configuration can be shown.
func (SecretKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText reads what Encode gives, so that a configuration can be read.
func (k *SecretKey) UnmarshalText(text []byte) (err error) {
	*k, err = ParseSecretKey(string(text))
	return err
}

// sum hashes the parts one behind the other.
func sum(parts ...[]byte) (out [sha256.Size]byte) {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}
