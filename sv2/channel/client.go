package channel

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2"
	"github.com/lodefw/lode/sv2/mining"
)

// Limits of one client channel.
const (
	maxFuture  = 16   // queued future jobs; the oldest is dropped
	maxLive    = 16   // active and past jobs; the oldest is dropped
	maxPending = 4096 // shares without an answer; the oldest is lost
)

// Opening is what the server granted when it opened the channel (5.3.3, 5.3.5),
// and what the client wants of it.
type Opening struct {
	ChannelID        uint32
	GroupID          uint32 // 0: in no group
	Target           bitcoin.Target
	ExtranoncePrefix []byte
	Extended         bool // an extended channel
	ExtranonceSize   int  // bytes to roll; extended channels only

	// VersionMask has the bits that the device rolls; 0 if the server set
	// REQUIRES_FIXED_VERSION. mining.NarrowVersionMask is right everywhere.
	VersionMask uint32
	// Numbers counts jobs across channels and connections, so that a late result of
	// hardware cannot be taken for another job's; nil counts in this channel only.
	Numbers *atomic.Uint64
	// Ended is told how each submitted share ended; nil if nobody asks. It is called
	// inside the methods of Client and must not call them.
	Ended func(Outcome)
}

// Change says what a message did to the work of a channel.
type Change uint8

// Changes, from the least to the most.
const (
	Nothing    Change = iota // goes on as it was
	JobChanged               // Active is another job; shares of the old one still count
	TipChanged               // Active is another job; the old ones are dead
	Stopped                  // nothing valid to hash
	Closed                   // the channel is gone
)

func (c Change) String() string {
	return [...]string{"nothing", "job changed", "tip changed", "stopped", "closed"}[min(c, Closed)]
}

// ErrProtocol is in the chain of every error of Handle: the server broke a rule.
var ErrProtocol = errors.New("server broke the protocol")

// Why Submit refuses a share; nothing is sent then, and Ended not called.
var (
	ErrClosed = errors.New("channel: closed")
	ErrStale  = errors.New("channel: the job of the share is not valid any more")
	ErrShare  = errors.New("channel: the share breaks the limits of its job")
)

// A Client is the device's end of one channel: it keeps the jobs and matches
// shares with their answers. It does no input or output and has no clock; one
// goroutine owns it.
type Client struct {
	id, group uint32
	target    bitcoin.Target // of jobs that become active from now on
	prefix    []byte         // of jobs that arrive from now on
	extended  bool
	size      int
	mask      uint32
	numbers   *atomic.Uint64

	tip    *mining.SetNewPrevHash // the last one, nil before it
	opened bool                   // a job was seen
	future []*Job                 // not started, oldest first
	live   []*Job                 // valid, the last is active
	closed bool

	acks   acks
	submit mining.SubmitSharesStandard
}

// NewClient starts a channel as the server opened it.
func NewClient(o Opening) *Client {
	if o.Numbers == nil {
		o.Numbers = new(atomic.Uint64)
	}
	return &Client{
		id: o.ChannelID, group: o.GroupID, target: o.Target, prefix: clone(o.ExtranoncePrefix),
		extended: o.Extended, size: o.ExtranonceSize, mask: o.VersionMask, numbers: o.Numbers,
		acks: acks{ended: o.Ended},
	}
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

// Active is the job to hash now, nil if there is none.
func (c *Client) Active() *Job {
	if len(c.live) == 0 {
		return nil
	}
	return c.live[len(c.live)-1]
}

// Job is the valid job with this Number, nil if it is dead or never was.
func (c *Client) Job(number uint64) *Job {
	for _, j := range c.live {
		if j.Number == number {
			return j
		}
	}
	return nil
}

// ChannelID is the channel's number on its connection.
func (c *Client) ChannelID() uint32 { return c.id }

// GroupID is the group the channel is in, 0 for none.
func (c *Client) GroupID() uint32 { return c.group }

// Target is the target of the next job, which may differ from that of the active one.
func (c *Client) Target() bitcoin.Target { return c.target }

// Handle obeys one message of the server at the time now. Messages for other
// channels and messages that do not concern a channel's state change nothing. After
// an error nothing is left to hash until the server sends good jobs again; the
// caller should close the channel or reconnect.
func (c *Client) Handle(m sv2.Message, now time.Time) (Change, error) {
	if c.closed {
		return Nothing, nil
	}
	switch m := m.(type) {
	case *mining.NewMiningJob:
		return c.newJob(m, now)
	case *mining.NewExtendedMiningJob:
		return c.newExtendedJob(m, now)
	case *mining.SetNewPrevHash:
		return c.setNewPrevHash(m, now)
	case *mining.SetTarget:
		if c.concerns(m.ChannelID) {
			c.target = bitcoin.Target(m.MaximumTarget)
		}
	case *mining.SetExtranoncePrefix:
		return c.setExtranoncePrefix(m)
	case *mining.SetGroupChannel:
		c.setGroup(m)
	case *mining.CloseChannel:
		if c.concerns(m.ChannelID) {
			c.Close("channel closed: " + m.ReasonCode)
			return Closed, nil
		}
	case *mining.SubmitSharesSuccess:
		if m.ChannelID == c.id {
			c.acks.success(m)
		}
	case *mining.SubmitSharesError:
		if m.ChannelID == c.id {
			c.acks.reject(m)
		}
	}
	return Nothing, nil
}

// concerns says whether a message for id is for us: by our own number, or by that of
// our group (5.2.3).
func (c *Client) concerns(id uint32) bool {
	return id == c.id || (id == c.group && c.group != 0)
}

// Close ends the channel from this side, or after the connection has gone: all
// shares without an answer are lost, for the given cause.
func (c *Client) Close(cause string) {
	c.closed = true
	c.stop()
	c.acks.lose(cause)
}

// stop forgets all jobs.
func (c *Client) stop() { c.future, c.live = nil, nil }

// fault is a broken rule: whatever we have may be wrong, so nothing is hashed.
func (c *Client) fault(format string, args ...any) (Change, error) {
	c.stop()
	return Stopped, fmt.Errorf("channel %d: %w: %s", c.id, ErrProtocol, fmt.Sprintf(format, args...))
}

// setExtranoncePrefix counts for jobs that arrive later; a group has no prefix (5.3.10).
func (c *Client) setExtranoncePrefix(m *mining.SetExtranoncePrefix) (Change, error) {
	if m.ChannelID != c.id {
		return Nothing, nil
	}
	if n := len(m.ExtranoncePrefix) + c.size; n > maxExtranonce {
		return c.fault("extranonce of %d bytes, at most %d allowed", n, maxExtranonce)
	}
	c.prefix = clone(m.ExtranoncePrefix)
	return Nothing, nil
}

func (c *Client) setGroup(m *mining.SetGroupChannel) {
	for _, id := range m.ChannelIDs {
		if id == c.id {
			c.group = m.GroupChannelID
		}
	}
}
