package sv2client

import (
	"time"

	"github.com/lodefw/lode/bitcoin"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/noise"
)

// Status is what a Client is doing, for people and programs.
type Status struct {
	State     State      `json:"state"`
	Pool      string     `json:"pool,omitempty"` // host:port that is mined on or tried
	User      string     `json:"user,omitempty"`
	Encrypted bool       `json:"encrypted"`
	Since     *time.Time `json:"since,omitempty"` // when State began
	Switches  uint64     `json:"switches"`        // connections mined on so far
	HashRate  float64    `json:"nominal_hash_rate"`

	Accepted uint64            `json:"accepted"`
	Rejected map[string]uint64 `json:"rejected,omitempty"` // by the pool's error code
	Lost     map[string]uint64 `json:"lost,omitempty"`     // by cause
	Pending  int               `json:"pending"`            // sent, not answered yet
	Blocks   uint64            `json:"blocks"`             // shares sent that solve a block

	Channel  *ChannelStatus  `json:"channel,omitempty"`  // the first that is open
	Channels []ChannelStatus `json:"channels,omitempty"` // one for each miner, open or not
	Job      *JobStatus      `json:"job,omitempty"`      // of the first channel that has one
	Pools    []PoolStatus    `json:"pools"`
}

// ChannelStatus is the channel of one miner. Its counts begin when it is opened.
type ChannelStatus struct {
	State       State          `json:"state"`
	Error       string         `json:"error,omitempty"` // why the pool gave none
	HashRate    float64        `json:"nominal_hash_rate"`
	Accepted    uint64         `json:"accepted"`
	Rejected    uint64         `json:"rejected"`
	Pending     int            `json:"pending"`
	ID          uint32         `json:"id"`
	Group       uint32         `json:"group"`
	Target      bitcoin.Target `json:"target"` // of the next job
	Difficulty  float64        `json:"difficulty"`
	VersionMask uint32         `json:"version_mask"`
	Credited    uint64         `json:"credited"` // sum of difficulties, as the pool counts
}

// JobStatus is the job that is hashed.
type JobStatus struct {
	ID         uint32         `json:"id"`
	PrevHash   bitcoin.Hash   `json:"prev_hash"`
	Received   time.Time      `json:"received"`
	Target     bitcoin.Target `json:"target"`
	Difficulty float64        `json:"difficulty"`
}

// PoolStatus is one pool of the list.
type PoolStatus struct {
	URL     noise.URL  `json:"url"`
	User    string     `json:"user"`
	State   State      `json:"state"`
	Counts  counts     `json:"shares"`
	Failed  int        `json:"failures_in_a_row"`
	NextTry *time.Time `json:"next_try,omitempty"` // not before
	Avoid   *time.Time `json:"avoided_until,omitempty"`
	Fault   string     `json:"fault,omitempty"` // why it was last left
	Error   string     `json:"error,omitempty"`
	Advice  string     `json:"advice,omitempty"` // what to do about it
	FaultAt *time.Time `json:"fault_at,omitempty"`
}

// Status may be called from any goroutine.
func (c *Client) Status() Status {
	var st Status
	for i := range c.miners {
		st.HashRate += c.hashRate(i)
	}
	c.tally.read(&st)
	c.mu.Lock()
	st.Switches = c.switches
	trying, cur := c.trying, c.current.Load()
	for _, p := range c.pools {
		st.Pools = append(st.Pools, c.poolStatus(p))
	}
	c.mu.Unlock()
	for _, s := range []*session{trying, cur} { // what is mined on is written last
		if s != nil {
			s.status(&st)
		}
	}
	return st
}

func (c *Client) poolStatus(p *pool) PoolStatus {
	s := PoolStatus{URL: p.url, User: p.user, Counts: c.tally.readPool(p), Failed: p.failures}
	if p.failures > 0 {
		s.NextTry = moment(p.next)
	}
	if p.penalties > 0 {
		s.Avoid = moment(p.avoid)
	}
	if p.last != nil {
		s.Fault, s.Error, s.Advice = p.last.Kind.String(), p.last.Err.Error(), p.last.Kind.Advice()
		s.FaultAt = moment(p.lastAt)
	}
	return s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Round(time.Millisecond).UTC()
	return &t
}

// status writes what the session knows into st.
func (s *session) status(st *Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.State, st.Pool, st.User, st.Since = s.state, s.url.Address(), s.p.user, moment(s.since)
	st.Encrypted = s.conn != nil && s.conn.Secure()
	st.Pools[s.p.index].State = s.state
	st.Pending = s.queue.len()
	st.Channel, st.Job = nil, nil
	st.Channels = make([]ChannelStatus, len(s.slots))
	for i, sl := range s.slots {
		c := &st.Channels[i]
		*c = s.slotStatus(sl)
		st.Pending += c.Pending
		if sl.channel != nil && st.Channel == nil {
			st.Channel = c
		}
		if j := sl.active(); j != nil && st.Job == nil {
			st.Job = jobStatus(j)
		}
	}
}

func (s *session) slotStatus(sl *slot) ChannelStatus {
	c := ChannelStatus{State: min(sl.state, s.state), HashRate: s.c.hashRate(sl.number)}
	if s.state > Mining {
		c.State = s.state
	}
	if sl.why != nil {
		c.Error = sl.why.Err.Error()
	}
	if sl.channel == nil {
		return c
	}
	stats, t := sl.channel.Stats(), sl.channel.Target()
	c.Accepted, c.Rejected, c.Pending = stats.Accepted, stats.Rejected, stats.Pending
	c.ID, c.Group, c.Target, c.Difficulty = sl.channel.ChannelID(), sl.channel.GroupID(), t, t.Difficulty()
	c.VersionMask, c.Credited = s.mask, stats.ServerSum
	return c
}

func jobStatus(j *channel.Job) *JobStatus {
	return &JobStatus{
		ID: j.ID, PrevHash: j.PrevHash, Received: *moment(j.Received),
		Target: j.Target, Difficulty: j.Target.Difficulty(),
	}
}
