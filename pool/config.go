package pool

import (
	"fmt"
	"time"

	"github.com/lodefw/lode/sv2/buffer"
	"github.com/lodefw/lode/sv2/mining"
	"github.com/lodefw/lode/sv2/sv2net"
)

// Config is what a pool needs to know; all but PayoutScript may be left zero.
type Config struct {
	PayoutScript []byte // output script that gets the whole reward; see PayoutScript
	Tag          string // what blocks say about their pool; "" is "/lode/"

	// SubsidyInterval is the number of blocks between halvings, from which the
	// reward of the next, empty block follows; 0 is 210 000.
	SubsidyInterval uint32

	SharesPerMinute float64       // wished for each channel; 0 is 12
	FixedVersion    bool          // refuse version rolling (REQUIRES_FIXED_VERSION)
	Batch           int           // shares acknowledged by one message; 0 is 10
	BatchDelay      time.Duration // longest wait for an acknowledgement; 0 is 1 s
	Refresh         time.Duration // least time between jobs on one tip; 0 is 20 s
	MaxJobAge       time.Duration // a fresh job comes at least this often; 0 is 60 s
	SubmitTimeout   time.Duration // for Chain.Submit; 0 is 10 s

	Limits Limits
}

// Limits bound what peers can take; a zero field means its default.
type Limits struct {
	Connections    int           // in all; 0 is 20 000
	PerAddress     int           // from one address, loopback aside; 0 is 1000
	Channels       int           // on one connection; 0 is 256
	Messages       float64       // from one connection in a second, averaged; 0 is 200
	RefusedInARow  int           // refused shares, stale ones aside, until the pool closes; 0 is 500
	Setup          time.Duration // from the connection to SetupConnection; 0 is 10 s
	FirstChannel   time.Duration // without any channel; 0 is 30 s
	WithoutShare   time.Duration // an idle device is closed; 0 is 12 hours
	WriteTimeout   time.Duration // for a peer that does not read; 0 is 2 s
	ReceiveBuffers int           // bytes of frames in work on all connections; 0 is 32 MiB
}

// maxPayload is the largest payload that a pool takes from a device; every
// message of the Mining Protocol's client side is below 1 KiB.
const maxPayload = 4 << 10

// handshakeTimeout also covers the SetupConnection that follows.
const handshakeTimeout = 10 * time.Second

// Conn is the limits for sv2net.Listen, so that a listener fits the pool.
func (c Config) Conn() sv2net.Config {
	l := c.Limits.withDefaults()
	return sv2net.Config{
		MaxPayload:       maxPayload,
		HandshakeTimeout: handshakeTimeout,
		WriteTimeout:     l.WriteTimeout,
		FrameTimeout:     l.Setup,
		Pool:             buffer.New(l.ReceiveBuffers),
	}
}

func (c Config) withDefaults() (Config, error) {
	if len(c.PayoutScript) == 0 {
		return c, fmt.Errorf("pool: no payout script; give the pool an address to pay to")
	}
	if len(c.Tag) > maxTag {
		return c, fmt.Errorf("pool: tag of %d bytes, at most %d fit the coinbase", len(c.Tag), maxTag)
	}
	or(&c.Tag, "/lode/")
	or(&c.SubsidyInterval, 210_000)
	or(&c.SharesPerMinute, 12)
	or(&c.Batch, 10)
	or(&c.BatchDelay, time.Second)
	or(&c.Refresh, 20*time.Second)
	or(&c.MaxJobAge, time.Minute)
	or(&c.SubmitTimeout, 10*time.Second)
	c.Limits = c.Limits.withDefaults()
	return c, nil
}

func (l Limits) withDefaults() Limits {
	or(&l.Connections, 20_000)
	or(&l.PerAddress, 1000)
	or(&l.Channels, 256)
	or(&l.Messages, 200)
	or(&l.RefusedInARow, 500)
	or(&l.Setup, 10*time.Second)
	or(&l.FirstChannel, 30*time.Second)
	or(&l.WithoutShare, 12*time.Hour)
	or(&l.WriteTimeout, 2*time.Second)
	or(&l.ReceiveBuffers, 32<<20)
	return l
}

// or sets a zero value to its default.
func or[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// supported is what a client may insist on.
func (c Config) supported() uint32 {
	return mining.FlagRequiresStandardJobs | mining.FlagRequiresVersionRolling
}

// required is what the pool insists on.
func (c Config) required() uint32 {
	if c.FixedVersion {
		return mining.FlagRequiresFixedVersion
	}
	return 0
}
