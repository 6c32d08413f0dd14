// Package device is the mining device: it hands the pool's job to the hashers as
// work, checks what they find, and tells how they do.
//
// The Dispatcher is where chips and Stratum V2 meet: above it there are channel.Job
// and channel.Share, below it hashing.Work and hashing.Solution. Device ties it to a
// pool's client.
package device

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2/mining"
)

// DispatcherConfig is what a Dispatcher needs beside its hashers.
type DispatcherConfig struct {
	// Submit takes each share. Job waits for it, so that no share of an old tip
	// comes after Job has told of the new one: Submit must not block, nor
	// call Job. sv2client.Client.Submit is such.
	Submit func(channel.Share)
	// VersionMask has the bits to roll where a job allows them; 0 means
	// BIP320's, which every pool takes.
	VersionMask uint32
	Log         *slog.Logger     // nil: silence
	Now         func() time.Time // nil: time.Now
}

// Dispatcher gives each channel's newest job to the hashers of that channel, each a
// part of its own. Its state is guarded by a mutex and not owned by a goroutine: hashers call in from
// many sides, each call is short, and a share is checked against the tip that is
// current in that moment.
type Dispatcher struct {
	cfg      DispatcherConfig
	log      *slog.Logger
	now      func() time.Time
	supplies []*supply // one for each channel
	lanes    []*lane   // one for each hasher

	// leaving is held for reading from the check of a solution until its share
	// has left, and for writing by Job. It comes before mu.
	leaving sync.RWMutex

	mu     sync.Mutex
	start  time.Time // Status ages and meters count from here
	state  State
	paused bool // jobs are kept, and not hashed
	seen   seen
	events events
}

var errNoHasher = errors.New("device: no hasher: nothing would be mined")

// NewDispatcher returns a dispatcher that hashes nothing until Run is called and its
// Miners have jobs.
func NewDispatcher(hashers []hashing.Hasher, cfg DispatcherConfig) (*Dispatcher, error) {
	if len(hashers) == 0 {
		return nil, errNoHasher
	}
	if cfg.VersionMask == 0 {
		cfg.VersionMask = mining.NarrowVersionMask
	}
	d := &Dispatcher{cfg: cfg, log: cfg.Log, now: cfg.Now}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.now == nil {
		d.now = time.Now
	}
	d.start = d.now()
	of, count := group(hashers, cfg.VersionMask)
	for i := range count {
		d.supplies = append(d.supplies, &supply{d: d, number: i})
	}
	for i, h := range hashers {
		l := &lane{d: d, own: d.supplies[of[i]], hasher: h, number: uint64(i)}
		l.feed = hashing.NewFeed(l)
		d.lanes = append(d.lanes, l)
	}
	return d, nil
}

// setPaused keeps the hashers from the jobs, or gives them back to them.
func (d *Dispatcher) setPaused(paused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.paused == paused {
		return
	}
	d.paused = paused
	d.setState()
	for _, l := range d.lanes {
		l.feed.Change()
	}
}

// note adds to the event log.
func (d *Dispatcher) note(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.event(text)
}

func (d *Dispatcher) setState() {
	next := Mining
	switch {
	case d.paused:
		next = Paused
	case d.first() == nil:
		next = Waiting
	}
	if d.state == Stopped || d.state == next {
		return
	}
	d.state = next
	d.event("device is " + next.String())
	d.log.Info("device state", "state", next.String())
}

// event is called with the mutex held.
func (d *Dispatcher) event(text string) { d.events.add(d.now(), text) }
