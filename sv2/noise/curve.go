package noise

import (
	"errors"
	"fmt"
	"io"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ellswift"
	"github.com/flynn/noise"
)

// encodedSize is the size of a public key in the acts: u and t, two field elements.
const encodedSize = 64

// encoding is a public key as ElligatorSwift writes it (BIP324). A key has many;
// hashes and the ECDH use the bytes that were sent.
type encoding [encodedSize]byte

// ecdhTag is hashed twice in front of what makes the shared secret (BIP324).
const ecdhTag = "bip324_ellswift_xonly_ecdh"

// keyPair is a secret and the encoding that we send of its public key.
type keyPair struct {
	secret SecretKey
	public encoding
}

// newKeyPair reads 32 bytes for the secret, then 33 for each try to encode.
func newKeyPair(random io.Reader) (keyPair, error) {
	secret, err := NewSecretKey(random)
	if err != nil {
		return keyPair{}, err
	}
	public, err := encode(xOf(secret), random)
	return keyPair{secret, public}, err
}

// xOf is the x coordinate of the secret's public key, normalised.
func xOf(secret SecretKey) *btcec.FieldVal {
	var d btcec.ModNScalar
	d.SetBytes(secret.d())
	var p btcec.JacobianPoint
	btcec.ScalarBaseMultNonConst(&d, &p)
	p.ToAffine()
	return &p.X
}

// encode draws a u and one of the eight cases of the inverse map until they give a
// t: about one try in four does.
func encode(x *btcec.FieldVal, random io.Reader) (encoding, error) {
	for range 1000 {
		var draw [33]byte
		if _, err := io.ReadFull(random, draw[:]); err != nil {
			return encoding{}, fmt.Errorf("noise: encode key: %w", err)
		}
		var u btcec.FieldVal
		if u.SetByteSlice(draw[:32]) || u.IsZero() {
			continue
		}
		t := ellswift.XSwiftECInv(&u, x, int(draw[32]&7))
		if t == nil || t.IsZero() {
			continue
		}
		var e encoding
		u.PutBytesUnchecked(e[:32])
		t.PutBytesUnchecked(e[32:])
		return e, nil
	}
	return encoding{}, errors.New("noise: encode key: random source gives no usable bytes")
}

// decode is the x coordinate that e stands for. Every e stands for one.
func decode(e *encoding) (*btcec.FieldVal, error) {
	var u, t btcec.FieldVal
	u.SetByteSlice(e[:32])
	t.SetByteSlice(e[32:])
	u.Normalize()
	t.Normalize()
	x, err := ellswift.XSwiftEC(&u, &t)
	if err != nil {
		return nil, fmt.Errorf("noise: decode key: %w", err)
	}
	return x.Normalize(), nil
}

// curve is the DHFunc of one side of one handshake. It knows the side, because the
// shared secret hashes the initiator's encoding first, and it remembers the last
// key decoded, because a responder multiplies the same one twice.
type curve struct {
	initiator bool
	ephemeral keyPair
	theirs    encoding
	x         *btcec.FieldVal // of theirs
}

// GenerateKeypair returns the ephemeral key, which was made before. Private is the
// secret followed by the own encoding.
func (c *curve) GenerateKeypair(io.Reader) (noise.DHKey, error) { return c.ephemeral.dhKey(), nil }

func (k keyPair) dhKey() noise.DHKey {
	return noise.DHKey{
		Private: append(append(make([]byte, 0, KeySize+encodedSize), k.secret.d()[:]...), k.public[:]...),
		Public:  k.public[:],
	}
}

// DH is the x-only ECDH of BIP324.
func (c *curve) DH(private, public []byte) ([]byte, error) {
	if len(private) != KeySize+encodedSize || len(public) != encodedSize {
		return nil, fmt.Errorf("noise: keys of %d and %d bytes", len(private), len(public))
	}
	x, err := c.lift(encoding(public))
	if err != nil {
		return nil, err
	}
	var d btcec.ModNScalar
	d.SetByteSlice(private[:KeySize])
	shared, err := multiply(&d, x)
	if err != nil {
		return nil, err
	}
	first, second := private[KeySize:], public
	if !c.initiator {
		first, second = second, first
	}
	tag := sum([]byte(ecdhTag))
	secret := sum(tag[:], tag[:], first, second, shared[:])
	return secret[:], nil
}

// lift is decode with a memory.
func (c *curve) lift(e encoding) (*btcec.FieldVal, error) {
	if c.x != nil && c.theirs == e {
		return c.x, nil
	}
	x, err := decode(&e)
	if err != nil {
		return nil, err
	}
	c.theirs, c.x = e, x
	return x, nil
}

// multiply is the x coordinate of d times the point at x with an even y.
func multiply(d *btcec.ModNScalar, x *btcec.FieldVal) (*[32]byte, error) {
	var y btcec.FieldVal
	if !btcec.DecompressY(x, false, &y) {
		return nil, errors.New("noise: key is not a point of secp256k1")
	}
	y.Normalize()
	var one btcec.FieldVal
	one.SetInt(1)
	p := btcec.MakeJacobianPoint(x, &y, &one)
	var q btcec.JacobianPoint
	btcec.ScalarMultNonConst(d, &p, &q)
	q.ToAffine()
	return q.X.Bytes(), nil
}

// DHLen is the length of the encodings; flynn/noise cuts messages by it.
func (c *curve) DHLen() int { return encodedSize }

// DHName is the curve's part of the protocol's name.
func (c *curve) DHName() string { return "Secp256k1+EllSwift" }
