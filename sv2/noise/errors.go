package noise

import "errors"

// What a handshake or a sealed stream ends with. Callers decide by these; the
// errors that wrap them say more.
var (
	// ErrLength says that an act is longer or shorter than the protocol's.
	ErrLength = errors.New("noise: act has the wrong length")
	// ErrDecrypt says that bytes were not sealed with the agreed key: the peer does
	// not speak this protocol, or somebody changed them on the way.
	ErrDecrypt = errors.New("noise: authentication tag does not match")
	// ErrVersion says that the certificate is of a version that we do not know.
	ErrVersion = errors.New("noise: unknown certificate version")
	// ErrWrongKey says that the certificate is not signed by the authority key that
	// we were told: another pool, or somebody who poses as it.
	ErrWrongKey = errors.New("noise: certificate is not signed by the expected authority key")
	// ErrNotYetValid says that the certificate begins in the future, by our clock.
	ErrNotYetValid = errors.New("noise: certificate is not valid yet")
	// ErrExpired says that the certificate has ended, by our clock.
	ErrExpired = errors.New("noise: certificate has expired")
	// ErrClock says that a strict Clock does not know the time.
	ErrClock = errors.New("noise: local clock is not set")
	// ErrCounter says that a key has sealed as many messages as it may.
	ErrCounter = errors.New("noise: key is used up, connect again")
	// ErrKey says that text is not a key.
	ErrKey = errors.New("noise: not a key")
)
