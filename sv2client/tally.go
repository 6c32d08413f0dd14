package sv2client

import (
	"maps"
	"strings"
	"sync"

	"github.com/lodefw/lode/sv2/channel"
)

// Ended tells how one share ended.
type Ended struct {
	Share  channel.Share
	Pool   int         // its place in Config.Pools
	End    channel.End // accepted, rejected or lost
	Reason string      // the pool's error code, or the cause of the loss
}

// Causes of a loss that this package gives; others come from the channel.
const (
	lostNoPool   = "no pool"          // found while no pool gave jobs
	lostStale    = "stale"            // its job died before it could be sent
	lostLimits   = "outside its job"  // it breaks the limits of its job: a bug of the hasher
	lostQueue    = "too many at once" // the connection cannot keep up
	lostStopped  = "stopped"          // we ended
	lostSwitched = "pool switched"    // another pool took over, and this one did not answer in time
)

// maxCodes bounds how many different reasons are counted apart: a pool chooses them.
const maxCodes = 32

// A tally counts how shares ended. Its mutex is taken last and held for nothing else.
type tally struct {
	mu       sync.Mutex
	blocks   uint64 // shares that solve a block, sent
	accepted uint64
	rejected map[string]uint64
	lost     map[string]uint64
	told     func(Ended)
}

func (t *tally) count(p *pool, s *channel.Share, end channel.End, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch end {
	case channel.Accepted:
		t.accepted++
	case channel.Rejected:
		t.rejected = add(t.rejected, reason)
	case channel.Lost:
		t.lost = add(t.lost, reason)
	}
	index := -1
	if p != nil {
		index = p.index
		p.counts.add(end)
	}
	if t.told != nil {
		t.told(Ended{Share: *s, Pool: index, End: end, Reason: reason})
	}
}

// counts are one pool's part of the tally.
type counts struct {
	Accepted uint64 `json:"accepted"`
	Rejected uint64 `json:"rejected"`
	Lost     uint64 `json:"lost"`
}

func (c *counts) add(end channel.End) {
	switch end {
	case channel.Accepted:
		c.Accepted++
	case channel.Rejected:
		c.Rejected++
	case channel.Lost:
		c.Lost++
	}
}

// add counts a reason, cut to what a code should look like (chapter 11 of the
// protocol's notes: printable ASCII).
func add(m map[string]uint64, reason string) map[string]uint64 {
	if m == nil {
		m = make(map[string]uint64)
	}
	reason = printable(reason)
	if _, known := m[reason]; !known && len(m) >= maxCodes {
		reason = "other"
	}
	m[reason]++
	return m
}

// printable replaces what is not ASCII or could drive a terminal, and cuts.
func printable(s string) string {
	const longest = 64
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), longest)])
	if s == "" {
		return "no reason given"
	}
	return s
}

func (t *tally) block() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blocks++
}

// read copies the totals into st.
func (t *tally) read(st *Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	st.Blocks, st.Accepted = t.blocks, t.accepted
	st.Rejected, st.Lost = maps.Clone(t.rejected), maps.Clone(t.lost)
}

func (t *tally) readPool(p *pool) counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return p.counts
}
