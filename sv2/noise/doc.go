// Package noise secures a Stratum V2 connection (chapter 4): the handshake
// Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256, the certificate by which a pool
// shows who it is, the keys and the URL that name a pool, and the sealed frames
// that follow. It takes and returns bytes; package sv2net puts them on a socket.
//
// # The handshake
//
// The initiator (the miner) knows the pool's authority key and has no key of its
// own that lives longer than the connection:
//
//	initiator                                responder
//	  | act 1, 64 bytes: e                       |
//	  |----------------------------------------->|
//	  | act 2, 234 bytes:                        |
//	  |   e, ee, sealed s, es, sealed certificate|
//	  |<-----------------------------------------|
//	  | sealed frames                            |
//	  |<---------------------------------------->|
//
// e and s are public keys as 64-byte ElligatorSwift encodings, which look like
// noise themselves. The certificate says that the authority key vouches for s from
// one second to another. [Initiator.Finish] checks it.
//
// # Sealed frames
//
// The six header bytes are one AEAD message of 22 bytes. The payload follows in
// pieces of at most [MaxPiece] bytes, each 16 bytes longer when sealed; an empty
// payload has none. See [Cipher].
//
// # Secrets
//
// A [SecretKey] never prints: fmt, slog and json show "(secret)". The arithmetic
// of secp256k1 below this package does not take constant time, which is why an
// [Identity] replaces the server's key together with each certificate.
package noise
