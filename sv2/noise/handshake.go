package noise

import (
	"fmt"
	"io"
	"time"

	"github.com/flynn/noise"
)

// Sizes of the acts, in bytes.
const (
	Act1Size = encodedSize
	Act2Size = encodedSize + encodedSize + TagSize + CertificateSize + TagSize
)

// A Session is what a handshake leads to.
type Session struct {
	Send    *Cipher // seals what this side sends
	Receive *Cipher // opens what it receives

	// Certificate is the responder's, and Static the key that it is for.
	Certificate Certificate
	Static      PublicKey
	// Pending says that the initiator could not check the certificate's span yet:
	// see Clock.
	Pending bool
	// Hash is the same at both ends and in no other session.
	Hash [32]byte
}

// An Authority says whom an initiator believes.
type Authority struct {
	Key   PublicKey
	Clock Clock
	// Anyone leaves signature, key and span unchecked: the connection is encrypted,
	// but nobody knows to whom. For tests and private networks only.
	Anyone bool
}

// check judges the certificate of the server whose key is s.Static.
func (a Authority) check(s *Session, now time.Time) (err error) {
	if a.Anyone {
		return nil
	}
	if err := s.Certificate.Verify(a.Key, s.Static); err != nil {
		return err
	}
	s.Pending, err = a.Clock.Check(s.Certificate, now)
	return err
}

// state starts one side of a handshake.
func state(c *curve, static noise.DHKey) *noise.HandshakeState {
	h, err := noise.NewHandshakeState(noise.Config{
		CipherSuite:   noise.NewCipherSuite(c, noise.CipherChaChaPoly, noise.HashSHA256),
		Pattern:       noise.HandshakeNX,
		Initiator:     c.initiator,
		StaticKeypair: static,
	})
	if err != nil {
		panic(err) // only a pre-shared key can be wrong
	}
	return h
}

// An Initiator is the client's side of one handshake.
type Initiator struct {
	trust Authority
	curve *curve
	state sealedBox[noise.HandshakeState]
	act1  [Act1Size]byte
}

// NewInitiator draws an ephemeral key from random.
func NewInitiator(trust Authority, random io.Reader) (*Initiator, error) {
	key, err := newKeyPair(random)
	if err != nil {
		return nil, err
	}
	return newInitiator(trust, key)
}

func newInitiator(trust Authority, key keyPair) (*Initiator, error) {
	i := &Initiator{trust: trust, curve: &curve{initiator: true, ephemeral: key}}
	i.state = box(state(i.curve, noise.DHKey{}))
	_, _, _, err := i.state().WriteMessage(i.act1[:0], nil)
	if err != nil {
		return nil, fmt.Errorf("noise: act 1: %w", err)
	}
	return i, nil
}

// Format prints nothing of an Initiator.
func (*Initiator) Format(s fmt.State, _ rune) { io.WriteString(s, hidden) }

// Act1 is what to send first, Act1Size bytes.
func (i *Initiator) Act1() []byte { return i.act1[:] }

// Finish reads act 2 and judges the server at the local time now. It can be called
// once. Its error wraps ErrLength, ErrDecrypt, ErrVersion, ErrWrongKey,
// ErrNotYetValid, ErrExpired or ErrClock.
func (i *Initiator) Finish(act2 []byte, now time.Time) (*Session, error) {
	if len(act2) != Act2Size {
		return nil, fmt.Errorf("noise: act 2 has %d bytes, want %d: %w", len(act2), Act2Size, ErrLength)
	}
	payload, to, from, err := i.state().ReadMessage(nil, act2)
	if err != nil {
		return nil, fmt.Errorf("noise: act 2: %w", ErrDecrypt)
	}
	s := newSession(i.state(), to, from)
	static := encoding(i.state().PeerStatic())
	x, err := i.curve.lift(static)
	if err != nil {
		return nil, err
	}
	x.PutBytes((*[KeySize]byte)(&s.Static))
	if s.Certificate, err = ParseCertificate(payload); err != nil {
		return nil, err
	}
	if err := i.trust.check(s, now); err != nil {
		return nil, fmt.Errorf("noise: server's certificate: %w", err)
	}
	return s, nil
}

// newSession takes the keys out of the library's cipher states, whose own sealing
// allocates.
func newSession(h *noise.HandshakeState, send, receive *noise.CipherState) *Session {
	return &Session{
		Send:    newCipher(send.UnsafeKey(), 0),
		Receive: newCipher(receive.UnsafeKey(), 0),
		Hash:    [32]byte(h.ChannelBinding()),
	}
}

// respond is the server's side of one handshake: act 2 for act 1.
func respond(own *credentials, ephemeral keyPair, act1 []byte) ([]byte, *Session, error) {
	if len(act1) != Act1Size {
		return nil, nil, fmt.Errorf("noise: act 1 has %d bytes, want %d: %w", len(act1), Act1Size, ErrLength)
	}
	h := state(&curve{ephemeral: ephemeral}, own.key.dhKey())
	if _, _, _, err := h.ReadMessage(nil, act1); err != nil {
		return nil, nil, fmt.Errorf("noise: act 1: %w", err)
	}
	payload, err := own.certificate.AppendBinary(nil)
	if err != nil {
		return nil, nil, err
	}
	act2, from, to, err := h.WriteMessage(make([]byte, 0, Act2Size), payload)
	if err != nil {
		return nil, nil, fmt.Errorf("noise: act 2: %w", err)
	}
	s := newSession(h, to, from)
	s.Certificate, s.Static = own.certificate, own.static
	return act2, s, nil
}
