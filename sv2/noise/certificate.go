package noise

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// CertificateSize is the size of SIGNATURE_NOISE_MESSAGE, in bytes (4.5.3).
const CertificateSize = 74

// CertificateVersion is the one that we write, and the only one that we accept.
const CertificateVersion = 0

// Certificate says that an authority key vouches for a server's static key in a
// span of time (4.5.3). Times are Unix seconds; both ends belong to the span.
type Certificate struct {
	Version       uint16
	ValidFrom     uint32
	NotValidAfter uint32
	Signature     [64]byte // BIP340
}

// Issue signs a certificate for static. Times before 1970 and beyond 2106 are
// moved to those years; random is the 32 bytes of BIP340's aux.
func Issue(authority SecretKey, static PublicKey, from, until time.Time, random io.Reader) (Certificate, error) {
	if authority.IsZero() {
		return Certificate{}, fmt.Errorf("noise: issue certificate: no authority key")
	}
	c := Certificate{Version: CertificateVersion, ValidFrom: unix(from), NotValidAfter: unix(until)}
	if c.NotValidAfter < c.ValidFrom {
		return Certificate{}, fmt.Errorf("noise: issue certificate: it ends (%v) before it begins (%v)", until, from)
	}
	var aux [32]byte
	if _, err := io.ReadFull(random, aux[:]); err != nil {
		return Certificate{}, fmt.Errorf("noise: issue certificate: %w", err)
	}
	digest := c.digest(static)
	signature, err := sign(authority, digest[:], aux)
	c.Signature = signature
	return c, err
}

// unix is t in seconds, as near as 32 bits allow.
func unix(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), math.MaxUint32)) }

// sign makes a BIP340 signature over a digest of 32 bytes.
func sign(k SecretKey, digest []byte, aux [32]byte) (out [64]byte, err error) {
	priv, _ := btcec.PrivKeyFromBytes(k.d()[:])
	defer priv.Zero()
	s, err := schnorr.Sign(priv, digest, schnorr.CustomNonce(aux))
	if err != nil {
		return out, fmt.Errorf("noise: sign: %w", err)
	}
	return [64]byte(s.Serialize()), nil
}

// verify checks a BIP340 signature over a digest of 32 bytes.
func verify(k PublicKey, digest, signature []byte) bool {
	pub, err := schnorr.ParsePubKey(k[:])
	if err != nil {
		return false
	}
	s, err := schnorr.ParseSignature(signature)
	return err == nil && s.Verify(digest, pub)
}

// span is the ten bytes in front of the signature.
func (c *Certificate) span() (b [10]byte) {
	binary.LittleEndian.PutUint16(b[0:], c.Version)
	binary.LittleEndian.PutUint32(b[2:], c.ValidFrom)
	binary.LittleEndian.PutUint32(b[6:], c.NotValidAfter)
	return b
}

// digest is what the authority signs.
func (c *Certificate) digest(static PublicKey) [32]byte {
	span := c.span()
	return sum(span[:], static[:])
}

// AppendBinary appends the certificate's CertificateSize bytes.
func (c Certificate) AppendBinary(b []byte) ([]byte, error) {
	span := c.span()
	return append(append(b, span[:]...), c.Signature[:]...), nil
}

// ParseCertificate reads CertificateSize bytes. It checks nothing; Verify does.
func ParseCertificate(b []byte) (Certificate, error) {
	if len(b) != CertificateSize {
		return Certificate{}, fmt.Errorf("noise: certificate of %d bytes, want %d", len(b), CertificateSize)
	}
	return Certificate{
		Version:       binary.LittleEndian.Uint16(b),
		ValidFrom:     binary.LittleEndian.Uint32(b[2:]),
		NotValidAfter: binary.LittleEndian.Uint32(b[6:]),
		Signature:     [64]byte(b[10:]),
	}, nil
}

// Verify checks that authority vouches for static. It does not look at the span;
// a Clock does. The error wraps ErrVersion or ErrWrongKey.
func (c Certificate) Verify(authority, static PublicKey) error {
	if c.Version != CertificateVersion {
		return fmt.Errorf("certificate has version %d, this program knows %d: %w", c.Version, CertificateVersion, ErrVersion)
	}
	digest := c.digest(static)
	if !verify(authority, digest[:], c.Signature[:]) {
		return fmt.Errorf("expected authority key %v; compare it with the one that the pool gives out: %w", authority, ErrWrongKey)
	}
	return nil
}

// From is the first second of the span.
func (c Certificate) From() time.Time { return time.Unix(int64(c.ValidFrom), 0).UTC() }

// Until is the last second of the span.
func (c Certificate) Until() time.Time { return time.Unix(int64(c.NotValidAfter), 0).UTC() }

// notBefore checks the beginning of the span, with leeway.
func (c Certificate) notBefore(now time.Time, leeway time.Duration) error {
	if now.Add(leeway).Before(c.From()) {
		return fmt.Errorf("valid from %s, and it is %s here; is the clock right?: %w", stamp(c.From()), stamp(now), ErrNotYetValid)
	}
	return nil
}

// notAfter checks the end of the span, with leeway. The last second is valid to its
// end.
func (c Certificate) notAfter(now time.Time, leeway time.Duration) error {
	if now.Add(-leeway).Unix() > int64(c.NotValidAfter) {
		return fmt.Errorf("valid until %s, and it is %s here; is the clock right?: %w", stamp(c.Until()), stamp(now), ErrExpired)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
