package device

import (
	"math/bits"
	"slices"
	"time"

	"github.com/lodefw/lode/hashing"
	"github.com/lodefw/lode/sv2/channel"
	"github.com/lodefw/lode/sv2client"
)

// A supply is one channel's side of the dispatcher: its job, and what is left to
// search of it. It is the channel's sv2client.Miner. The dispatcher's mutex guards it.
type supply struct {
	d      *Dispatcher
	number int
	job    *channel.Job // nil: nothing to hash
	tip    uint64       // counts new tips; a work's must be equal
	space  space        // of job, or of the last one
}

// group gives each hasher its supply. In one second a job has 2^16 values of the
// version bits, and a hasher that rolls them all itself takes them all with one work:
// two of them on one channel would wait for each other. So each of these gets a
// channel of its own. All others are content with little, and share one.
func group(hashers []hashing.Hasher, mask uint32) (of []int, count int) {
	shared := -1
	for _, h := range hashers {
		r, ok := h.(hashing.Roller)
		switch {
		case ok && r.RollBits() >= bits.OnesCount32(mask):
			of = append(of, count)
			count++
		case shared < 0:
			shared = count
			of = append(of, count)
			count++
		default:
			of = append(of, shared)
		}
	}
	return of, count
}

// RollBits is part of hashing.Roller: the chain's, none if it does not say.
func (g *gated) RollBits() int {
	if r, ok := g.Chain.(hashing.Roller); ok {
		return r.RollBits()
	}
	return 0
}

// Miners are those who take the jobs: one for each channel that the hashers need.
// While one has no job its hashers work for the others.
func (d *Dispatcher) Miners() (list []sv2client.Miner) {
	for _, s := range d.supplies {
		list = append(list, s)
	}
	return list
}

// Job replaces what is hashed; nil stops hashing. After it returns no share of this
// channel leaves that was found for another tip (newTip) or for a job that was
// stopped. Solutions of a job that is only replaced still count.
func (s *supply) Job(j *channel.Job, newTip bool) {
	d := s.d
	d.leaving.Lock()
	defer d.leaving.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if newTip || j == nil {
		s.tip++
	}
	s.job = j
	s.setSpace(j)
	d.setState()
	for _, l := range d.lanes {
		if l.own == s || l.own.job == nil { // who has no job may work for this channel
			l.feed.Change()
		}
	}
}

// setSpace begins the job's space, or goes on with it when the job is the last
// one again, after a pause or with another target.
func (s *supply) setSpace(j *channel.Job) {
	switch {
	case j == nil:
	case s.space.job != nil && s.space.job.Number == j.Number:
		s.space.job = j
	default:
		s.space = newSpace(j, s.d.cfg.VersionMask)
	}
}

// take gives out a part of the job, or says how long there is none, as Source does.
func (s *supply) take(rollBits int, now time.Time) (p part, wait time.Duration, ok bool) {
	j := s.job
	if j == nil {
		return part{}, 0, false
	}
	if p, ok = s.space.take(rollBits, j.MaxNTime(now)-j.NTime); !ok {
		return part{}, untilNextSecond(now.Sub(j.Received)), false
	}
	return p, 0, true
}

// first is the first supply with a job, nil if none has one.
func (d *Dispatcher) first() *supply {
	i := slices.IndexFunc(d.supplies, func(s *supply) bool { return s.job != nil })
	if i < 0 {
		return nil
	}
	return d.supplies[i]
}
