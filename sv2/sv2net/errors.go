package sv2net

import "errors"

// What a connection ends with, besides the errors of package noise (ErrWrongKey,
// ErrExpired and so on), io.EOF when the peer hung up between frames, and
// io.ErrUnexpectedEOF when it did inside one.
var (
	// ErrIdle says that no frame began within the receive timeout. The connection
	// can go on.
	ErrIdle = errors.New("sv2net: peer is silent")
	// ErrSlow says that an act, or a frame once begun, did not come to its end in
	// time.
	ErrSlow = errors.New("sv2net: peer is too slow")
	// ErrBlocked says that the peer did not read what we sent in time.
	ErrBlocked = errors.New("sv2net: peer does not read")
	// ErrTooLarge says that a header promises more payload than Config.MaxPayload.
	ErrTooLarge = errors.New("sv2net: frame is too large")
	// ErrHangup says that the peer hung up in the handshake. Servers do so that want
	// plain connections, or that are full.
	ErrHangup = errors.New("sv2net: peer hung up in the handshake")
	// ErrNoKey says that the URL has no authority key, so nobody could tell who
	// answers.
	ErrNoKey = errors.New("sv2net: URL has no authority key: add it (host:port/KEY), or allow a connection without")
	// ErrNotReady says that Send or Receive came before the handshake.
	ErrNotReady = errors.New("sv2net: no handshake yet")
)

// What else may be at the other end of the wire. At a client each of these means a
// wrong port or a wrong scheme in the URL; at a server, a lost visitor.
var (
	ErrSv1   = errors.New("sv2net: peer speaks JSON, as Stratum V1 does (stratum+tcp), not Stratum V2")
	ErrTLS   = errors.New("sv2net: peer speaks TLS, not Stratum V2")
	ErrHTTP  = errors.New("sv2net: peer speaks HTTP, not Stratum V2")
	ErrPlain = errors.New("sv2net: peer speaks Stratum V2 without encryption, and this end expects Noise")
	ErrNoise = errors.New("sv2net: peer seems to speak Noise, and this end expects a plain connection")
)
