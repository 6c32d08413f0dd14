package pool

import (
	"sync"
	"time"
)

// meter adds up the pool's shares. Its lock is held for a few additions.
type meter struct {
	mu         sync.Mutex
	accepted   uint64
	difficulty float64
	rejected   map[string]uint64
	blocks     uint64
	refused    uint64
	ledger     string
	started    time.Time
	slots      [slots]float64 // expected hashes of the shares in each slot
	slot       int64          // number of the newest, since 1970
}

// The hash rate is that of the last ten minutes.
const (
	slots    = 60
	slotTime = 10 * time.Second
)

func newMeter(now time.Time) *meter {
	return &meter{started: now, rejected: map[string]uint64{}, slot: slotOf(now)}
}

func slotOf(t time.Time) int64 { return t.UnixNano() / int64(slotTime) }

// accept counts a share that took the given number of hashes on average.
func (m *meter) accept(now time.Time, hashes float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accepted++
	m.difficulty += difficulty(hashes)
	m.roll(now)
	m.slots[m.slot%slots] += hashes
}

// difficulty is that of the target which takes so many hashes for a share.
func difficulty(hashes float64) float64 { return hashes * 0xffffp-48 }

// roll empties the slots that time has passed.
func (m *meter) roll(now time.Time) {
	s := slotOf(now)
	if s-m.slot >= slots {
		m.slots = [slots]float64{}
		m.slot = s
	}
	for m.slot < s {
		m.slot++
		m.slots[m.slot%slots] = 0
	}
}

// maxCodes bounds the codes that are counted one by one; all are our own words.
const maxCodes = 64

func (m *meter) reject(code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.rejected[code]; !known && len(m.rejected) >= maxCodes {
		return
	}
	m.rejected[code]++
}

func (m *meter) block(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.refused++
	} else {
		m.blocks++
	}
}

// ledgerFailed keeps the ledger's last error for Status; it is true for a new one.
func (m *meter) ledgerFailed(err error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.ledger
	m.ledger = err.Error()
	return m.ledger != was
}

// fill writes the counters to s.
func (m *meter) fill(s *Status, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roll(now)
	sum := 0.0
	for _, h := range m.slots {
		sum += h
	}
	span := min(now.Sub(m.started), slots*slotTime)
	if span >= time.Second {
		s.HashRate = sum / span.Seconds()
	}
	s.Started, s.Accepted, s.Difficulty = m.started, m.accepted, m.difficulty
	s.Blocks, s.Refused, s.LedgerError = m.blocks, m.refused, m.ledger
	s.Rejected = make(map[string]uint64, len(m.rejected))
	for code, n := range m.rejected {
		s.Rejected[code] = n
	}
}
