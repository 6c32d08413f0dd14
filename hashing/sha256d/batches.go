//go:build !purego && (amd64 || arm || arm64 || mips || mipsle)

package sha256d

import "unsafe"

// record is what a kernel in assembly writes when nonces hit: which of its steps
// it was, and which lanes hit, one bit each. A step is a batch of nonces, one in
// each lane, under one midstate.
type record struct {
	step  uint32
	lanes uint32
}

// mostAtOnce is how many nonces a pass does, so that numbers stay small.
const mostAtOnce = 1 << 16

// pass runs a kernel over whole batches of nonces from start on, under one
// midstate. It ends when room records are written to s.records, and returns how
// many are and how many batches are done.
type pass func(s *Search, midstate int, start uint32, batches, room int) (found, done int)

// scanEach scans with one pass for each midstate.
func scanEach(s *Search, start, count uint32, hits []Hit, lanes int, run pass) (n int, done uint32) {
	for done < count {
		left := int(min(count-done, mostAtOnce))
		batches := (left + lanes - 1) / lanes
		room := min(len(s.records), (len(hits)-n)/(lanes*len(s.midstates)))
		if room == 0 {
			break
		}
		first := n
		for m := range s.midstates {
			var found int
			// One that hits often does less: then the others need do no more.
			found, batches = run(s, m, start+done, batches, room)
			for _, r := range s.records[:found] {
				n += r.put(hits[n:], start+done, lanes, m)
			}
		}
		did := min(left, batches*lanes)
		n = first + keepBelow(hits[first:n], start+done, uint32(did))
		done += uint32(did)
	}
	return n, done
}

// scanShared scans with a kernel that tries every midstate under one schedule: a
// step of run is a batch under one midstate, and batches end with the last one.
func scanShared(s *Search, start, count uint32, hits []Hit, lanes int, run pass) (n int, done uint32) {
	versions := len(s.midstates)
	for done < count {
		left := int(min(count-done, mostAtOnce))
		batches := (left + lanes - 1) / lanes
		room := min(len(s.records), (len(hits)-n)/lanes)
		if room < versions {
			break // it must do for one batch
		}
		found, steps := run(s, 0, start+done, batches, room)
		first := n
		for _, r := range s.records[:found] {
			step := int(r.step)
			r.step /= uint32(versions)
			n += r.put(hits[n:], start+done, lanes, step%versions)
		}
		did := min(left, steps/versions*lanes)
		n = first + keepBelow(hits[first:n], start+done, uint32(did))
		done += uint32(did)
	}
	return n, done
}

// put makes hits of a record of a scan from start on.
func (r record) put(hits []Hit, start uint32, lanes, midstate int) (n int) {
	first := start + r.step*uint32(lanes)
	for i := range uint32(lanes) {
		if r.lanes>>i&1 != 0 {
			hits[n] = Hit{Nonce: first + i, Midstate: midstate}
			n++
		}
	}
	return n
}

// keepBelow removes hits that are not among the first count nonces from start on.
func keepBelow(hits []Hit, start, count uint32) (n int) {
	for _, h := range hits {
		if h.Nonce-start < count {
			hits[n] = h
			n++
		}
	}
	return n
}

// aligned returns a T at a multiple of 64 bytes. T has no pointers.
func aligned[T any]() *T {
	const line = 64
	var t T
	b := make([]byte, unsafe.Sizeof(t)+line)
	skip := -uintptr(unsafe.Pointer(&b[0])) % line
	return (*T)(unsafe.Pointer(&b[skip]))
}
