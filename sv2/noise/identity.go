package noise

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Usual spans of a server's certificate.
const (
	// DefaultLife is how long a certificate lives.
	DefaultLife = time.Hour
	// DefaultBack is how far a certificate is dated back, for clients whose clock is
	// slow.
	DefaultBack = 5 * time.Minute
)

// IdentityConfig is what an Identity is made of.
type IdentityConfig struct {
	Authority SecretKey
	Random    io.Reader        // crypto/rand.Reader outside tests; safe for concurrent use
	Now       func() time.Time // time.Now outside tests
	Life      time.Duration    // 0: DefaultLife
	Back      time.Duration    // 0: DefaultBack, negative: none
}

// An Identity is who a server is: its static key and the certificate for it. All
// connections of a server share one, which is what makes a handshake cheap. Half a
// life before a certificate ends the next handshake makes a new key and a new
// certificate, so clients always see at least that half. It is safe for concurrent
// use.
type Identity struct {
	cfg       IdentityConfig
	authority PublicKey
	current   atomic.Pointer[credentials]
	renewing  sync.Mutex
}

// credentials are a static key and its certificate.
type credentials struct {
	key         keyPair
	static      PublicKey
	certificate Certificate
}

// NewIdentity makes a static key and a certificate, and keeps the authority key to
// renew them.
func NewIdentity(cfg IdentityConfig) (*Identity, error) {
	if cfg.Authority.IsZero() {
		return nil, errors.New("noise: identity: no authority key (make one with keygen)")
	}
	if cfg.Life == 0 {
		cfg.Life = DefaultLife
	}
	if cfg.Life < time.Second {
		return nil, fmt.Errorf("noise: identity: certificates of %v are too short", cfg.Life)
	}
	cfg.Back = orDefault(cfg.Back, DefaultBack)
	id := &Identity{cfg: cfg, authority: cfg.Authority.Public()}
	if err := id.renew(cfg.Now()); err != nil {
		return nil, err
	}
	return id, nil
}

// FixedIdentity uses a static key and a certificate that the authority issued
// elsewhere, so that its secret key is not on the server. It is not renewed, and
// refuses handshakes when it has expired.
func FixedIdentity(static SecretKey, cert Certificate, authority PublicKey, random io.Reader, now func() time.Time) (*Identity, error) {
	if static.IsZero() {
		return nil, errors.New("noise: identity: no static key")
	}
	c := &credentials{static: static.Public(), certificate: cert}
	if err := cert.Verify(authority, c.static); err != nil {
		return nil, fmt.Errorf("noise: identity: %w", err)
	}
	public, err := encode(xOf(static), random)
	if err != nil {
		return nil, err
	}
	c.key = keyPair{static, public}
	id := &Identity{cfg: IdentityConfig{Random: random, Now: now}, authority: authority}
	id.current.Store(c)
	return id, nil
}

// Format prints nothing secret of an Identity.
func (id *Identity) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "identity of %v", id.authority) }

// Authority is the key by which clients know the server.
func (id *Identity) Authority() PublicKey { return id.authority }

// Certificate is the present one.
func (id *Identity) Certificate() Certificate { return id.current.Load().certificate }

// Respond answers act 1 with act 2, Act2Size bytes, with a fresh ephemeral key.
func (id *Identity) Respond(act1 []byte) (act2 []byte, s *Session, err error) {
	own, err := id.credentials(id.cfg.Now())
	if err != nil {
		return nil, nil, err
	}
	ephemeral, err := newKeyPair(id.cfg.Random)
	if err != nil {
		return nil, nil, err
	}
	return respond(own, ephemeral, act1)
}

// credentials returns the present ones, or new ones when it is time. While one
// connection makes them, others use those that are still good.
func (id *Identity) credentials(now time.Time) (*credentials, error) {
	c := id.current.Load()
	switch {
	case id.cfg.Authority.IsZero():
		return c, c.certificate.notAfter(now, 0)
	case id.fresh(c, now):
		return c, nil
	case c.covers(now):
		if !id.renewing.TryLock() {
			return c, nil
		}
	default:
		id.renewing.Lock()
	}
	defer id.renewing.Unlock()
	if c := id.current.Load(); id.fresh(c, now) {
		return c, nil
	}
	if err := id.renew(now); err != nil && !c.covers(now) {
		return nil, err
	}
	return id.current.Load(), nil
}

// fresh says that c lives for more than half a life.
func (id *Identity) fresh(c *credentials, now time.Time) bool {
	return c.covers(now) && c.covers(now.Add(id.cfg.Life/2))
}

func (c *credentials) covers(now time.Time) bool {
	return c.certificate.notBefore(now, 0) == nil && c.certificate.notAfter(now, 0) == nil
}

// renew makes a key and a certificate. The caller holds renewing, or is alone.
func (id *Identity) renew(now time.Time) error {
	key, err := newKeyPair(id.cfg.Random)
	if err != nil {
		return err
	}
	static := key.secret.Public()
	cert, err := Issue(id.cfg.Authority, static, now.Add(-id.cfg.Back), now.Add(id.cfg.Life), id.cfg.Random)
	if err != nil {
		return err
	}
	id.current.Store(&credentials{key: key, static: static, certificate: cert})
	return nil
}
