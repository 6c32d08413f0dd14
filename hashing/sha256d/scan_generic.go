package sha256d

import "math/bits"

// plainMemory is what the plain kernel works on. Its part for each midstate is made
// when it is first wanted.
type plainMemory struct {
	whole     [][plainWords]uint32
	version   [][plainVersionWords]uint32
	scheduled [plainRowsWords]uint32
	rows      [plainRows]uint32 // of the message schedule
}

func (m *plainMemory) renew() {
	m.whole = m.whole[:0]
	m.version = m.version[:0]
}

// scanGeneric is plain Go: the kernel for processors without a better one. What it
// does for a nonce is generated like the kernels in assembly, a statement for each
// word: a loop must move eight words each round and cannot fold constants.
func scanGeneric(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	if len(s.midstates) > 1 {
		return scanGenericVersions(s, start, count, hits)
	}
	known := of(s, &s.plain.whole, 0, preparePlain)
	for ; done < count && n < len(hits); done++ {
		last := plainLast(known, bits.ReverseBytes32(start+done))
		if bits.ReverseBytes32(last) <= s.top {
			hits[n] = Hit{Nonce: start + done}
			n++
		}
	}
	return n, done
}

// scanGenericVersions makes a schedule once for all midstates.
func scanGenericVersions(s *Search, start, count uint32, hits []Hit) (n int, done uint32) {
	p := &s.plain
	of(s, &p.version, 0, preparePlainVersion)
	preparePlainRows(&p.scheduled, &s.midstates[0], &s.tail)
	for ; done < count && n+len(s.midstates) <= len(hits); done++ {
		nonce := bits.ReverseBytes32(start + done)
		plainSchedule(&p.scheduled, nonce, &p.rows)
		for i := range p.version {
			last := plainVersion(&p.version[i], &p.rows, nonce)
			if bits.ReverseBytes32(last) <= s.top {
				hits[n] = Hit{Nonce: start + done, Midstate: i}
				n++
			}
		}
	}
	return n, done
}
