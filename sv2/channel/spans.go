package channel

import "time"

// maxSpans is spansPerLevel for each of eight levels.
const (
	spansPerLevel = 3
	maxSpans      = 24
)

// span is a stretch of time. Expected shares are rate * exposure, whatever the
// target was, so spans of different targets add up.
type span struct {
	shares   float64 // in shares of the target of their time
	exposure float64 // seconds / hashes for a share
	seconds  float32
	level    uint8 // made of 2^level fresh ones
}

func (s *span) add(t *span) {
	s.shares += t.shares
	s.exposure += t.exposure
	s.seconds += t.seconds
}

// all is everything that is remembered.
func (v *Vardiff) all() span {
	sum := v.now
	for i := range v.n {
		sum.add(&v.past[i])
	}
	return sum
}

// advance counts the time up to now. A clock that went back, or nobody asking for
// long, says nothing of the device: the window starts again.
func (v *Vardiff) advance(now time.Time) {
	d := now.Sub(v.last)
	if d < 0 || d > longestGap {
		v.restart(now)
		return
	}
	if v.now.seconds >= 1 && max(v.now.shares, v.rate*v.now.exposure) >= 2 {
		v.close()
	}
	v.last = now
	v.now.exposure += d.Seconds() / v.hashes
	v.now.seconds += float32(d.Seconds())
}

func (v *Vardiff) restart(now time.Time) {
	if now.Before(v.started) {
		v.started = now
	}
	v.last, v.now, v.n = now, span{}, 0
}

// close begins a new span. Where a level has one span too many its two oldest
// become one of the next level; the oldest span of all is let go when all is full.
func (v *Vardiff) close() {
	if v.n == maxSpans {
		v.drop(0)
	}
	v.past[v.n] = v.now
	v.n++
	v.now = span{}
	for level := uint8(0); ; level++ {
		first, count := v.level(level)
		if count <= spansPerLevel {
			return
		}
		v.past[first+1].add(&v.past[first])
		v.past[first+1].level++
		v.drop(first)
	}
}

// level is the place of the oldest span of a level, and how many it has.
func (v *Vardiff) level(level uint8) (first, count int) {
	for i := v.n - 1; i >= 0; i-- {
		if v.past[i].level == level {
			first = i
			count++
		}
	}
	return first, count
}

func (v *Vardiff) drop(i int) {
	copy(v.past[i:v.n-1], v.past[i+1:v.n])
	v.n--
}

// forget keeps the newest spans only.
func (v *Vardiff) forget(keep int) {
	copy(v.past[:keep], v.past[v.n-keep:v.n])
	v.n = keep
}
