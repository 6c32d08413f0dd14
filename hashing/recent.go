package hashing

// Recent remembers the last 32 solutions, for chips that may report one again. Its
// zero value is empty.
type Recent struct {
	seen [32]struct {
		work  uint64
		nonce uint32
		set   bool
	}
	next int
}

// Add is false if the solution is there already.
func (r *Recent) Add(work uint64, nonce uint32) bool {
	for i := range r.seen {
		if s := &r.seen[i]; s.set && s.work == work && s.nonce == nonce {
			return false
		}
	}
	s := &r.seen[r.next]
	s.work, s.nonce, s.set = work, nonce, true
	r.next = (r.next + 1) % len(r.seen)
	return true
}
