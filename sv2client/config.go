package sv2client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/noise"
	"github.com/lodefw/lode/sv2/sv2net"
)

// A Miner hashes what one channel tells. A device.Dispatcher has some.
type Miner interface {
	// Job replaces what is hashed; nil stops hashing. With newTip nothing found for
	// earlier jobs is of use. It returns at once.
	Job(j *channel.Job, newTip bool)
}

// Config is what a Client needs to know. Pools must have at least one entry; the
// zero value of everything else works.
type Config struct {
	Pools []noise.URL // in order of preference
	User  string      // user_identity at the pools
	Users []string    // Users[i] is for Pools[i] alone; "" or missing means User

	HashRate    float64 // nominal, of all miners together, in hashes per second, until SetHashRate
	VersionMask uint32  // bits that the hashers may roll; 0 means BIP320's, FixedVersion none
	// FixedVersion is for hashers that cannot roll the version field.
	FixedVersion bool

	Vendor, Hardware, Firmware, DeviceID string // for SetupConnection (3.6.1)

	// Dial connects and does the handshake, within ctx. It must refuse a server
	// without the URL's key. Nil means sv2net.Dial with its defaults.
	Dial func(ctx context.Context, url noise.URL) (*sv2net.Conn, error)
	// SeenTime is told the time of jobs on a new tip, if the connection is
	// authenticated: a board without a clock saves it for its next start. It must
	// not block.
	SeenTime func(t time.Time)
	// Ended is told once how each share ended. It must not block.
	Ended func(e Ended)
	// Event is told what belongs into a log of few events. It must not block.
	Event func(text string)

	Limits Limits
	Rand   io.Reader // for jitter; nil means crypto/rand
	Log    *slog.Logger
}

// Limits are the times after which a pool counts as failed, and their like. A zero
// field means the default, which its comment tells.
type Limits struct {
	Connect  time.Duration // TCP and handshake: 15 s
	Setup    time.Duration // answer to SetupConnection: 10 s
	Open     time.Duration // answer to OpenStandardMiningChannel: 30 s
	FirstJob time.Duration // from there to a job: 30 s
	NoJob    time.Duration // between jobs: 10 min

	StaleTip  time.Duration // jobs with one and the same prev_hash: 90 min, which one block in 8000 takes
	StaleTime time.Duration // jobs without a newer ntime: 1 h

	RejectRun    int           // so many rejected in a row: 10,
	RejectFor    time.Duration // over at least this time, because a new tip makes a burst of stale shares: 30 s
	RejectWindow int           // or more than half of so many: 100
	RejectSlow   time.Duration // or 3 in a row over this time, for slow devices: 10 min

	Unacknowledged      time.Duration // oldest share without an answer: 15 min, because some pools answer in batches of 10 whenever they are full,
	UnacknowledgedCount int           // or so many shares without an answer: 64,
	UnacknowledgedFor   time.Duration // the oldest of them for this time: 1 min

	BackoffMin time.Duration // first pause before a pool is tried again, doubled each time: 1 s
	BackoffMax time.Duration // longest pause: 60 s
	// PenaltyMax bounds the time for which a pool is left alone that answered well
	// but was of no use (Kind Silent and further on), as long as another one works: 30 min.
	// It begins with BackoffMax and doubles each time.
	PenaltyMax time.Duration
	Healthy    time.Duration // mining so long without a fault resets the backoff: 5 min
	Drain      time.Duration // how long a pool that we leave may take to answer shares: 5 s
	Hops       int           // Reconnects in a row that we follow: 5
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&l.Connect, 15 * time.Second}, {&l.Setup, 10 * time.Second}, {&l.Open, 30 * time.Second},
		{&l.FirstJob, 30 * time.Second}, {&l.NoJob, 10 * time.Minute},
		{&l.StaleTip, 90 * time.Minute}, {&l.StaleTime, time.Hour},
		{&l.RejectFor, 30 * time.Second}, {&l.RejectSlow, 10 * time.Minute},
		{&l.Unacknowledged, 15 * time.Minute}, {&l.UnacknowledgedFor, time.Minute},
		{&l.BackoffMin, time.Second}, {&l.BackoffMax, time.Minute}, {&l.PenaltyMax, 30 * time.Minute},
		{&l.Healthy, 5 * time.Minute}, {&l.Drain, 5 * time.Second},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	for _, n := range []struct {
		v   *int
		def int
	}{{&l.RejectRun, 10}, {&l.RejectWindow, 100}, {&l.UnacknowledgedCount, 64}, {&l.Hops, 5}} {
		if *n.v <= 0 {
			*n.v = n.def
		}
	}
	l.BackoffMax = max(l.BackoffMax, l.BackoffMin)
	l.PenaltyMax = max(l.PenaltyMax, l.BackoffMax)
	return l
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	if len(c.Pools) == 0 {
		return c, errors.New("sv2client: no pool configured; name at least one")
	}
	if len(c.Users) > len(c.Pools) {
		return c, errors.New("sv2client: more users than pools; users belong to pools in order")
	}
	c.Limits = c.Limits.withDefaults()
	if c.FixedVersion {
		c.VersionMask = 0
	} else if c.VersionMask == 0 {
		c.VersionMask = mining.NarrowVersionMask
	}
	if c.Vendor == "" {
		c.Vendor = "lode" // 3.6.1 wants one
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = c.dialer()
	}
	return c, c.checkTexts()
}

// user is the user_identity at pool i.
func (c *Config) user(i int) string {
	if i < len(c.Users) && c.Users[i] != "" {
		return c.Users[i]
	}
	return c.User
}

// checkTexts finds texts that do not fit the wire (STR0_255).
func (c *Config) checkTexts() error {
	texts := append([]string{c.User, c.Vendor, c.Hardware, c.Firmware, c.DeviceID}, c.Users...)
	for _, t := range texts {
		if len(t) > 255 {
			return fmt.Errorf("sv2client: %q... is longer than 255 bytes, which is all the protocol can carry", t[:32])
		}
	}
	return nil
}
