package noise

import (
	"fmt"
	"time"
)

// Leeways of a Clock's zero fields.
const (
	// DefaultSkew is how wrong a clock may be: the spec's reference implementation
	// allows as much.
	DefaultSkew = 10 * time.Second
	// DefaultLag is how far a block header's time may stay behind: the time of a job
	// can be that of the last block, and blocks can be slow.
	DefaultLag = 2 * time.Hour
)

// A Clock decides how a certificate's span is checked by a machine whose time may
// be unknown, as on a board without a battery that boots in 1970. It is a value
// and reads no time itself; the zero Clock trusts the local time.
//
//	local time  >= Built      the span is checked at once
//	local time  <  Built      unknown: signature and authority key are checked at
//	                          once, the span when a time is known (pending)
//	the same, and Strict      ErrClock
//
// A time is known from the saved time of the last run, or from the first ntime of
// the pool, which has proved its authority key; the later of the two counts. Such
// a time is only a lower bound of the true one, so a certificate that ended before
// it is refused, and one that begins after it only if it begins more than Lag after.
type Clock struct {
	Built  time.Time     // when the program was built; zero: the local time is always known
	Saved  time.Time     // time of the last run; zero: none
	Skew   time.Duration // leeway either way; 0: DefaultSkew, negative: none
	Lag    time.Duration // leeway of a known time for a beginning; 0: DefaultLag, negative: none
	Strict bool          // an unknown time is an error
}

// Known says whether now can be the true time.
func (c Clock) Known(now time.Time) bool { return !now.Before(c.Built) }

// Check judges a certificate at the handshake, when the local time is now. When it
// returns pending, CheckLater must follow as soon as a time is known.
func (c Clock) Check(cert Certificate, now time.Time) (pending bool, err error) {
	if c.Known(now) {
		if err := cert.notBefore(now, c.skew()); err != nil {
			return false, err
		}
		return false, cert.notAfter(now, c.skew())
	}
	if c.Strict {
		return false, fmt.Errorf("it is %s here, before this program was built (%s); set the clock: %w",
			stamp(now), stamp(c.Built), ErrClock)
	}
	if c.Saved.IsZero() {
		return true, nil
	}
	return true, cert.notAfter(c.Saved, c.skew())
}

// CheckLater judges a pending certificate by a time that has become known.
func (c Clock) CheckLater(cert Certificate, known time.Time) error {
	if known.Before(c.Saved) {
		known = c.Saved
	}
	if err := cert.notBefore(known, max(c.skew(), c.lag())); err != nil {
		return err
	}
	return cert.notAfter(known, c.skew())
}

func (c Clock) skew() time.Duration { return orDefault(c.Skew, DefaultSkew) }
func (c Clock) lag() time.Duration  { return orDefault(c.Lag, DefaultLag) }

// orDefault reads a duration of which 0 means usual and less means none.
func orDefault(d, usual time.Duration) time.Duration {
	if d == 0 {
		return usual
	}
	return max(d, 0)
}
