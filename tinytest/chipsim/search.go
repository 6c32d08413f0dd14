package chipsim

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"time"
)

// A hit is a (version, nonce) that passes the ticket mask.
type hit struct {
	at      time.Duration // when the chip can report it
	nonce   [4]byte       // in the header's order
	excess  byte
	job     byte
	version uint16
	core    int
	late    bool // delayed once already
}

// lookUp tests the position that is due at time t and goes to the next.
func (ch *chip) lookUp(t time.Duration) {
	s := &ch.sweep
	if s.stride == 0 {
		h := s.known[s.next].hit
		h.at = t + ch.c.cfg.StartUp
		ch.found = append(ch.found, h)
	} else {
		ch.status.Samples++
		ch.search(t, s.q/s.counters, s.q%s.counters)
	}
	s.step()
}

// together is how many versions or midstates a counter value is tried with before
// the next value's turn.
func (m *model) together(j *job) int {
	if m.midstates {
		return len(j.mids)
	}
	return m.parallel
}

// search hashes one counter value on all cores under all versions of the group.
func (ch *chip) search(t time.Duration, group, counter int64) {
	c, j, s := ch.c, ch.job, &ch.sweep
	together := ch.m.together(j)
	first := int(group) * together
	n := together
	if j.mids == nil {
		n = min(n, 1<<bits.OnesCount32(s.mask))
	}
	mask := ticketBits(ch.reg[ch.m.reg.ticket])
	if c.chipFault(LowTicket, ch.index) != nil {
		mask = 0
	}
	target := threshold(c.cfg.Zeros, mask)
	c.mids = j.midstates(c.mids, s.mask, first, n)
	c.search.Prepare(&j.header, c.mids, &target)
	start := len(ch.found)
	ch.m.rows(s.first+uint32(counter), func(nonce, count uint32) {
		for done := uint32(0); done < count; {
			hits, d := c.kernel.Scan(&c.search, nonce+done, count-done, c.hits)
			for _, h := range c.hits[:hits] {
				ch.candidate(t, h.Nonce, first, h.Midstate, uint32(counter), mask)
			}
			done += d
		}
	})
	slices.SortFunc(ch.found[start:], func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.core, b.core), cmp.Compare(a.version, b.version))
	})
}

// rows lists the nonces (as numbers, least significant byte first) that hold a
// counter value on any core, and maybe others between them. A BM1387's address is
// the number's lowest byte; in which order it counts the rest is a guess.
func (m *model) rows(counter uint32, scan func(nonce, count uint32)) {
	if m.bm1387 {
		low := counter>>17&0xff | counter&0xffff<<8 | counter>>16&1<<31
		for core := range uint32(m.cores) {
			scan(low|core<<24, 1)
		}
		return
	}
	// The cores are in the header's first nonce byte, the lowest of the number:
	// 256 numbers in a row are all cores, and the counter's next bit.
	counter &= 1<<m.counterBits() - 1
	for small := range uint32(1) << m.coreSmall {
		scan(bits.ReverseBytes32(small<<m.counterBits()|counter)&^0xff, 256)
	}
}

// where takes a nonce apart. small counts the small cores that split the nonces,
// core by core.
func (m *model) where(nonce uint32) (core, small int, counter uint32) {
	if m.bm1387 {
		core = int(nonce >> 24 & 0x7f)
		return core, core, nonce&0xff<<17 | nonce>>31<<16 | nonce>>8&0xffff
	}
	n := bits.ReverseBytes32(nonce)
	return int(n >> (32 - m.coreBits)), int(n >> m.counterBits()), n & (1<<m.counterBits() - 1)
}

// candidate checks what a kernel found, whose top 32 bits alone are right.
func (ch *chip) candidate(t time.Duration, nonce uint32, first, k int, counter, mask uint32) {
	core, small, got := ch.m.where(nonce)
	want := (ch.sweep.first + counter) & (1<<ch.m.counterBits() - 1)
	if got != want || core >= ch.m.cores || ch.silicon.dead(small*ch.m.parallel+k%ch.m.parallel) {
		return
	}
	h := hit{at: t + ch.c.cfg.StartUp, core: core}
	binary.LittleEndian.PutUint32(h.nonce[:], nonce)
	var ok bool
	if h.excess, ok = meets(ch.job.hash(ch.c.mids[k], h.nonce), ch.c.cfg.Zeros, mask); ok {
		ch.label(&h, first+k)
		ch.found = append(ch.found, h)
	}
}

// label puts job byte and version into a hit.
func (ch *chip) label(h *hit, counter int) {
	if !ch.m.midstates {
		h.version = uint16(spread(uint32(counter), ch.sweep.mask))
	}
	h.job = ch.m.jobByte(ch.job.id, uint32(counter))
}

// threshold is the easiest target that holds everything the chip accepts.
func threshold(zeros int, mask uint32) (target [32]byte) {
	for i := range target[:28] {
		target[i] = 0xff
	}
	lead := min(32, zeros+bits.LeadingZeros32(^mask))
	binary.LittleEndian.PutUint32(target[28:], uint32(1<<(32-lead)-1))
	return target
}

// knownOf finds the solutions that lie on the chip's way, in order.
func (ch *chip) knownOf(s *sweep) []known {
	if s.counters == 0 {
		return nil
	}
	var list []known
	mask := ticketBits(ch.reg[ch.m.reg.ticket])
	for i := range ch.c.cfg.Solutions {
		version, nonce, ok := ch.c.cfg.Solutions[i].version(ch.job, s.mask)
		if !ok {
			continue
		}
		core, _, counter := ch.m.where(binary.LittleEndian.Uint32(nonce[:]))
		i := int64(counter-s.first) & (1<<ch.m.counterBits() - 1)
		excess, good := meets(ch.job.hash(ch.job.midstates(nil, s.mask, version, 1)[0], nonce), 32, mask)
		if !good || i >= s.counters || core >= ch.m.cores {
			continue
		}
		h := hit{nonce: nonce, excess: excess, core: core}
		ch.sweep.mask = s.mask
		ch.label(&h, version)
		list = append(list, known{int64(version/ch.m.together(ch.job))*s.counters + i, h})
	}
	slices.SortFunc(list, func(a, b known) int { return cmp.Compare(a.q, b.q) })
	return list
}
