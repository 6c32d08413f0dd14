package noise

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"math"

	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes of a sealed frame (4.6), in bytes.
const (
	TagSize      = chacha20poly1305.Overhead // at the end of each sealed piece
	MaxPiece     = 65535 - TagSize           // plain bytes in a piece of a payload
	SealedHeader = 6 + TagSize               // a frame's header, sealed
)

// SealedSize is how many bytes a payload of n bytes has on the wire.
func SealedSize(n int) int { return n + TagSize*pieces(n) }

// pieces is how many pieces a payload of n bytes is cut into.
func pieces(n int) int { return (n + MaxPiece - 1) / MaxPiece }

// A Cipher is one direction of a connection after the handshake: ChaCha20-Poly1305
// with a counter. It works in place, allocates nothing, and is used by one
// goroutine at a time. The zero Cipher has no key and panics.
type Cipher struct {
	aead  sealedBox[cipher.AEAD]
	n     uint64
	nonce [chacha20poly1305.NonceSize]byte // scratch: four zeroes, then n
	dead  error
}

// NewCipher makes a Cipher of a key that is known from elsewhere, as from a log of
// keys that a tool reads to decode a recorded stream. Its counter is 0.
func NewCipher(key [32]byte) *Cipher { return newCipher(key, 0) }

// newCipher starts at counter n.
func newCipher(key [32]byte, n uint64) *Cipher {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic(err) // the key's size is right
	}
	return &Cipher{aead: box(&aead), n: n}
}

// Format prints nothing of a Cipher.
func (*Cipher) Format(s fmt.State, _ rune) { fmt.Fprint(s, hidden) }

// next is the nonce of the next message. The last counter is never used (Noise).
func (c *Cipher) next() []byte {
	binary.LittleEndian.PutUint64(c.nonce[4:], c.n)
	c.n++
	return c.nonce[:]
}

// ready says whether k more messages may be sealed or opened.
func (c *Cipher) ready(k int) error {
	if c.dead == nil && math.MaxUint64-c.n < uint64(k) {
		c.dead = ErrCounter
	}
	return c.dead
}

// SealFrame seals a frame with a payload of n bytes in place. b is as long as the
// frame will be on the wire, SealedHeader + SealedSize(n); the header is in its
// first six bytes, the payload begins at SealedHeader.
func (c *Cipher) SealFrame(b []byte, n int) error {
	if len(b) != SealedHeader+SealedSize(n) {
		return fmt.Errorf("noise: seal: frame of %d bytes in a buffer of %d", n, len(b))
	}
	k := pieces(n)
	if err := c.ready(1 + k); err != nil {
		return err
	}
	aead := *c.aead()
	aead.Seal(b[:0], c.next(), b[:6], nil)
	b = b[SealedHeader:]
	for i := k - 1; i > 0; i-- { // make room for the tags, last piece first
		copy(b[i*(MaxPiece+TagSize):], b[i*MaxPiece:min((i+1)*MaxPiece, n)])
	}
	for ; n > 0; n -= MaxPiece {
		m := min(n, MaxPiece)
		aead.Seal(b[:0], c.next(), b[:m], nil)
		b = b[m+TagSize:]
	}
	return nil
}

// OpenHeader opens the SealedHeader bytes of b in place and returns the six bytes
// of the header.
func (c *Cipher) OpenHeader(b []byte) ([]byte, error) {
	if len(b) != SealedHeader {
		return nil, fmt.Errorf("noise: open: header of %d bytes, want %d", len(b), SealedHeader)
	}
	return c.open(b)
}

// OpenPayload opens the SealedSize(n) bytes of b in place and returns the n bytes
// of the payload, which are in b.
func (c *Cipher) OpenPayload(b []byte) ([]byte, error) {
	n := 0
	for at := 0; at < len(b); {
		end := min(at+MaxPiece+TagSize, len(b))
		plain, err := c.open(b[at:end])
		if err != nil {
			return nil, err
		}
		if len(plain) == 0 { // an empty payload has no piece at all
			c.dead = ErrDecrypt
			return nil, fmt.Errorf("noise: open: empty piece: %w", ErrDecrypt)
		}
		n += copy(b[n:], plain)
		at = end
	}
	return b[:n], nil
}

// open opens one AEAD message in place. After a failure there is no way on: which
// bytes were meant to be a message is unknown.
func (c *Cipher) open(b []byte) ([]byte, error) {
	if err := c.ready(1); err != nil {
		return nil, err
	}
	plain, err := (*c.aead()).Open(b[:0], c.next(), b, nil)
	if err != nil {
		c.dead = ErrDecrypt
		return nil, c.dead
	}
	return plain, nil
}
